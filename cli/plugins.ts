// `--plugin FILE`: a user's ops, kernels and passes for one run of a command. The file and what it imports get the running
// wgpt: its `import "wgpt/ir"` gives the modules that the command itself uses, wherever the file lies.
import { resolve } from "node:path";
import { Option } from "commander";
import type { Jiti } from "jiti";
import { shortValue } from "../base/index.ts";
import * as codegen from "../codegen/index.ts";
import * as template from "../codegen/template-compiler.ts";
import * as wgpt from "../codegen/wgpt.ts";
import * as engine from "../engine/index.ts";
import { readRegularText, reasonOf } from "../engine/index.ts";
import * as ir from "../ir/index.ts";
import * as passes from "../passes/index.ts";
import * as runtime from "../runtime/index.ts";
import { collect, filePath } from "./usage.ts";
import { shownPath } from "./user-code.ts";

const { extend, isPlugin, standard } = codegen;
const { RuntimeError } = runtime;

/** What a plugin may import of us. */
const MODULES = {
  wgpt,
  "wgpt/ir": ir,
  "wgpt/passes": passes,
  "wgpt/codegen": codegen,
  "wgpt/template": template,
  "wgpt/engine": engine,
  "wgpt/runtime": runtime,
} as const;

const HINT = 'a plugin\'s file ends in `export default definePlugin({ name: "…", ops, kernels, passes })`';

/** Of every command that compiles. */
export interface PluginOptions {
  readonly plugin?: readonly string[];
}

export const pluginOption = (): Option =>
  new Option(
    "--plugin <file>",
    "compile with a plugin too: a JavaScript or TypeScript file whose default export is `definePlugin({ name, ops, kernels, storages, passes, families })` of wgpt/codegen; may be given several times",
  ).argParser((file: string, before: readonly string[] = []) => collect(filePath(file), before));

/**
 * wgpt's own toolkit, extended by each file's plugin in turn.
 * @throws RuntimeError or CompileError for a file that can't be loaded, or whose default export is no plugin that fits.
 */
export async function loadToolkit(files: readonly string[] = []): Promise<codegen.Toolkit> {
  if (files.length === 0) return standard;
  const { createJiti } = await import("jiti");
  // Everything is transformed, ECMAScript modules too: what Node loaded by itself would bring a second wgpt. And nothing
  // depends on the environment, or is left behind on the disk.
  const load = createJiti(import.meta.url, {
    virtualModules: MODULES,
    alias: {},
    fsCache: false,
    // Two plugins that import one file get one copy of it.
    moduleCache: true,
    interopDefault: false,
    tryNative: false,
  });
  let toolkit: codegen.Toolkit = standard;
  for (const file of files) toolkit = extend(toolkit, await loadPlugin(file, load));
  return toolkit;
}

async function loadPlugin(file: string, load: Jiti): Promise<codegen.Plugin> {
  const path = resolve(file);
  const shown = shownPath(path);
  const text = await readRegularText(path).catch((error: Error) => {
    throw new RuntimeError(shown, `can't be read: ${reasonOf(error)}`);
  });
  const exported = await evaluate(path, text, load);
  const plugin = [exported, (exported as { readonly default?: unknown } | undefined)?.default].find(isPlugin);
  if (plugin) return plugin;
  const { default: other } = exported as { readonly default?: unknown };
  throw new RuntimeError(
    shown,
    other === undefined ? "has no default export" : `its default export is ${describe(other)}, which is no plugin`,
    HINT,
  );
}

/** Text without `import` and `export` is CommonJS, which Node would load by itself, with a wgpt of its own. */
const isCommonJs = (text: string): boolean => !/^\s*(?:import|export)\b/m.test(text);

async function evaluate(path: string, text: string, load: Jiti): Promise<unknown> {
  try {
    return isCommonJs(text)
      ? load.evalModule(text, { filename: path, async: false, forceTranspile: true })
      : await load.import(path);
  } catch (error) {
    if (error instanceof ir.WgptError) throw error;
    const { name, message } =
      error instanceof Error
        ? error
        : { name: "Error", message: typeof error === "string" ? error : shortValue(error) };
    const [first = ""] = message.split("\n");
    // The loader says where a text is no program behind the message, and Node at the head of the stack.
    const place =
      /\s(\S[^\n]*):(\d+):\d+\s*$/.exec(message) ?? /^(\/[^\n]*|[A-Z]:\\[^\n]*):(\d+)\n/.exec(stackOf(error));
    const shown = place ? `${shownPath(place[1] ?? path)}:${place[2]}` : shownPath(path);
    const missing = /^Cannot find module '(wgpt\/?[^']*)'/.exec(first)?.[1];
    throw ir.causedBy(
      missing === undefined
        ? new RuntimeError(shown, `can't be loaded: ${name === "Error" ? first : `${name}: ${first}`}`.trim())
        : new RuntimeError(shown, `imports ${missing}`, `of wgpt there are ${Object.keys(MODULES).join(", ")}`),
      error,
    );
  }
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? "") : "");

const describe = (value: unknown): string => {
  if (typeof value !== "object" || value === null || value instanceof Promise || Array.isArray(value))
    return shortValue(value);
  const keys = Object.keys(value);
  return `an object with ${keys.length > 8 ? `${keys.length} members` : keys.join(", ") || "nothing in it"}`;
};
