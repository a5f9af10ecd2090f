// A bundle as data: the same model compiled for several sets of features, and the text of every file of it. Not here: the
// typed module (module.ts), and the weights themselves, which the command packs.

import type { BundleKernel, BundlePlan, BundleVariant, BundleVersion, BundleWeights } from "../../base/bundle.ts";
import type { Plan, PlanKernel } from "../../base/plan.ts";
import { type Gpt2Config, printGraph } from "../../ir/index.ts";
import { type Compilation, type CompileOptions, compileGpt2 } from "../compile.ts";
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
  /** What the module calls the model; `gpt2` when absent. */
  readonly name?: string;
  /** `DEFAULT_VARIANTS` when absent. One whose kernels are those of a plainer one is left out. */
  readonly variants?: readonly VariantName[];
  /** Files of a tokenizer that lie in the bundle. */
  readonly tokenizer?: readonly string[];
}

/** A bundle before it is written: its files as data. */
export interface Bundle {
  readonly plan: BundlePlan;
  readonly weights: BundleWeights;
  /** Distinct shaders by file name. */
  readonly kernels: ReadonlyMap<string, string>;
  /** The graphs that the base variant's kernels were printed from. */
  readonly graphs: Compilation["entries"];
}

/**
 * Compiles a GPT-2 once for each variant. The same input gives the same data, wherever it is done.
 * @throws CompileError as `compileGpt2` does, for any of the variants.
 */
export function compileBundle(config: Gpt2Config, options: BundleOptions = {}): Bundle {
  return withWayOut(config, options, compileVariants);
}

function compileVariants(config: Gpt2Config, options: BundleOptions): Bundle {
  const { name = "gpt2", variants = DEFAULT_VARIANTS, tokenizer, observe, ...compile } = options;
  const target = options.target ?? targetByName("webgpu-default");
  const files = new KernelFiles();
  const made: { readonly variant: BundleVariant; readonly compilation: Compilation }[] = [];
  for (const variant of variants) {
    const compilation = compileGpt2(config, {
      ...compile,
      // One way out for all variants is looked for.
      ways: [],
      target: { ...target, features: VARIANTS[variant] },
      // Passes do not see features: the first variant's graphs are every variant's.
      ...(observe && made.length === 0 && { observe }),
    });
    const kernels = compilation.plan.kernels.map((k) => files.add(k, variant));
    const next = variantOf(variant, compilation.plan, kernels);
    if (!made.some(({ variant: v }) => sameKernels(v, next))) made.push({ variant: next, compilation });
  }
  const [base] = made;
  if (!base) throw new RangeError("a bundle without variants");
  const { model, symbols, weights } = base.compilation.plan;
  if (!model) throw new RangeError("a plan without a model");
  return {
    plan: {
      format: "wgpt-bundle",
      version: VERSION,
      name,
      target: target.name,
      model,
      symbols,
      variants: made.map((m) => m.variant),
      ...(tokenizer && { tokenizer }),
      source: { config, options: recorded(target.name, variants, compile) },
    },
    weights: { format: "wgpt-weights", version: VERSION, tensors: weights },
    kernels: files.texts,
    graphs: base.compilation.entries,
  };
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

/** Every file of the bundle but its weights and tokenizer: `BUNDLE_FILES`, and kernels/*.wgsl. */
export async function bundleTexts(bundle: Bundle): Promise<ReadonlyMap<string, string>> {
  // ts-morph takes its time to load; who only compiles need not wait for it.
  const { printModule } = await import("./module.ts");
  const module = printModule(bundle);
  const json = (value: unknown) => `${JSON.stringify(value, undefined, 1)}\n`;
  const texts: Readonly<Record<(typeof BUNDLE_FILES)[number], string>> = {
    "index.ts": module.ts,
    "index.js": module.js,
    "index.d.ts": module.dts,
    "plan.json": json(bundle.plan),
    "weights.json": json(bundle.weights),
    "graph.txt": bundle.graphs.map((e) => `# ${e.name}\n${printGraph(e.fused)}`).join("\n"),
    // Whatever the project around it: its module is an ES module.
    "package.json": json({ type: "module" }),
  };
  return new Map([...Object.entries(texts), ...bundle.kernels]);
}

/** In an order of its own, whatever that of the caller's keys. */
const recorded = (
  target: string,
  variants: readonly VariantName[],
  { toolkit, weights, chunk, disable }: CompileOptions,
): object => ({
  target,
  variants,
  ...(weights !== undefined && { weights }),
  ...(chunk !== undefined && { chunk }),
  ...(disable !== undefined && disable.length > 0 && { disable }),
  ...(toolkit && toolkit.plugins.length > 0 && { plugins: toolkit.plugins }),
});

function variantOf(name: string, plan: Plan, kernels: readonly BundleKernel[]): BundleVariant {
  const { requiredFeatures, requiredLimits, buffers, entries } = plan;
  return { name, requiredFeatures, requiredLimits, buffers, entries, kernels };
}

const sameKernels = (a: BundleVariant, b: BundleVariant): boolean =>
  a.kernels.map((k) => k.file).join() === b.kernels.map((k) => k.file).join();

/** One file for each distinct shader; variants whose shaders share a name but no text get their own. */
class KernelFiles {
  readonly #byText = new Map<string, string>();

  get texts(): ReadonlyMap<string, string> {
    return new Map([...this.#byText].map(([text, file]) => [file, text]));
  }

  add({ wgsl, ...kernel }: PlanKernel, variant: string): BundleKernel {
    const known = this.#byText.get(wgsl);
    if (known !== undefined) return { ...kernel, file: known };
    const plain = `kernels/${kernel.name}.wgsl`;
    const taken = [...this.#byText.values()].includes(plain);
    const file = taken ? `kernels/${kernel.name}.${variant}.wgsl` : plain;
    this.#byText.set(wgsl, file);
    return { ...kernel, file };
  }
}
