// How the runtime says no.
import { detailsOf, type ErrorCode, type ErrorDetails, type Fix, own, printable, WgptError } from "../base/index.ts";

export { type ErrorCode, type ErrorDetails, type Fix, WgptError } from "../base/index.ts";

/** A WgptError of what can't be read, loaded or run as it was asked for; `code` says more. */
export class RuntimeError extends WgptError {
  override readonly name = "RuntimeError";

  constructor(place: string, facts: string, details?: string | ErrorDetails, fix?: Fix) {
    super("run", place, facts, detailsOf(details, fix));
  }
}

/** An error of that code, with a hint and its fix; on one line, whatever names it quotes. */
const errorOf =
  (code: ErrorCode) =>
  (place: string, facts: string, hint?: string, fix?: Fix): RuntimeError =>
    new RuntimeError(printable(place), printable(facts), { code, hint, fix });

/** Why the system refused, without its name for the call and the file: a message has named the file already. */
export const reasonOf = ({ message }: Error): string => message.replace(/^E[A-Z]+: |, [a-z]+( '.*)?$/g, "");

const ROOM = "make room on that disk, or write to another";
const WAYS_OUT: Readonly<Record<string, string>> = {
  ENOSPC: ROOM,
  EDQUOT: ROOM,
  EFBIG: "write to a disk that takes larger files; `ulimit -f` says whether they have a limit of this shell's",
  EROFS: "this disk is only read: write to another",
  ENAMETOOLONG: "give a shorter name",
  EPIPE: "its reader must read to the end",
  EMFILE: "`ulimit -n` says how many files may be open: raise that",
};

/** What helps where the system refused to write, by its name for the reason; `otherwise` where that names no other. */
export const wayOutOf = (error: Error, otherwise: string): string =>
  ("code" in error && own(WAYS_OUT, String(error.code))) || otherwise;

/** A file that is missing, can't be read or written, or does not hold what it should. */
export const fileError = errorOf("bad-file");
/** A setting that is out of range, or does not go with another. */
export const optionError = errorOf("bad-option");
/** A checkpoint whose tensors are not the model's. */
export const weightsError = errorOf("missing-weights");
/** A bundle that is none, or of another version. */
export const bundleError = errorOf("bad-bundle");
/** Symbols of a call that are out of range, or do not go together. */
export const dimError = errorOf("bad-dim");
/** What WebGPU reported. */
export const deviceError = errorOf("device");
/** A device that is gone, and why. */
export const lostError = (place: string, why: string, hint = ANOTHER_DEVICE): RuntimeError =>
  errorOf("device-lost")(place, `the device was lost: ${why}`, hint);

const ANOTHER_DEVICE =
  "open another device and load the model on it again: a device that was given is its owner's to replace";

/** Whether an error says that the device is gone. */
export const isLoss = (error: unknown): error is RuntimeError =>
  error instanceof RuntimeError && error.code === "device-lost";
