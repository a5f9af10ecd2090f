// The one way in which wgpt says no, for every layer: the place, the two facts that disagree, and the way out, in words for
// people and as data for programs.

/**
 * A way out that a program can follow. Following it ends in a run, or in another refusal: never in the same one.
 * - `edit-json`: change keys of a JSON file; `set` gives a key its value, `unset` takes keys away.
 * - `rename`, `remove`: of a file that the user has.
 * - `options`: run the same command once more with these arguments added (`["--tokens", "1,2,3"]`), and those in `drop` left out.
 * - `command`: run this command instead, or first (`["wgpt", "make-checkpoint", …]`).
 * Files are as the user named them, or joined to the folder that the user named.
 */
export type Fix =
  | {
      readonly kind: "edit-json";
      readonly file: string;
      readonly set?: Readonly<Record<string, unknown>>;
      readonly unset?: readonly string[];
    }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "remove"; readonly file: string }
  | { readonly kind: "options"; readonly add: readonly string[]; readonly drop?: readonly string[] }
  | { readonly kind: "command"; readonly command: readonly string[] };

/**
 * An error that names the place, the facts that disagree, and the way out:
 * `model.safetensors h.0.ln_1.weight: its data ends at byte 900, but the file has 800 bytes` / `hint: …`.
 */
export class WgptError extends Error {
  /** Where: a file, a key, an op and its value, a command's option. */
  readonly place: string;
  /** What disagrees there. */
  readonly facts: string;
  /** The way out, in words. */
  readonly hint: string | undefined;
  /** The same as data, where following it needs no judgement. */
  readonly fix: Fix | undefined;

  constructor(place: string, facts: string, hint?: string, fix?: Fix) {
    super(hint === undefined ? `${place}: ${facts}` : `${place}: ${facts}\nhint: ${hint}`);
    this.place = place;
    this.facts = facts;
    this.hint = hint;
    this.fix = fix;
  }
}

/** How the message of a bug in wgpt begins. */
export const INTERNAL = "internal error, please report it: ";

/** For a state that the code before it makes impossible: a bug in wgpt, never a user's mistake. */
export function unreachable(what: string): never {
  throw new Error(`${INTERNAL}${what}`);
}
