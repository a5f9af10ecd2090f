// The one fused node kind. Its meaning is its body, so a fusion needs no op of its own and cannot drift.
import { type Attrs, attr } from "./attr.ts";
import { CompileError } from "./errors.ts";
import type { Graph, Node } from "./graph.ts";
import { defineOp } from "./op.ts";
import { bindDim, type SymbolValues, type TensorType } from "./type.ts";
import type { Value } from "./value.ts";

/** `anchor` is the word after `fused`: the op that the region's kernel is built around, or `pointwise`. */
export const fused = defineOp({
  name: "fused",
  summary: "a region computed by one kernel: an anchor with pointwise prologue and epilogue",
  operands: ["inputs"],
  variadic: true,
  attrs: { anchor: attr.word() },
  infer() {
    throw new CompileError("fused", "takes its types from its body", "`fusedNode` makes one");
  },
  cases: [],
});

/** The anchor's name of a region that has none. */
export const POINTWISE_ANCHOR = "pointwise";

/** A fused node over `body`, whose inputs stand for `operands`. `names` are the results' names. */
export function fusedNode(anchor: string, operands: readonly Value[], body: Graph, names: readonly string[]): Node {
  const attrs: Attrs = { anchor };
  const results = body.results.map((r, i): Value => ({ name: names[i] ?? r.name, type: r.type }));
  return { op: fused, operands, attrs, results, body };
}

/** A type with symbols replaced by numbers. */
export const bindType = (t: TensorType, symbols: SymbolValues): TensorType => ({
  dtype: t.dtype,
  shape: t.shape.map((d) => bindDim(d, symbols)),
});
