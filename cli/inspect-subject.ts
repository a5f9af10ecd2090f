// What `wgpt inspect` looks at: a model's entry points, or the graphs of a file.
import {
  type Compilation,
  type CompileOptions,
  compileEntries,
  compileModel,
  ENTRY_NAMES,
  type EntryName,
  type Toolkit,
} from "../codegen/index.ts";
import { chooseDType, entriesOf, isGraphFile, nameOf, readGraphs, readModel, withContext } from "../engine/index.ts";
import type { SymbolValues } from "../ir/index.ts";
import { optionError } from "../runtime/index.ts";
import { printWarning } from "./errors.ts";
import { cachesOf, type MemoryOptions } from "./memory-options.ts";

export interface SubjectOptions extends MemoryOptions {
  readonly entry?: string;
  readonly max?: SymbolValues;
}

/** What is inspected, by its name. */
export interface Subject {
  /** What decides its graphs: a model's configuration, or the largest values of symbols. */
  readonly facts: { readonly config: object } | { readonly maxima: SymbolValues };
  /** Of the entry point that was asked for; `all`: of those that `generate` loads, or of every graph, unless one was. */
  compile(options: CompileOptions, all: boolean): Compilation;
}

/** @throws RuntimeError for what can't be read, an entry point that is none, and options that are not for what it is. */
export const openSubject = async (name: string, options: SubjectOptions, toolkit: Toolkit): Promise<Subject> =>
  (await isGraphFile(name)) ? graphSubject(name, options, toolkit) : modelSubject(name, options, toolkit);

async function modelSubject(name: string, options: SubjectOptions, toolkit: Toolkit): Promise<Subject> {
  // Before what is said of its options: a path that leads nowhere is no model's either.
  const given = await readModel(name, toolkit, printWarning);
  if (options.max)
    throw optionError("--max", `is given, but ${name} is no file of graphs`, "a model's sizes are set by --context");
  const entry = options.entry === undefined ? undefined : oneOf(options.entry, ENTRY_NAMES);
  const read = withContext(given, options.context);
  const { family, config } = read;
  const weights = await chooseDType(options.dtype, read);
  return {
    facts: { config },
    compile: (asked, all) => {
      const entries: readonly EntryName[] = entry !== undefined ? [entry] : all ? ["prefill", "decode"] : ["decode"];
      return compileModel(family, config, { ...asked, weights, ...cachesOf(options), entries });
    },
  };
}

async function graphSubject(path: string, options: SubjectOptions, toolkit: Toolkit): Promise<Subject> {
  if (options.context !== undefined)
    throw optionError("--context", `is given, but ${path} holds graphs, not a model`, "their sizes are set by --max");
  const specs = entriesOf(path, await readGraphs(path, toolkit), options.max);
  const names = specs.map((s) => s.name);
  const entry = options.entry === undefined ? undefined : oneOf(options.entry, names);
  return {
    facts: { maxima: options.max ?? {} },
    compile: (given, all) => {
      const wanted = entry === undefined ? (all ? specs : specs.slice(0, 1)) : specs.filter((s) => s.name === entry);
      const weights = options.dtype === "auto" ? "f32" : options.dtype;
      return compileEntries(nameOf(path), wanted, { ...given, weights, ...cachesOf(options) });
    },
  };
}

function oneOf<N extends string>(asked: string, names: readonly N[]): N {
  const found = names.find((name) => name === asked);
  if (found === undefined)
    throw optionError("--entry", `is ${asked}, which is no entry point`, `there are ${names.join(", ")}`);
  return found;
}
