// The one way in which wgpt says no, for every layer: the place, the two facts that disagree, and the way out, in words for
// people and as data for programs.
import { printableLines } from "./printable.ts";

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
 * What kind of no it is, for programs; people read the message.
 * - `bad-graph`: a graph, an op, a rule, a pass or a kernel breaks a promise of its own.
 * - `beyond-target`: what was compiled needs more than its target has.
 * - `bad-option`: a setting or an argument is out of range, or does not go with another.
 * - `bad-file`: a file is missing, can't be read, or does not hold what it should.
 * - `bad-config`: a config asks for what can't be expressed.
 * - `missing-weights`: a checkpoint lacks tensors, or has them in other shapes.
 * - `bad-bundle`: a bundle is of another version, or no bundle.
 * - `bad-dim`: a call's symbols are out of range, or read or write beyond what there is.
 * - `bad-token`: an id that is no token; a text without a tokenizer.
 * - `context-full`: more tokens than the context holds.
 * - `busy`: the sequence is another call's, and this one was told not to wait.
 * - `closed`: what was called is closed.
 * - `no-adapter`: there is no GPU, or it lacks what is needed.
 * - `out-of-memory`: the memory is not there.
 * - `not-finite`: logits that are no distribution.
 * - `device`: WebGPU reported an error.
 * - `device-lost`: the device is gone, with all that was on it.
 * - `run`: any other, of the runtime.
 */
export type ErrorCode =
  | "bad-graph"
  | "beyond-target"
  | "bad-option"
  | "bad-file"
  | "bad-config"
  | "missing-weights"
  | "bad-bundle"
  | "bad-dim"
  | "bad-token"
  | "context-full"
  | "busy"
  | "closed"
  | "no-adapter"
  | "out-of-memory"
  | "not-finite"
  | "device"
  | "device-lost"
  | "run";

/** What an error may say beyond the place and the facts. */
export interface ErrorDetails {
  readonly code?: ErrorCode;
  /** The way out, in words. */
  readonly hint?: string | undefined;
  /** The same as data, where following it needs no judgement. */
  readonly fix?: Fix | undefined;
}

/**
 * The one error class: it names the place, the facts that disagree, and the way out:
 * `model.safetensors h.0.ln_1.weight: its data ends at byte 900, but the file has 800 bytes` / `hint: …`.
 */
export class WgptError extends Error {
  readonly code: ErrorCode;
  /** Where: a file, a key, an op and its value, a command's option. */
  readonly place: string;
  /** What disagrees there. */
  readonly facts: string;
  /** The way out, in words. */
  readonly hint: string | undefined;
  /** The same as data, where following it needs no judgement. */
  readonly fix: Fix | undefined;

  constructor(code: ErrorCode, place: string, facts: string, details: ErrorDetails = {}) {
    const { hint, fix } = details;
    super(printableLines(hint === undefined ? `${place}: ${facts}` : `${place}: ${facts}\nhint: ${hint}`));
    this.code = details.code ?? code;
    this.place = place;
    this.facts = facts;
    this.hint = hint;
    this.fix = fix;
  }
}

/** The hint alone, with its fix behind it, or all details. */
export const detailsOf = (details: string | ErrorDetails | undefined, fix: Fix | undefined): ErrorDetails =>
  typeof details === "object" ? details : { hint: details, fix };

/** How the message of a bug in wgpt begins. */
export const INTERNAL = "internal error, please report it: ";

/** For a state that the code before it makes impossible: a bug in wgpt, never a user's mistake. */
export function unreachable(what: string): never {
  throw new Error(`${INTERNAL}${what}`);
}
