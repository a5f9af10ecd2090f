// Writes what was measured into docs/reliability.md, each part between marks of its own, so that each can be measured alone.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url));

/** The parts of the page, each renewed by the command of its name. */
export type SectionName = "fuzz" | "flips" | "faults" | "soak";

export const writeSection = (name: SectionName, text: string): void =>
  writeFileSync(PAGE, replaceSection(readFileSync(PAGE, "utf8"), name, text));

/** The text with the section of that name replaced; it comes last where there is none. */
export function replaceSection(text: string, name: string, section: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const made = `${begin}\n\n${section.trim()}\n\n${end}`;
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) return `${text.trimEnd()}\n\n${made}\n`;
  return text.slice(0, from) + made + text.slice(to + end.length);
}

/** A table in Markdown, as the formatter writes it: all cells of a column are of one width. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, i) => Math.max(3, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string => `| ${widths.map((w, i) => (row[i] ?? "").padEnd(w)).join(" | ")} |`;
  const [first = [], ...others] = cells;
  return [first, widths.map((width) => "-".repeat(width)), ...others].map(line).join("\n");
}
