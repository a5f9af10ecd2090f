// One op on seeded operands, as the smallest graph there is.
import type { Attrs } from "../../ir/attr.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import { at } from "../../ir/errors.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import type { Op, OpCase } from "../../ir/op.ts";
import { parseType } from "../../ir/parse.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
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

/** The operands of a case: what it gives, and seeded numbers else. */
export const seededOperands = ({ types, given = {} }: OpCase, names: readonly string[] = []): readonly HostTensor[] =>
  types.map((text, i) => {
    const type = parseType(text);
    const numbers = given[names[i] ?? ""];
    return numbers ? hostTensor(type.dtype, type.shape.map(Number), numbers) : seededTensor(type, {}, i + 1);
  });

/** What the case says of its operands, by the names of the graph's inputs. */
export const givenOf = (op: Op, { types, given = {} }: OpCase): ReadonlyMap<string, HostTensor> =>
  new Map(
    op.operands.flatMap((name, i) => {
      const numbers = given[name];
      const { dtype, shape } = parseType(types[i] ?? "f32[]");
      return numbers ? [[`x${i}`, hostTensor(dtype, shape.map(Number), numbers)] as const] : [];
    }),
  );

/** Interprets the op in one of its cases. */
export const runCase = (op: Op, opCase: OpCase): OpRun =>
  runOp(op, opCase.types, opCase.attrs, seededOperands(opCase, op.operands));

/** Interprets the op. Operands that are not given are seeded. */
export function runOp(
  op: Op,
  types: readonly string[],
  attrs: Attrs = {},
  given: readonly HostTensor[] = seededOperands({ types }),
): OpRun {
  const graph = graphOfOp(op, types, attrs);
  const results = interpret(graph, new Map(given.map((t, i) => [`x${i}`, t])));
  return { graph, node: at(graph.nodes, 0), operands: given, results };
}
