// From a template's text to code, by Handlebars' compiler: for templates.ts, which is made beforehand, and for template-compiler.ts.
import Handlebars from "handlebars";
import { shortValue } from "../base/short-json.ts";
import { CompileError } from "../ir/index.ts";

/** Names in a template that are no parameters. */
const BUILTIN = new Set(["if", "unless", "each", "f32", "times"]);

type Options = NonNullable<Parameters<typeof Handlebars.compile>[1]>;
/** Of every template. */
export const TEMPLATE_OPTIONS: Options = {
  strict: true,
  noEscape: true,
  knownHelpersOnly: true,
  knownHelpers: { f32: true, times: true } as unknown as NonNullable<Options["knownHelpers"]>,
};

/**
 * What a template's text becomes, as the text of a JavaScript expression: write it to a file, and give its value to
 * `precompiledTemplate` of `wgpt/codegen`, which needs no `eval`. `name` is what errors call the template.
 * @throws CompileError for text that is no template.
 */
export const precompileTemplate = (name: string, text: string, readsOf?: ReadsOf): string =>
  `{ "reads": ${JSON.stringify(parametersOf(name, text, readsOf))}, "spec": ${Handlebars.precompile(text, TEMPLATE_OPTIONS)} }`;

/** The parameters that a partial reads, by its name; undefined of one that there is not. */
export type ReadsOf = (partial: string) => readonly string[] | undefined;

/**
 * The parameters that a text reads, from its syntax tree: Handlebars renders a missing `{{#if x}}` as false even when strict. Those of
 * the partials that it uses are among them, but for what it gives them itself.
 * @throws CompileError for text that is no template, and for a partial that `readsOf` does not know.
 */
export function parametersOf(name: string, text: string, readsOf: ReadsOf = () => []): readonly string[] {
  const names = new Set<string>();
  class Collect extends Handlebars.Visitor {
    override PartialStatement(partial: hbs.AST.PartialStatement): void {
      this.acceptArray(partial.params);
      // The syntax tree has none where nothing is given, whatever its type says.
      const given = (partial.hash as hbs.AST.Hash | undefined)?.pairs ?? [];
      this.acceptArray(given.map((pair) => pair.value));
      const own = new Set(given.map((pair) => pair.key));
      if (!("original" in partial.name)) return;
      const used = String(partial.name.original);
      const reads = readsOf(used);
      if (!reads)
        throw new CompileError(name, `uses the partial ${shortValue(used)}, which there is not`, "write its text here");
      for (const read of reads) if (!own.has(read)) names.add(read);
    }
    override PathExpression(path: hbs.AST.PathExpression): void {
      const [head] = path.parts;
      if (!path.data && typeof head === "string" && !BUILTIN.has(head)) names.add(head);
    }
  }
  new Collect().accept(parse(name, text));
  return [...names];
}

function parse(name: string, text: string): ReturnType<typeof Handlebars.parse> {
  if (typeof text !== "string")
    throw new CompileError(name, `its text is ${shortValue(text)}`, "templates are Handlebars'");
  try {
    return Handlebars.parse(text);
  } catch (error) {
    const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new CompileError(name, `is no template: ${first.replace(/:$/, "")}`, "templates are Handlebars'");
  }
}
