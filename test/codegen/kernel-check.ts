// How a kernel is tested: on a graph, against the interpreter, on targets that give it another shape.
import { type CompileOptions, compileEntries, standard, type Toolkit } from "../../codegen/compile.ts";
import type { Kernel } from "../../codegen/kernel.ts";
import { candidates } from "../../codegen/select-kernel.ts";
import { type Target, targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseGraph } from "../../ir/parse.ts";
import { castNumber, type HostTensor } from "../../ir/tensor.ts";
import { isFloat, type SymbolValues } from "../../ir/type.ts";
import { pipeline, type WeightDType } from "../../passes/index.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { GpuGraph } from "../support/run-plan.ts";
import { assertClose, maxDifference, seededTensor } from "../support/tensors.ts";

/** Many lanes and shared sums, and few lanes without. */
export const CHECKED_TARGETS: readonly Target[] = [targetByName("webgpu-default"), targetByName("lavapipe")];

/** Every pass but those that an entry point needs: with all of them off, each op gets a kernel of its own. */
export const ALL_PASSES: readonly string[] = pipeline()
  .filter((p) => p.role !== "required")
  .map((p) => p.name);

export interface KernelCheck {
  /** How many numbers the longest sum of the graph adds up; errors of f32 grow with its root. 1 when absent. */
  readonly terms?: number;
  /** Errors of single steps, in units of f32's 2⁻²⁴, relative to the element. Exact but for rounding when absent. */
  readonly ulps?: number;
  readonly runs?: readonly SymbolValues[];
  readonly disable?: readonly string[];
  readonly targets?: readonly Target[];
  readonly toolkit?: Toolkit;
  /** How weights of two or more axes lie in memory. */
  readonly weights?: WeightDType;
  /** The kernels to try; all that accept a node of the graph when absent. */
  readonly kernels?: readonly string[];
  /** Whether every index of shared memory is checked; see codegen/instrument.ts. */
  readonly checkBounds?: boolean;
  /** Operands by name; the others are seeded. */
  readonly given?: ReadonlyMap<string, HostTensor>;
}

const ULP = 2 ** -24;

/** The largest error that each kernel has shown, in units of 2⁻²⁴ of the largest element of its result. */
export const worstErrors = new Map<string, number>();

/**
 * Runs the graph with each kernel that accepts a node of it, and compares all results with the interpreter's. The allowance:
 * an f32 sum of n terms is a random walk of n roundings, each half a unit in the last place of a partial sum, and a partial
 * sum is at most about as large as the largest element; hence 2 · √n · 2⁻²⁴ · max|y|. To that the graph's single steps
 * add `ulps` units of the element itself.
 */
export async function checkKernels(gpu: OpenDevice, source: string | Graph, check: KernelCheck = {}): Promise<void> {
  const graph = typeof source === "string" ? parseGraph(source, check.toolkit) : source;
  const {
    terms = 0,
    ulps = 4,
    runs = [{}],
    disable = [],
    targets = CHECKED_TARGETS,
    weights = "f32",
    toolkit = standard,
  } = check;
  const maxima: SymbolValues = Object.fromEntries(
    runs.flatMap(Object.keys).map((s) => [s, Math.max(...runs.map((r) => r[s] ?? 0))]),
  );
  const cases = runs.map((symbols) => {
    const inputs = new Map(
      graph.inputs.map(({ kind, value }, i) => [
        value.name,
        check.given?.get(value.name) ??
          // What f16 holds exactly, where it is to hold it.
          (kind === "weight"
            ? asF32(seededTensor({ ...value.type, dtype: weights }, symbols, i + 1))
            : seededTensor(value.type, symbols, i + 1)),
      ]),
    );
    return { symbols, inputs, expected: interpret(graph, inputs, symbols).map(asStored) };
  });
  const options = { toolkit, disable, weights, checkBounds: check.checkBounds ?? false };
  for (const target of targets) {
    for (const kernel of acceptingKernels(graph, target, maxima, options)) {
      const { name } = kernel;
      if (check.kernels && !check.kernels.includes(name)) continue;
      const compiled = await GpuGraph.create(gpu, graph, maxima, { ...options, target, kernel });
      try {
        for (const { symbols, inputs, expected } of cases) {
          const results = await compiled.run(inputs, symbols);
          expected.forEach((wanted, i) => {
            const largest = wanted.data.reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 0);
            const label = `${name} for ${target.name} ${JSON.stringify(symbols)} ${at(graph.results, i).name}`;
            assertClose(
              at(results, i),
              wanted,
              { rtol: ulps * ULP, atol: 2 * Math.sqrt(terms) * ULP * largest },
              label,
            );
            noteError(name, maxDifference(at(results, i), wanted) / (ULP * largest || 1));
          });
        }
      } finally {
        compiled.destroy();
      }
    }
  }
}

function noteError(kernel: string, error: number): void {
  worstErrors.set(kernel, Math.max(worstErrors.get(kernel) ?? 0, error));
}

const asF32 = (t: HostTensor): HostTensor => (t.dtype === "f16" ? { ...t, dtype: "f32" } : t);

/** f32 has no more than this of a result; it also has infinities where f64 still has numbers. */
const asStored = (t: HostTensor): HostTensor =>
  isFloat(t.dtype) ? { ...t, data: t.data.map((x) => castNumber(x, t.dtype)) } : t;

/** The toolkit's kernels that accept at least one node of what the passes make of the graph. */
export function acceptingKernels(
  graph: Graph,
  target: Target,
  maxima: SymbolValues,
  options: CompileOptions,
): readonly Kernel[] {
  const { toolkit = standard } = options;
  const { plan, entries } = compileEntries(graph.name, [{ name: "run", graph, maxima }], {
    ...options,
    target,
  });
  const names = entries.flatMap(({ fused }) =>
    fused.nodes.flatMap((node) => candidates(node, target, toolkit).filter((c) => c.refusal === undefined)),
  );
  // A node with several results gets a kernel for each of them, which only the plan knows.
  const chosen = plan.kernels.map((k) => k.name.split(".")[0]);
  return toolkit.kernels.filter((k) => names.some((c) => c.kernel === k) || chosen.includes(k.name));
}
