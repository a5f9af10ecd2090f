/**
 * The runtime's one error class. An error names the place, the two facts that disagree, and the way out:
 * `model.safetensors h.0.ln_1.weight: its data ends at byte 900, but the file has 800 bytes` / `hint: …`.
 */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly place: string;
  readonly facts: string;
  readonly hint: string | undefined;

  constructor(place: string, facts: string, hint?: string) {
    super(hint === undefined ? `${place}: ${facts}` : `${place}: ${facts}\nhint: ${hint}`);
    this.place = place;
    this.facts = facts;
    this.hint = hint;
  }
}
