// One op on seeded operands, as the smallest graph there is.
import type { Attrs } from "../../ir/attr.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import { at } from "../../ir/errors.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import type { Op } from "../../ir/op.ts";
import { parseType } from "../../ir/parse.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import { seededTensor } from "./tensors.ts";

export interface OpRun {
  readonly graph: Graph;
  readonly node: Node;
  readonly operands: readonly HostTensor[];
  readonly results: readonly HostTensor[];
}

/** A graph of inputs x0, x1, … and one node that reads them all. Types are text, such as `f32[3, 7]`. */
export function graphOfOp(op: Op, types: readonly string[], attrs: Attrs = {}): Graph {
  const b = new GraphBuilder(op.name);
  const inputs = types.map((type, i) =>
    b.input(`x${i}`, parseType(type), i === 0 && op.traits.updatesFirstOperand ? "state" : "input"),
  );
  return b.build(b.emit(op, inputs, attrs, "y"));
}

/** Interprets the op. Operands that are not given are seeded. */
export function runOp(
  op: Op,
  types: readonly string[],
  attrs: Attrs = {},
  given: readonly HostTensor[] = types.map((type, i) => seededTensor(parseType(type), {}, i + 1)),
): OpRun {
  const graph = graphOfOp(op, types, attrs);
  const results = interpret(graph, new Map(given.map((t, i) => [`x${i}`, t])));
  return { graph, node: at(graph.nodes, 0), operands: given, results };
}
