// The templates of wgpt's own kernels, by the names of their files.
import { precompiledTemplate, type Template } from "../template.ts";
import { TEMPLATES, type TemplateName } from "./templates.ts";

/**
 * The template of `<name>.wgsl.hbs`, which is precompiled in templates.ts.
 * @throws CompileError when what it reads and what is declared differ.
 */
export const kernelTemplate = <const K extends string>(name: TemplateName, declared: readonly K[]): Template<K> =>
  precompiledTemplate(`${name}.wgsl.hbs`, TEMPLATES[name], declared);
