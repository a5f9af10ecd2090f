// A bundle as data: the same graphs compiled for several sets of features, and the text of every file of it. Not here: the
// typed module (module.ts), and the weights themselves, which the command packs.

import type {
  BundleKernel,
  BundlePlan,
  BundleSource,
  BundleText,
  BundleVersion,
  BundleWeights,
  UnhashedKernel,
  UnhashedPlan,
  UnhashedVariant,
} from "../../base/bundle.ts";
import { sealText, sha256 } from "../../base/index.ts";
import type { Plan, PlanKernel } from "../../base/plan.ts";
import {
  CompileError,
  type EntrySpec,
  type Family,
  isFloat,
  type ModelConfig,
  printGraph,
  printType,
} from "../../ir/index.ts";
import {
  type Compilation,
  type CompileOptions,
  type CompileSource,
  compileSource,
  modelSource,
} from "../compile-source.ts";
import { FusedGraphs } from "../fused-graphs.ts";
import { targetByName } from "../target.ts";
import { withWayOut } from "../way-out.ts";

const VERSION: BundleVersion = 2;

/** Which features each variant may use; the plainest first, and of those that an adapter can run the last is taken. */
export const VARIANTS = {
  base: [],
  f16: ["shader-f16"],
  subgroups: ["subgroups"],
  "f16-subgroups": ["shader-f16", "subgroups"],
  "subgroup-matrix": ["subgroups", "chromium-experimental-subgroup-matrix"],
} as const satisfies Readonly<Record<string, readonly string[]>>;
/** The name of a variant. */
export type VariantName = keyof typeof VARIANTS;

/** All but the one that nothing has run so far: its shaders are validated, and that is all that is known of them. */
export const DEFAULT_VARIANTS: readonly VariantName[] = ["base", "f16", "subgroups", "f16-subgroups"];

/** How to compile a bundle. */
export interface BundleOptions extends Omit<CompileOptions, "kernelFor" | "entries" | "allowExcess"> {
  /** What the module calls the model; the family's name, or the first graph's, when absent. */
  readonly name?: string;
  /** `DEFAULT_VARIANTS` when absent. One whose kernels are those of a plainer one is left out. */
  readonly variants?: readonly VariantName[];
  /** The texts of a tokenizer's files, by name: `tokenizer.json`, and `tokenizer_config.json` where there is one. */
  readonly tokenizer?: ReadonlyMap<string, string>;
}

/** A bundle before it is written: its files as data. */
export interface Bundle {
  /** But for the hashes of files, which `bundleTexts` adds. */
  readonly plan: UnhashedPlan;
  readonly weights: BundleWeights;
  /** Distinct shaders by file name. */
  readonly kernels: ReadonlyMap<string, string>;
  /** A tokenizer's files by name; none when empty. */
  readonly tokenizer: ReadonlyMap<string, string>;
  /** The graphs that the base variant's kernels were printed from. */
  readonly graphs: Compilation["entries"];
}

/**
 * Compiles graphs of any kind once for each variant. They share weights and states by name; the module has a function for each,
 * whose types are those of its inputs and results. The same input gives the same data, wherever it is done.
 * @throws CompileError as `compileEntries` does, for any of the variants; for no graph at all; and for an entry point with the name
 * of something else that the module's object has.
 */
export function compileBundle(entries: readonly EntrySpec[], options: Omit<BundleOptions, "tokenizer"> = {}): Bundle {
  const [first] = entries;
  if (!first) throw new CompileError("compileBundle", "there is no graph to compile", "give an entry point at least");
  const { name = first.name } = options;
  const taken = entries.find((e) => MODULE_MEMBERS.has(e.name));
  if (taken)
    throw new CompileError(
      `bundle ${name}`,
      `an entry point is called ${taken.name}, as is something else that its module offers`,
      `give it another name than ${[...MODULE_MEMBERS].join(", ")}`,
    );
  const counted = entries
    .flatMap((e) => e.graph.inputs)
    .find(({ kind, value }) => kind === "weight" && !isFloat(value.type.dtype));
  if (counted)
    throw new CompileError(
      `bundle ${name}`,
      `its weight ${counted.value.name} is ${printType(counted.value.type)}, but a checkpoint's weights are floats`,
      "declare it as an input, without `weight`",
    );
  const graphs = entries.map(({ name: entry, graph, fixed, maxima }) => ({
    name: entry,
    graph: printGraph(graph),
    ...(fixed && { fixed }),
    ...(maxima && { maxima }),
  }));
  return compileVariants(name, { name, entries }, (recorded) => ({ graphs, options: recorded }), options);
}

