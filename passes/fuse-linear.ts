import { at, dimEquals, isLiteral, type Node, printType } from "../ir/index.ts";
import { add, matmul, transpose } from "../ir/ops/index.ts";
import type { Pass } from "./pass.ts";
import { describe, describeReaders } from "./pattern.ts";
import { mergeRegion } from "./region.ts";
import { applyOwnRules, type Predicate, predicate, type Rule } from "./rule.ts";

const isMatmul = (node: Node): boolean => node.op === matmul;

const weightIsMatrix: Predicate = predicate("weight-is-a-matrix", (m) => {
  const weight = at(m.node.operands, 1);
  return weight.type.shape.length === 2 || `${weight.name} is ${printType(weight.type)}`;
});

const transposedWeight: Rule = {
  name: "transposed-weight",
  summary: "matmul(x, transpose(w)) reads w row by row",
  sites: (node) => (isMatmul(node) ? node.results : []),
  predicates: [
    weightIsMatrix,
    predicate("weight-is-a-transpose", (m) => {
      const weight = at(m.node.operands, 1);
      return m.index.producer(weight)?.op === transpose || `${weight.name} is ${describe(m.index, weight)}`;
    }),
    predicate("transpose-has-one-reader", (m) => {
      const weight = at(m.node.operands, 1);
      return m.index.isPrivate(weight) || describeReaders(m.index, weight);
    }),
  ],
  replace: (m) => mergeRegion(m.index, matmul, [m.producer(at(m.node.operands, 1)), m.node]),
};

const bias: Rule = {
  name: "bias",
  summary: "add(matmul(x, w), b) adds b where the product is made",
  sites: (node) =>
    isMatmul(node) || (node.body !== undefined && node.anchor === matmul && node.body.nodes.length === 2)
      ? node.results
      : [],
  predicates: [
    predicate("product-has-one-reader", (m) => m.index.isPrivate(m.site) || describeReaders(m.index, m.site)),
    predicate("reader-adds", (m) => {
      const [user] = m.index.users(m.site);
      return user?.op === add || `${m.site.name} is read by ${user?.op.name ?? "nothing"}`;
    }),
    predicate("bias-is-a-row", (m) => {
      const b = m.index.users(m.site)[0]?.operands.find((v) => v !== m.site);
      const width = at(m.site.type.shape, -1);
      if (!b || isLiteral(b)) return `${m.site.name} gets ${b?.name ?? "itself"} added`;
      return (
        (b.type.shape.length === 1 && dimEquals(at(b.type.shape, 0), width)) ||
        `${b.name} is ${printType(b.type)}, but a bias of the product is ${printType({ ...m.site.type, shape: [width] })}`
      );
    }),
  ],
  replace: (m) => mergeRegion(m.index, matmul, [m.node, at(m.index.users(m.site), 0)]),
};

/** Takes a weight's transpose and a bias into their matmul. */
export const fuseLinear: Pass = {
  name: "fuse-linear",
  summary: "a matmul takes in its weight's transpose and its bias",
  role: "fuse",
  run: (graph, report) => applyOwnRules(graph, [transposedWeight, bias], report),
};
