// WGSL templates, as they are run. A template declares its parameters; one that is unknown, missing or unused stops the build.
// Templates are precompiled: Handlebars' compiler, which needs `eval`, is in template-compiler.ts and nothing here imports it.
import runtime from "handlebars/runtime.js";
import { shortValue } from "../base/short-json.ts";
import { CompileError, castNumber } from "../ir/index.ts";
import { PARTIALS } from "./kernels/templates.ts";
import type { PrecompiledTemplate } from "./precompiled-template.ts";
import { wgslLiteral } from "./wgsl-element.ts";

export type { PrecompiledTemplate } from "./precompiled-template.ts";

/** What a template can be given. */
export type Param = number | string | boolean;

/** A template and the exact set of parameters it may read. */
export interface Template<K extends string> {
  /** What errors call it. */
  readonly file: string;
  /** The text, without blank lines in a row. @throws CompileError for a parameter that is missing, or never read. */
  render(params: Readonly<Record<K, Param>>): string;
}

/** Prints a number as a WGSL f32 literal: 1 → `1.0`, 1e-5 → `0.00001`. */
export function printF32(x: unknown): string {
  if (typeof x === "number" && Number.isFinite(castNumber(x, "f32"))) return wgslLiteral(x, "f32");
  throw new CompileError("template", `${String(x)} is no f32 constant`, "WGSL constants are finite numbers");
}

/** What Handlebars gives a helper of a block, as far as it is used here. */
interface Block {
  readonly fn: (context: unknown, options: { readonly data: object }) => string;
  /** Variables such as `@index`; those of the block around it as `_parent`. */
  readonly data: object;
}

/** More than any shader has use for, and few enough to print. */
const MOST_TIMES = 2 ** 16;

/** The block as often as its argument says, counted in `@index`: what would stand in a loop, unrolled. */
export function printTimes(this: unknown, ...given: readonly unknown[]): string {
  // What Handlebars knows of the block comes last, behind what the template gives.
  const [times] = given;
  const { fn, data } = given.at(-1) as Partial<Block>;
  if (given.length !== 2 || fn === undefined || data === undefined)
    throw new CompileError(
      "template",
      `times is given ${given.length - 1} values${fn === undefined ? ", and no block" : ""}`,
      "it takes a number and a block: {{#times n}}…{{/times}}",
    );
  if (typeof times !== "number" || !Number.isSafeInteger(times) || times < 0 || times > MOST_TIMES)
    throw new CompileError(
      "template",
      `a block stands ${shortValue(times)} times`,
      `times takes a whole number, 0 to ${MOST_TIMES}`,
    );
  return Array.from({ length: times }, (_, index) => fn(this, { data: { ...data, _parent: data, index } })).join("");
}

const environment = runtime.create();
environment.registerHelper("f32", printF32);
environment.registerHelper("times", printTimes);
for (const [name, { spec }] of Object.entries(PARTIALS)) environment.registerPartial(name, environment.template(spec));

/**
 * A template from what `precompileTemplate` made of its text; `name` is what errors call it. It needs no `eval`.
 * @throws CompileError when what it reads and what is declared differ.
 */
export const precompiledTemplate = <const K extends string>(
  name: string,
  { reads, spec }: PrecompiledTemplate,
  declared: readonly K[],
): Template<K> => checkedTemplate(name, reads, declared, environment.template(spec));

/**
 * A template that renders by `print`, once what it reads and what is declared are found to be the same.
 * @throws CompileError when they differ.
 */
export function checkedTemplate<const K extends string>(
  file: string,
  reads: readonly string[],
  declared: readonly K[],
  print: (params: object) => string,
): Template<K> {
  if (!Array.isArray(declared as unknown))
    throw new CompileError(file, `declares ${shortValue(declared)}`, "it declares a list of parameters, by name");
  const missing = reads.filter((n) => !(declared as readonly string[]).includes(n));
  const unused = declared.filter((n) => !reads.includes(n));
  if (missing.length > 0)
    throw new CompileError(
      file,
      `reads ${missing.join(", ")}, which its kernel does not declare`,
      "add it to the declared parameters",
    );
  if (unused.length > 0)
    throw new CompileError(file, `never reads ${unused.join(", ")}`, "drop it from the declared parameters, or use it");
  const render = (params: Readonly<Record<K, Param>>): string => {
    // Kernels of every template are kept in one list, so that TypeScript has forgotten by now which parameters these are.
    const absent = declared.find((n) => params[n] === undefined);
    if (absent !== undefined) throw new CompileError(file, `its kernel gives no ${absent}`);
    const extra = Object.keys(params).find((n) => !reads.includes(n));
    if (extra !== undefined) throw new CompileError(file, `its kernel gives ${extra}, which it never reads`);
    return tidy(print(params));
  };
  return { file, render };
}

/** No blank lines in a row, none at the ends: hooks that print nothing leave no trace. */
const tidy = (text: string): string => `${text.replaceAll(/\n{3,}/g, "\n\n").trim()}\n`;