/** What a graph's module offers besides its entry points. */
const MODULE_MEMBERS: ReadonlySet<string> = new Set([
  "facts",
  "variant",
  "adapter",
  "bufferBytes",
  "reset",
  "close",
  // With such a member an object is a promise to whoever awaits it.
  "then",
]);

/**
 * Compiles a model of a family once for each variant; the module reads and generates tokens. The same input gives the same
 * data, wherever it is done.
 * @throws CompileError as `compileModel` does, for any of the variants, and for a name that can't be printed.
 */
export function compileModelBundle<C extends ModelConfig>(
  family: Family<C>,
  config: C,
  options: BundleOptions = {},
): Bundle {
  return withWayOut(config, options, (c, given) =>
    compileVariants(
      given.name ?? family.name,
      modelSource(family, c, given),
      (recorded) => ({ family: family.name, config: c, options: recorded }),
      given,
    ),
  );
}

function compileVariants(
  name: string,
  source: CompileSource,
  sourceOf: (recorded: object) => BundleSource,
  options: BundleOptions,
): Bundle {
  const { name: _, variants = DEFAULT_VARIANTS, tokenizer = new Map(), observe, ...compile } = options;
  const target = options.target ?? targetByName("webgpu-default");
  checkPrintable(name);
  checkPrintable(target.name);
  const files = new KernelFiles();
  const graphs = new FusedGraphs();
  const made: { readonly variant: UnhashedVariant; readonly compilation: Compilation }[] = [];
  for (const variant of variants) {
    const compiling = {
      ...compile,
      target: { ...target, features: VARIANTS[variant] },
      // The base variant's graphs are those that a bundle shows.
      ...(observe && made.length === 0 && { observe }),
    };
    const compilation = compileSource(source, compiling, graphs);
    const kernels = compilation.plan.kernels.map((k) => files.add(k, variant));
    const next = variantOf(variant, compilation.plan, kernels);
    if (!made.some(({ variant: v }) => sameKernels(v, next))) made.push({ variant: next, compilation });
  }
  const [base] = made;
  if (!base) throw new RangeError("a bundle without variants");
  const { model, symbols, weights, names } = base.compilation.plan;
  return {
    plan: {
      format: "wgpt-bundle",
      version: VERSION,
      name,
      target: target.name,
      ...(model && { model }),
      symbols,
      variants: made.map((m) => m.variant),
      source: sourceOf(recorded(target.name, variants, compile)),
    },
    weights: { format: "wgpt-weights", version: VERSION, tensors: weights, ...(names && { names }) },
    kernels: files.texts,
    tokenizer,
    graphs: base.compilation.entries,
  };
}

/** A line break in a name would end the comment that the module opens with, and what stands behind it would run. */
function checkPrintable(name: string): void {
  if (/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,200}$/u.test(name)) return;
  throw new CompileError(
    `the bundle's name ${JSON.stringify(name.slice(0, 80))}`,
    name === "" || name.length > 200
      ? `has ${name.length} characters, but should have 1 to 200`
      : "holds line breaks, control characters or marks that change how text reads",
    "its module prints it: give a plain one",
  );
}

/** What every bundle has; its plan.json and weights.json name the kernels, the shards and the tokenizer's files. */
export const BUNDLE_FILES = [
  "index.ts",
  "index.js",
  "index.d.ts",
  "plan.json",
  "weights.json",
  "graph.txt",
  "package.json",
] as const;

