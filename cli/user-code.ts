// Where in a user's own code an error comes from: a plugin's rule, op or kernel, which wgpt calls.
import { isAbsolute, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The folders that wgpt itself lies in, from source or as it is published. */
const OURS = ["base", "ir", "passes", "codegen", "runtime", "engine", "cli"].map((folder) =>
  fileURLToPath(new URL(`../${folder}/`, import.meta.url)),
);

/** Libraries that stand between wgpt and a plugin on the stack. */
const BETWEEN = /[/\\]node_modules[/\\](?:jiti|tsx|commander|handlebars)[/\\]/;

/** A path as a message shows it: from the working directory where it lies there. */
export function shownPath(path: string): string {
  const from = relative(process.cwd(), path) || ".";
  return from.startsWith("..") || isAbsolute(from) ? path : from;
}

/** `plugin.ts:12`: the line of a user's that an error, or what caused it, was thrown in; undefined where only wgpt was at work. */
export function userLine(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const inner = userLine(error.cause);
  if (inner !== undefined) return inner;
  for (const line of (error.stack ?? "").split("\n")) {
    const [, place, row] = /^\s+at (?:.*? \()?((?:file:\/\/)?(?:\/|[A-Za-z]:[/\\]).*?):(\d+):\d+\)?$/.exec(line) ?? [];
    if (place === undefined) continue;
    const path = place.startsWith("file://") ? fileURLToPath(place) : place;
    if (!BETWEEN.test(path) && !OURS.some((folder) => path.startsWith(folder))) return `${shownPath(path)}:${row}`;
  }
  return undefined;
}
