// Elements of an SVG picture as text. Nothing here knows a font: text is measured by its letters. Places are pixels, y downwards.
import { printable } from "../base/index.ts";

/** Of a letter, in ems: sans-serif fonts are narrower, on average. */
const LETTER = 0.58;

/** Text as XML has it, control characters written out. */
export const escaped = (content: string): string =>
  printable(content).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** A length or a place, to a tenth of a pixel. */
export const px = (x: number): string => String(Math.round(10 * x) / 10);

/** A line of text on the baseline `y`. */
export const text = (x: number, y: number, content: string, attributes = ""): string =>
  `<text x="${px(x)}" y="${px(y)}"${attributes && ` ${attributes}`}>${escaped(content)}</text>`;

/** How wide a line of text is at most, as a rule, in a font of that size. */
export const widthOf = (content: string, size: number): number => content.length * size * LETTER;

/** A straight line. */
export const line = (from: readonly [number, number], to: readonly [number, number], attributes: string): string =>
  `<line x1="${px(from[0])}" y1="${px(from[1])}" x2="${px(to[0])}" y2="${px(to[1])}" ${attributes}/>`;
