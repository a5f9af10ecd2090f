// How a message shows a value of unknown shape: as JSON, cut where it is long. It costs no more than what it shows, whatever the
// value: one of a file may be nested deeper than the stack, or larger than a string can be.

/** The beginning of the value as JSON, at most `most` characters of it; on one line. */
export function shortJson(value: unknown, most = 80): string {
  let text = "";
  const isFull = (): boolean => text.length >= most;
  const list = (close: string, parts: Iterable<() => void>): void => {
    let separator = "";
    for (const part of parts) {
      text += separator;
      if (isFull()) return;
      part();
      separator = ",";
    }
    text += close;
  };
  const write = (x: unknown): void => {
    if (isFull()) return;
    if (typeof x === "string") text += JSON.stringify(x.slice(0, most));
    else if (typeof x !== "object" || x === null) text += typeof x === "number" ? JSON.stringify(x) : String(x);
    else if (Array.isArray(x)) {
      text += "[";
      list("]", lazily(x, write));
    } else {
      text += "{";
      list(
        "}",
        lazily(Object.keys(x), (key) => writeEntry(x, key)),
      );
    }
  };
  const writeEntry = (record: object, key: string): void => {
    text += `${JSON.stringify(key.slice(0, most))}:`;
    write(Object.getOwnPropertyDescriptor(record, key)?.value);
  };
  write(value);
  return text.slice(0, most);
}

function* lazily<T>(items: readonly T[], write: (item: T) => void): Iterable<() => void> {
  for (const item of items) yield () => write(item);
}

/** A name that comes from outside as a message has it: as it is, or as JSON where it is long or not on one line. */
export const shortName = (name: string): string =>
  name.length > 200 || /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(name) ? shortJson(name) : name;

/** The first of some names that come from outside, as a message has them. */
export const listNames = (names: readonly string[], most = 8): string =>
  names.slice(0, most).map(shortName).join(", ") + (names.length > most ? ", …" : "");

/** A value of a program's own as a message shows it: what no file can hold, too. */
export function shortValue(value: unknown): string {
  if (typeof value === "function") return `the function ${shortName(value.name) || "without a name"}`;
  if (typeof value === "number") return String(value);
  return value instanceof Promise ? "a promise" : shortJson(value);
}
