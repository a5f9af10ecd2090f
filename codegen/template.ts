// WGSL templates. A template declares its parameters; one that is unknown, missing or unused stops the build.
import { readFileSync } from "node:fs";
import Handlebars from "handlebars";
import type { Address } from "../base/host-type.ts";
import { CompileError, castNumber } from "../ir/index.ts";
import { wgslLiteral } from "./wgsl-element.ts";

/** What a template can be given. */
export type Param = number | string | boolean;

/** A `.wgsl.hbs` file and the exact set of parameters it may read. */
export interface Template<K extends string> {
  readonly file: string;
  /** The text, without blank lines in a row. @throws CompileError for a parameter that is missing, or never read. */
  render(params: Readonly<Record<K, Param>>): string;
}

/** Names in a template that are no parameters. */
const BUILTIN = new Set(["if", "unless", "each", "f32"]);

const hbs = Handlebars.create();
/** Prints a number as a WGSL f32 literal: 1 → `1.0`, 1e-5 → `0.00001`. */
hbs.registerHelper("f32", (x: unknown) => {
  if (typeof x === "number" && Number.isFinite(castNumber(x, "f32"))) return wgslLiteral(x, "f32");
  throw new CompileError("template", `${String(x)} is no f32 constant`, "WGSL constants are finite numbers");
});

for (const [name, source] of Object.entries(readPartials(new URL("./kernels/partials/", import.meta.url))))
  hbs.registerPartial(name, source);

function readPartials(folder: URL): Record<string, string> {
  const names = ["linear-id"];
  return Object.fromEntries(names.map((n) => [n, readFileSync(new URL(`${n}.wgsl.hbs`, folder), "utf8")]));
}

/**
 * Loads a template from its file, a path or a `file:` URL.
 * @throws CompileError when what it reads and what is declared differ.
 */
export function loadTemplate<const K extends string>(place: Address, declared: readonly K[]): Template<K> {
  const file = String(place).split(/[/\\]/).at(-1) ?? String(place);
  return template(file, readFileSync(place, "utf8"), declared);
}

/**
 * A template from its text; `name` is what errors call it. Handlebars renders a missing `{{#if x}}` as false even when
 * strict, so the names are compared on the syntax tree.
 * @throws CompileError for text that is no template, and when what it reads and what is declared differ.
 */
export function template<const K extends string>(name: string, source: string, declared: readonly K[]): Template<K> {
  const file = name;
  const used = freeNames(source);
  const missing = [...used].filter((n) => !(declared as readonly string[]).includes(n));
  const unused = declared.filter((n) => !used.has(n));
  if (missing.length > 0)
    throw new CompileError(
      file,
      `reads ${missing.join(", ")}, which its kernel does not declare`,
      "add it to the declared parameters",
    );
  if (unused.length > 0)
    throw new CompileError(file, `never reads ${unused.join(", ")}`, "drop it from the declared parameters, or use it");
  const known = { f32: true } as unknown as KnownHelpers;
  const compiled = hbs.compile(source, { strict: true, noEscape: true, knownHelpersOnly: true, knownHelpers: known });
  const render = (params: Readonly<Record<K, Param>>): string => {
    // Kernels of every template are kept in one list, so that TypeScript has forgotten by now which parameters these are.
    const absent = declared.find((n) => params[n] === undefined);
    if (absent !== undefined) throw new CompileError(file, `its kernel gives no ${absent}`);
    const extra = Object.keys(params).find((n) => !used.has(n));
    if (extra !== undefined) throw new CompileError(file, `its kernel gives ${extra}, which it never reads`);
    return tidy(compiled(params));
  };
  return { file, render };
}

type KnownHelpers = NonNullable<Parameters<typeof Handlebars.compile>[1]>["knownHelpers"] & object;

/** No blank lines in a row, none at the ends: hooks that print nothing leave no trace. */
const tidy = (text: string): string => `${text.replaceAll(/\n{3,}/g, "\n\n").trim()}\n`;

function freeNames(source: string): Set<string> {
  const names = new Set<string>();
  class Collect extends Handlebars.Visitor {
    override PartialStatement(partial: hbs.AST.PartialStatement): void {
      this.acceptArray(partial.params);
    }
    override PathExpression(path: hbs.AST.PathExpression): void {
      const [head] = path.parts;
      if (!path.data && typeof head === "string" && !BUILTIN.has(head)) names.add(head);
    }
  }
  new Collect().accept(Handlebars.parse(source));
  return names;
}
