// Parts of plugins for tests: an op, a kernel and a pass that do as little as they can, and a graph compiled with them.
import { compileEntries, definePlugin, extend, type PluginSpec, standard } from "../../codegen/compile.ts";
import { count, defineKernel, type Kernel, type KernelKind, type Lowered } from "../../codegen/kernel.ts";
import type { Region } from "../../codegen/region.ts";
import { template } from "../../codegen/template-compiler.ts";
import { defineOp, type Emit, type Op, type Traits } from "../../ir/op.ts";
import { mul, tanh } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { Value } from "../../ir/value.ts";
import { Explainer, type PassReport } from "../../passes/observers.ts";
import type { Pass } from "../../passes/pass.ts";
import type { Rule } from "../../passes/rule.ts";

export const opOf = (name: string, members: Partial<Op> = {}): Op => ({
  ...defineOp({ name, summary: "mine", operands: ["x"], cases: [], infer: ([x]) => x, reference: ([x]) => x }),
  ...members,
});
const decompose = (emit: Emit, [x]: readonly Value[]): readonly Value[] => emit(tanh, [x ?? 0]);
export const made = (name: string, traits: Traits = {}): Op => {
  const { reference: _, ...op } = opOf(name, { decompose, traits });
  return op;
};
const text = template("mine", "{{title}}{{bindings}}{{functions}}\nfn main() { store_0(); store_1(); }", [
  "title",
  "bindings",
  "functions",
]);
export const kernelOf = (name: string, kind: KernelKind, members: Partial<Kernel> = {}): Kernel => ({
  ...defineKernel<never>({
    name,
    summary: "mine",
    kind,
    template: text,
    refuses: () => undefined,
    lower: () => ({ params: {}, functions: [], workgroups: [count(), count(), count()] }),
  }),
  ...members,
});
/** A `lower` whose functions store what the anchor makes. */
export const storing = (region: Region): Lowered => ({
  params: {},
  functions: (region.anchor?.results ?? []).map((r, i) =>
    region.storeFunction(
      `store_${i}`,
      r,
      r.type.shape.map((_, axis) => `a${axis}`),
    ),
  ),
  workgroups: [count(), count(), count()],
});
export const passOf = (name: string, members: Partial<Pass> = {}): Pass => ({
  name,
  summary: "mine",
  role: "simplify",
  run: (graph) => graph,
  ...members,
});
/** Fires on products. */
export const productRule = (replace: Rule["replace"]): Rule => ({
  name: "mine",
  summary: "mine",
  sites: (node) => (node.op === mul ? node.results : []),
  predicates: [],
  replace,
});

export const TEXT = "graph g(x: f32[4]) { a = mul(x, x) y = mine(a) return y }";
/** The kernels of the graph, by name, and what the rules said. */
export function compileWith(
  spec: PluginSpec | readonly PluginSpec[],
  source: string = TEXT,
): { readonly kernels: readonly string[]; readonly reports: readonly PassReport[] } {
  const toolkit = [spec].flat().reduce((t, s) => extend(t, definePlugin(s)), standard);
  const explainer = new Explainer();
  const entries = [{ name: "run", graph: parseGraph(source, toolkit), maxima: { T: 3 } }];
  const { plan } = compileEntries("g", entries, { toolkit, observe: () => [explainer] });
  return { kernels: plan.kernels.map((k) => k.name), reports: explainer.reports };
}
