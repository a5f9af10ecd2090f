// Figures as tables print them.

/** Three digits, whatever the size. */
export const digits = (x: number): string => (Math.abs(x) >= 99.95 ? x.toFixed(0) : x.toPrecision(3));

/** A rate that is 0 or more; what is hardly any is not written out. */
export const rate = (x: number): string => (x > 0 && x < 0.01 ? "<0.01" : digits(x));

/** Words on lines of at most so many characters, where no word is longer; all but the first are indented as much as the first. */
export function wrapped(words: readonly string[], indent: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}${word}`);
  }
  return lines;
}

const SI = ["", " k", " M", " G", " T", " P"] as const;

/** `2.36 M`, in powers of 1000; a small whole number as it is. */
export function short(x: number): string {
  if (Number.isInteger(x) && Math.abs(x) < 1000) return String(x);
  let power = 0;
  while (Math.abs(x) >= 999.5 && power < SI.length - 1) {
    x /= 1000;
    power++;
  }
  return `${digits(x)}${SI[power]}`;
}

/** `17.1 µs`, `1.04 ms`, `2.50 s`. */
export function printSeconds(seconds: number): string {
  if (seconds < 0.9995e-3) return `${digits(seconds * 1e6)} µs`;
  return seconds < 0.9995 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds)} s`;
}

/** `23.4 %` of a share. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
