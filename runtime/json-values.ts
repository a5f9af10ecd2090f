// Parsed JSON of unknown shape: what it is, and how a message shows it.
import { shortJson } from "../base/index.ts";

export const isRecord = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === "object" && x !== null && !Array.isArray(x);
/** A token id, which a GPU has as i32. */
export const isId = (x: unknown): x is number => Number.isInteger(x) && Number(x) >= 0 && Number(x) < 2 ** 31;
/** The value as JSON, cut where it is long. */
export const quote = (x: unknown): string => shortJson(x);
