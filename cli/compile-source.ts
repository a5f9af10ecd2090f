// What `wgpt compile` makes a bundle of: a model of a family, or a file of graphs. What either reads, compiles and packs.

import { basename } from "node:path";
import type { SymbolValues } from "../base/index.ts";
import {
  BeyondTarget,
  type Bundle,
  type BundleOptions,
  compileBundle,
  compileEntries,
  compileModelBundle,
  type Toolkit,
} from "../codegen/index.ts";
import {
  checkCheckpoint,
  chooseDType,
  entriesOf,
  findVocabulary,
  modelPaths,
  nameOf,
  type Packed,
  type Packing,
  packWeights,
  readGraphs,
  readModel,
  storedDType,
  withContext,
} from "../engine/index.ts";
import { openCheckpoint, optionError, type PlanWeight, RuntimeError, type WeightSource } from "../runtime/index.ts";
import { printWarning } from "./errors.ts";
import { cachesOf, type MemoryOptions } from "./memory-options.ts";
import { progressBar } from "./progress-bar.ts";

/** What the user says of MODEL, besides how to compile it. */
export interface SourceOptions extends MemoryOptions {
  readonly chunk?: number;
  readonly packWeights?: boolean;
  /** The largest values of symbols. */
  readonly max?: SymbolValues;
  /** Where a file of graphs has its weights from. */
  readonly weights?: string;
}

/** What a bundle is made of. */
export interface BundleSource {
  /** Paths that compiling reads, so that no output may be one of them. */
  readonly reads: readonly string[];
  readonly warnings: readonly string[];
  compile(options: BundleOptions): Bundle | Promise<Bundle>;
  /** Writes the weights into a folder; absent where they are not to be packed. */
  pack?(folder: string, tensors: readonly PlanWeight[]): Promise<Packed>;
}

/** A preset or a checkpoint's folder. */
export async function modelSource(name: string, options: SourceOptions, toolkit: Toolkit): Promise<BundleSource> {
  // Before what is said of its options: a path that leads nowhere is no model's either.
  const given = await readModel(name, toolkit, printWarning);
  const misplaced = options.max ? "--max" : options.weights === undefined ? undefined : "--weights";
  if (misplaced !== undefined)
    throw optionError(
      misplaced,
      `is given, but ${name} is no file of graphs`,
      misplaced === "--max"
        ? "a model's sizes are set by --context and --chunk"
        : "a model's weights lie in its folder; --pack-weights packs them",
    );
  const read = withContext(given, options.context);
  const { found, config, warnings } = await findVocabulary(read, "the bundle has no tokenizer");
  const model = { ...read, config };
  const tokenizer = found?.bundleFiles();
  return {
    reads: await modelPaths(model),
    warnings,
    async compile(asked) {
      return compileModelBundle(model.family, config, {
        ...asked,
        weights: await chooseDType(options.dtype, model),
        ...cachesOf(options),
        ...(options.chunk !== undefined && { chunk: options.chunk }),
        ...(tokenizer && { tokenizer }),
      });
    },
    ...(options.packWeights && {
      async pack(folder, tensors) {
        if (model.isPreset)
          throw new RuntimeError(
            "--pack-weights",
            `${name} is a preset, which has no weights`,
            "give a checkpoint's folder, or make one with `wgpt make-checkpoint`",
          );
        return packFrom(name, folder, tensors, { names: model.family.names }, (source) =>
          checkCheckpoint(model, source),
        );
      },
    }),
  };
}

/** A file of graphs in the text form, each of which becomes an entry point. */
export async function graphSource(path: string, options: SourceOptions, toolkit: Toolkit): Promise<BundleSource> {
  const misplaced = options.context !== undefined ? "--context" : options.chunk !== undefined ? "--chunk" : undefined;
  if (misplaced !== undefined)
    throw optionError(misplaced, `is given, but ${path} holds graphs, not a model`, "their sizes are set by --max");
  const { weights } = options;
  if (options.packWeights && weights === undefined)
    throw optionError("--pack-weights", `is given, but ${path} has no weights of its own`, "give --weights FILE");
  const graphs = await readGraphs(path, toolkit);
  const entries = entriesOf(path, graphs, options.max);
  const names = new Set(graphs.flatMap((g) => g.inputs.filter((i) => i.kind === "weight").map((i) => i.value.name)));
  return {
    reads: [path, ...(weights === undefined ? [] : [weights])],
    warnings: [],
    async compile(given) {
      const dtype = options.dtype === "auto" ? await storedDType(weights, names) : options.dtype;
      const all = { name: nameOf(path), ...given, weights: dtype, ...cachesOf(options) };
      try {
        return compileBundle(entries, all);
      } catch (error) {
        if (!(error instanceof BeyondTarget)) throw error;
        const { target, toolkit: tools, disable } = given;
        const compiles = {
          weights: dtype,
          ...cachesOf(options),
          ...(target && { target }),
          ...(tools && { toolkit: tools }),
          ...(disable && { disable }),
        };
        const fitting = smallerMax(options.max ?? {}, (max) =>
          compileEntries(all.name, entriesOf(path, graphs, max), compiles),
        );
        throw new BeyondTarget(
          error.place,
          error.facts,
          fitting ? `${fitting} makes it fit` : "no smaller --max makes it fit",
        );
      }
    },
    ...(weights !== undefined && {
      pack: (folder, tensors) => packFrom(weights, folder, tensors, {}, async () => undefined),
    }),
  };
}

/** Largest values that fit, as options: of one symbol where that is enough, else of all, halved until they do. */
function smallerMax(max: SymbolValues, compile: (max: SymbolValues) => unknown): string | undefined {
  const names = Object.keys(max);
  const fits = (tried: SymbolValues): boolean => {
    try {
      compile(tried);
      return true;
    } catch (error) {
      if (error instanceof BeyondTarget) return false;
      throw error;
    }
  };
  for (const lowered of [...names.map((name) => [name]), names]) {
    let tried = max;
    while (lowered.some((name) => Number(tried[name]) > 1)) {
      const half = (name: string) => [name, Math.max(1, Math.floor(Number(tried[name]) / 2))];
      tried = { ...tried, ...Object.fromEntries(lowered.map(half)) };
      if (fits(tried)) return lowered.map((name) => `--max ${name}=${tried[name]}`).join(" ");
    }
  }
  return undefined;
}

async function packFrom(
  place: string,
  folder: string,
  tensors: readonly PlanWeight[],
  options: Packing,
  check: (source: WeightSource) => Promise<unknown>,
): Promise<Packed> {
  const source = await openCheckpoint(place);
  const bar = progressBar("packing", basename(place));
  try {
    await check(source);
    return await packWeights(folder, tensors, source, { ...options, onProgress: bar?.update });
  } finally {
    bar?.stop();
    await source.close();
  }
}
