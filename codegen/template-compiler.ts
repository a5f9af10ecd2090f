/**
 * Templates of a plugin's kernels, from their text. This is the only module that loads Handlebars' compiler: `template` makes
 * code from text as it runs, which a strict content policy forbids; `precompileTemplate` does it beforehand.
 * @module wgpt/template
 */
import Handlebars from "handlebars";
import { own } from "../base/index.ts";
import { PARTIALS } from "./kernels/templates.ts";
import { parametersOf, TEMPLATE_OPTIONS } from "./precompile.ts";
import { checkedTemplate, printF32, printTimes, type Template } from "./template.ts";

export { precompileTemplate, type ReadsOf } from "./precompile.ts";
export type { Param, PrecompiledTemplate, Template } from "./template.ts";

const hbs = Handlebars.create();
hbs.registerHelper("f32", printF32);
hbs.registerHelper("times", printTimes);
for (const [name, { spec }] of Object.entries(PARTIALS))
  hbs.registerPartial(name, hbs.template(spec as TemplateSpecification));

const readsOf = (partial: string): readonly string[] | undefined => own(PARTIALS, partial)?.reads;

/**
 * A template from its text; `name` is what errors call it. The text may use `{{> linear-id}}`, as the kernels of wgpt do.
 * @throws CompileError for text that is no template, and when what it reads and what is declared differ.
 */
export const template = <const K extends string>(name: string, text: string, declared: readonly K[]): Template<K> =>
  checkedTemplate(name, parametersOf(name, text, readsOf), declared, hbs.compile(text, TEMPLATE_OPTIONS));
