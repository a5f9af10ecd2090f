/** The compiler's one error class: an error names the place, the two facts that disagree, and the way out. */
export class CompileError extends Error {
  override readonly name = "CompileError";
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

/** For a state that the code before it makes impossible: a bug in wgpt, never a user's mistake. */
export function unreachable(what: string): never {
  throw new Error(`wgpt is wrong about itself: ${what}`);
}

/** The element at `index`, where the caller knows that there is one. */
export function at<X>(list: ArrayLike<X>, index: number): X {
  const found = list[index < 0 ? list.length + index : index];
  if (found === undefined) unreachable(`index ${index} of ${list.length}`);
  return found;
}
