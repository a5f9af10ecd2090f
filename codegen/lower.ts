// A fused graph to steps: a kernel for every node, the same shader once for all nodes that print the same text.

import type { PlanKernel, PlanStep } from "../base/plan.ts";
import {
  at,
  CompileError,
  callMember,
  fused,
  type Graph,
  isLiteral,
  type Node,
  onlyMoves,
  POINTWISE_ANCHOR,
  printType,
  type SymbolValues,
  updatedOperands,
  updatedStates,
  type Value,
  withoutDeadNodes,
} from "../ir/index.ts";
import type { ConfiguredKernel, Kernel } from "./kernel.ts";
import { chooseKernel } from "./rank-kernels.ts";
import { regionKey } from "./region-key.ts";
import { renderShader, type Shader } from "./render-shader.ts";
import type { KernelChoice } from "./select-kernel.ts";
import type { Target } from "./target.ts";
import type { Toolkit } from "./toolkit.ts";

/** Collects the distinct shaders of a plan and names them for what they compute. */
export class KernelTable {
  readonly #byText = new Map<string, PlanKernel>();
  readonly #names = new Set<string>();
  readonly #features = new Set<string>();

  get kernels(): readonly PlanKernel[] {
    return [...this.#byText.values()];
  }

  /** What an adapter must offer to run them. */
  get features(): readonly string[] {
    return [...this.#features].sort();
  }

  /** `entry` tells two shaders apart that compute the same and differ in what their entry points fix. */
  add(
    base: string,
    entry: string,
    { features, title: summary, wgsl, region, usesSymbols, config }: Shader,
  ): PlanKernel {
    for (const f of features) this.#features.add(f);
    const known = this.#byText.get(wgsl);
    if (known) return known;
    let name = this.#names.has(base) ? `${base}.${entry}` : base;
    for (let n = 2; this.#names.has(name); n++) name = `${base}.${entry}-${n}`;
    this.#names.add(name);
    const access = region.bindings.map((b) => b.access);
    const chosen = Object.keys(config).length > 0 && { config };
    const made: PlanKernel = { name, summary, wgsl, access, usesSymbols, ...chosen };
    this.#byText.set(wgsl, made);
    return made;
  }
}

/** What the nodes of one entry point are lowered with. */
export interface Lowering {
  /** The entry point's name. */
  readonly entry: string;
  readonly places: ReadonlyMap<Value, string>;
  readonly target: Target;
  readonly toolkit: Toolkit;
  /** The plan's symbols, in the order of the uniform. */
  readonly symbols: readonly string[];
  /** What symbols are in the call that kernels are chosen for. */
  readonly lengths: SymbolValues;
  readonly table: KernelTable;
  readonly kernelFor?: KernelChoice | undefined;
}

/** A step, and the values that its bindings hold. */
export interface LoweredStep {
  readonly step: PlanStep;
  readonly bound: readonly Value[];
  readonly computed: ComputedNode;
}

/** What a step computes, and with what. */
export interface ComputedNode extends ConfiguredKernel {
  readonly node: Node;
}

/** A node that was lowered, for those after it that differ from it in names at most. */
interface LoweredNode {
  readonly node: Node;
  readonly chosen: Kernel | ConfiguredKernel;
  readonly shader: Shader;
}

/** The steps of one entry point, in the order of its nodes. */
export function lowerGraph(graph: Graph, lowering: Lowering): readonly LoweredStep[] {
  const known = new Map<string, LoweredNode>();
  return graph.nodes
    .flatMap(perResult)
    .filter(hasElements)
    .map((node) => lowerNode(node, lowering, known));
}

/** A result without elements is there already; WGSL would not divide by its lengths. */
const hasElements = (node: Node): boolean => node.results.some((r) => !r.type.shape.includes(0));

function lowerNode(node: Node, lowering: Lowering, known: Map<string, LoweredNode>): LoweredStep {
  const { entry, places, target, toolkit, lengths, table, kernelFor } = lowering;
  const place = `${node.op.name} ${at(node.results, 0).name}`;
  const chosen = kernelFor
    ? callMember(place, "kernelFor", () => kernelFor(node, target))
    : chooseKernel(node, target, lengths, toolkit);
  const key = regionKey(node);
  const twin = known.get(key);
  const lowered = twin && twin.chosen === chosen ? twin : lowerFirst(node, chosen, lowering);
  known.set(key, lowered);
  const { shader } = lowered;
  const bound = shader.region.bindings.map((b) => counterpart(b.value, lowered.node, node));
  const bindings = bound.map((v) => places.get(v) ?? v.name);
  const added = table.add(kernelName(node, shader.kernel.name), entry, shader);
  const step = { kernel: added.name, label: at(node.results, 0).name, bindings, workgroups: shader.workgroups };
  return { step, bound, computed: { node, kernel: shader.kernel, config: shader.config } };
}

function lowerFirst(
  node: Node,
  chosen: Kernel | ConfiguredKernel,
  { target, symbols, toolkit }: Lowering,
): LoweredNode {
  checkChosen(chosen, `${node.op.name} ${at(node.results, 0).name}`);
  return { node, chosen, shader: renderShader(chosen, node, target, symbols, toolkit) };
}

/** What is to `node` what the operand or result `v` is to another node that is alike. */
function counterpart(v: Value, of: Node, node: Node): Value {
  const i = of.operands.indexOf(v);
  return i < 0 ? at(node.results, of.results.indexOf(v)) : at(node.operands, i);
}

/** @throws CompileError for what a `kernelFor` of a user's gives that is no kernel, with or without a configuration. */
function checkChosen(chosen: Partial<Kernel | ConfiguredKernel> | undefined, place: string): void {
  const kernel: Partial<Kernel> | undefined =
    chosen && "kernel" in chosen ? chosen.kernel : (chosen as Partial<Kernel>);
  if (kernel?.template && kernel.lower) return;
  throw new CompileError(
    place,
    `its kernelFor gives ${kernel?.name ?? String(kernel)}, which is no kernel`,
    "see `candidates`",
  );
}

/** What the kernel computes and on which widths: `matmul_gemv_vectorized.add.gelu.768x3072`. What moves elements to or from an anchor is left out. */
function kernelName(node: Node, kernel: string): string {
  const nodes = node.body?.nodes ?? [node];
  const anchor = nodes.find((n) => n.op === node.anchor) ?? at(nodes, 0);
  const isSaid = ({ op }: Node): boolean =>
    node.body ? op === node.anchor : op.traits.anchor === true || kernel.startsWith(op.name);
  const moves = (n: Node): boolean => typeof node.anchor === "object" && onlyMoves(n);
  const others = nodes.filter((n) => !isSaid(n) && !moves(n)).map((n) => n.op.name);
  const sizes = [
    ...anchor.operands.filter((v) => !isLiteral(v)).map((v) => v.type.shape.at(-1)),
    anchor.results[0]?.type.shape.at(-1),
  ];
  const widths = [...new Set(sizes.filter((d) => typeof d === "number"))].join("x");
  return [kernel, ...new Set(others), widths].filter((part) => part !== "").join(".");
}

/** Kernels without anchor compute one value; a node that makes several becomes one step for each. */
function perResult(node: Node): readonly Node[] {
  if (node.results.length === 1 || (node.body ? node.anchor !== POINTWISE_ANCHOR : !node.op.traits.element))
    return [node];
  const body: Graph = node.body ?? {
    name: POINTWISE_ANCHOR,
    inputs: node.operands.filter((v) => !isLiteral(v)).map((value) => ({ kind: "input", value })),
    nodes: [node],
    results: node.results,
  };
  const operands = node.operands.filter((v) => !isLiteral(v));
  return node.results.map((result, i) => ({
    op: fused,
    operands,
    attrs: {},
    results: [result],
    anchor: POINTWISE_ANCHOR,
    body: withoutDeadNodes({ ...body, results: [at(body.results, i)] }),
  }));
}

/** What no kernel computes, whatever the target: better said of the graph than by the driver of a shader. */
export function refuseDtypes(graph: Graph): void {
  const given = graph.inputs.filter((i) => i.kind === "input").map((i) => i.value);
  const states = updatedStates(graph);
  const isHalf = (v: Value) => v.type.dtype === "f16";
  // What is f16 and made of f16, and not by moving it, is computed in f16.
  const computed = graph.nodes
    .flatMap((n) => n.body?.nodes ?? [n])
    .filter((n) => n.operands.some(isHalf) && !onlyMoves(n) && updatedOperands(n).length === 0)
    .flatMap((n) => n.results);
  const half = [...given, ...computed, ...graph.results.filter((r) => !states.has(r))].find(isHalf);
  if (half)
    throw new CompileError(
      `graph ${graph.name}`,
      `${half.name} is ${printType(half.type)}, but kernels compute f32 and integers`,
      "only weights and states may be stored as f16; cast to f32 what is read of them, and to f16 what is written",
    );
}

/** A plan's results must be computed or given: a literal has no buffer. */
export function refuseLiteralResults(graph: Graph): void {
  const literal = graph.results.find(isLiteral);
  if (literal)
    throw new CompileError(
      `graph ${graph.name}`,
      `returns the literal ${literal.name}`,
      "no kernel is needed for a constant",
    );
}
