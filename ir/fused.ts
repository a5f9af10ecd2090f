// The one fused node kind. Its meaning is its body, so a fusion needs no op of its own and cannot drift.
import { CompileError } from "./errors.ts";
import type { Anchor, Graph, Node } from "./graph.ts";
import { defineOp } from "./op.ts";
import { bindDim, type SymbolValues, type TensorType } from "./type.ts";
import type { Value } from "./value.ts";

/** The op of every region; `Node.anchor` says what a region is built around. */
export const fused = defineOp({
  name: "fused",
  summary: "a region computed by one kernel: an anchor with pointwise prologue and epilogue",
  operands: ["inputs"],
  variadic: true,
  infer() {
    throw new CompileError("fused", "takes its types from its body", "`fusedNode` makes one");
  },
  cases: [],
});

/** A plain node as the body of a region: it reads each operand once, and literals as they are. */
export const bodyOfNode = (node: Node): Graph => ({
  name: node.op.name,
  inputs: [...new Set(node.operands)].filter((v) => v.literal === undefined).map((value) => ({ kind: "input", value })),
  nodes: [node],
  results: node.results,
});

/** A fused node over `body`, whose inputs stand for `operands`. `names` are the results' names. */
export function fusedNode(anchor: Anchor, operands: readonly Value[], body: Graph, names: readonly string[]): Node {
  const results = body.results.map((r, i): Value => ({ name: names[i] ?? r.name, type: r.type }));
  return { op: fused, operands, attrs: {}, results, anchor, body };
}

/** A type with symbols replaced by numbers. */
export const bindType = (t: TensorType, symbols: SymbolValues): TensorType => ({
  dtype: t.dtype,
  shape: t.shape.map((d) => bindDim(d, symbols)),
});
