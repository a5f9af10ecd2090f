// Whether codegen/kernels/templates.ts is what `npm run templates` makes of the .wgsl.hbs files now. It says so itself, by a hash
// of them, so that no package is needed to see it.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./run-command.mjs";

/** Where they are, and what is made of them. */
export const TEMPLATES = join(ROOT, "codegen", "kernels");
export const PRECOMPILED = join(TEMPLATES, "templates.ts");
const EXTENSION = ".wgsl.hbs";

/**
 * The text of every template in a folder, by its name, in the order of the names.
 * @param {string} folder
 * @returns {ReadonlyMap<string, string>}
 */
export function readTemplates(folder) {
  const files = readdirSync(folder).filter((file) => file.endsWith(EXTENSION));
  return new Map(
    files.sort().map((file) => [file.slice(0, -EXTENSION.length), readFileSync(join(folder, file), "utf8")]),
  );
}

/** One number for all of them, partials too. */
export function templatesHash() {
  const hash = createHash("sha256");
  for (const folder of [TEMPLATES, join(TEMPLATES, "partials")])
    for (const [name, text] of readTemplates(folder)) hash.update(`${name}\0${text}\0`);
  return hash.digest("hex");
}

/** Undefined, or what to do first. */
export function staleTemplates() {
  const text = readFileSync(PRECOMPILED, "utf8");
  return text.includes(templatesHash()) ? undefined : "codegen/kernels/templates.ts is stale: run `npm run templates`";
}
