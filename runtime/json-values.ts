// Parsed JSON of unknown shape: what it is, and how a message shows it.

export const isRecord = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === "object" && x !== null && !Array.isArray(x);
/** A token id. */
export const isId = (x: unknown): x is number => Number.isSafeInteger(x) && Number(x) >= 0;
/** The value as JSON, cut where it is long. */
export const quote = (x: unknown): string => String(JSON.stringify(x)).slice(0, 80);