/** Every file of the bundle but its weights: `BUNDLE_FILES`, kernels/*.wgsl and the tokenizer's. */
export async function bundleTexts(bundle: Bundle): Promise<ReadonlyMap<string, string>> {
  // ts-morph takes its time to load; who only compiles need not wait for it.
  const { printModule } = await import("./module.ts");
  const module = printModule(bundle);
  const json = (value: unknown) => `${JSON.stringify(value, undefined, 1)}\n`;
  const weights = json(bundle.weights);
  const texts: Readonly<Record<(typeof BUNDLE_FILES)[number], string>> = {
    "index.ts": module.ts,
    "index.js": module.js,
    "index.d.ts": module.dts,
    "plan.json": await sealText(json(await withHashes(bundle, weights))),
    "weights.json": weights,
    "graph.txt": bundle.graphs.map((e) => `# ${e.name}\n${printGraph(e.fused)}`).join("\n"),
    // Whatever the project around it: its module is an ES module.
    "package.json": json({ type: "module" }),
  };
  return new Map([...Object.entries(texts), ...bundle.kernels, ...bundle.tokenizer]);
}

/** In an order of its own, whatever that of the caller's keys. */
const recorded = (
  target: string,
  variants: readonly VariantName[],
  { toolkit, weights, caches, chunk, disable }: CompileOptions,
): object => ({
  target,
  variants,
  ...(weights !== undefined && { weights }),
  ...(caches !== undefined && caches !== "f32" && { caches }),
  ...(chunk !== undefined && { chunk }),
  ...(disable !== undefined && disable.length > 0 && { disable }),
  ...(toolkit && toolkit.plugins.length > 0 && { plugins: toolkit.plugins }),
});

/** plan.json with the hash of every file that it names; its own is zeros, in whose place the text's comes. */
async function withHashes({ plan, kernels, tokenizer }: Bundle, weights: string): Promise<BundlePlan> {
  const textOf = async ([file, text]: readonly [string, string]): Promise<BundleText> => ({
    file,
    sha256: await sha256(text),
  });
  const hashes = new Map<string, string>();
  for (const [file, text] of kernels) hashes.set(file, await sha256(text));
  const hashed = (kernel: UnhashedKernel): BundleKernel => ({ ...kernel, sha256: hashes.get(kernel.file) ?? "" });
  const { format, version, variants, source, ...others } = plan;
  return {
    format,
    version,
    sha256: "0".repeat(64),
    ...others,
    variants: variants.map((v) => ({ ...v, kernels: v.kernels.map(hashed) })),
    ...(tokenizer.size > 0 && { tokenizer: await Promise.all([...tokenizer].map(textOf)) }),
    weights: await textOf(["weights.json", weights]),
    source,
  };
}

function variantOf(name: string, plan: Plan, kernels: readonly UnhashedKernel[]): UnhashedVariant {
  const { requiredFeatures, requiredLimits, buffers, entries } = plan;
  return { name, requiredFeatures, requiredLimits, buffers, entries, kernels };
}

const sameKernels = (a: UnhashedVariant, b: UnhashedVariant): boolean =>
  a.kernels.map((k) => k.file).join() === b.kernels.map((k) => k.file).join();

/** One file for each distinct shader; variants whose shaders share a name but no text get their own. */
class KernelFiles {
  readonly #byText = new Map<string, string>();

  get texts(): ReadonlyMap<string, string> {
    return new Map([...this.#byText].map(([text, file]) => [file, text]));
  }

  add({ wgsl, ...kernel }: PlanKernel, variant: string): UnhashedKernel {
    const known = this.#byText.get(wgsl);
    if (known !== undefined) return { ...kernel, file: known };
    const plain = `kernels/${kernel.name}.wgsl`;
    const taken = [...this.#byText.values()].includes(plain);
    const file = taken ? `kernels/${kernel.name}.${variant}.wgsl` : plain;
    this.#byText.set(wgsl, file);
    return { ...kernel, file };
  }
}
