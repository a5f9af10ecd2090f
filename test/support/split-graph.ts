// An op in the steps that its `split` gives, as a graph with the op's operands as inputs.
import type { Attrs } from "../../ir/attr.ts";
import { completeAttrs, GraphBuilder } from "../../ir/builder.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Op } from "../../ir/op.ts";
import { parseType } from "../../ir/parse.ts";

/** Inputs x0, x1, …, of the types given as text. */
export function splitGraph(op: Op, types: readonly string[], parts: number, attrs: Attrs = {}): Graph {
  const b = new GraphBuilder(`${op.name}_in_${parts}`);
  const inputs = types.map((type, i) => b.input(`x${i}`, parseType(type)));
  const made = op.split?.(b.emit, inputs, completeAttrs(op, attrs, op.name), parts);
  if (!made) throw new Error(`${op.name} is not cut into ${parts}`);
  return b.build(made);
}
