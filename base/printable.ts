// Text from outside, such as the names in a file, as a message or a terminal may hold it. A control character could move the
// cursor, change what is on the screen, or make the terminal answer; a mark of direction could show a name as another.

const CONTROLS = /\p{Cc}/gu;
const CONTROLS_BUT_LAYOUT = /[^\P{Cc}\n\t]/gu;
const MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/gu;

/** `\n`, `\u009b` */
const escaped = (c: string): string => {
  const short = JSON.stringify(c).slice(1, -1);
  return short === c ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : short;
};

/** On one line, with control characters and marks of direction written out. */
export const printable = (text: string): string => text.replaceAll(CONTROLS, escaped).replaceAll(MARKS, escaped);

/** As `printable`, but lines stay lines. */
export const printableLines = (text: string): string =>
  text.replaceAll(CONTROLS_BUT_LAYOUT, escaped).replaceAll(MARKS, escaped);

/** As a reader is to see it: marks of direction are part of a text, and only control characters are written out. */
export const withoutControls = (text: string): string => text.replaceAll(CONTROLS_BUT_LAYOUT, escaped);
