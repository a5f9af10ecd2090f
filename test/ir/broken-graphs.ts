// Graphs that break each invariant of the verifier, made by hand where the builder and the parser would refuse.
import {
  castRecipe,
  concatRecipe,
  recipeType,
  sliceRecipe,
  tensorRecipe,
  transposeRecipe,
  type WeightRecipe,
} from "../../base/recipe.ts";
import type { Attrs } from "../../ir/attr.ts";
import { fused } from "../../ir/fused.ts";
import type { Anchor, Graph, Node } from "../../ir/graph.ts";
import type { Op } from "../../ir/op.ts";
import { add, cacheUpdate, gelu, matmul, neg, reduceSum, reshape } from "../../ir/ops/index.ts";
import { parseGraph, parseType } from "../../ir/parse.ts";
import { literal } from "../../ir/print-literal.ts";
import { symbol, tensorType } from "../../ir/type.ts";
import type { Value } from "../../ir/value.ts";
import type { INVARIANTS } from "../../ir/verify.ts";

const value = (name: string, type = "f32[2]"): Value => ({ name, type: parseType(type) });

const node = (
  op: Op,
  operands: readonly Value[],
  results: readonly Value[],
  attrs: Attrs = {},
  body?: Graph,
  anchor?: Anchor,
): Node => ({
  op,
  operands,
  results,
  attrs,
  ...(anchor && { anchor }),
  ...(body && { body }),
});

const graph = (inputs: readonly Value[], nodes: readonly Node[], results: readonly Value[], name = "g"): Graph => ({
  name,
  inputs: inputs.map((v) => ({ kind: "input", value: v })),
  nodes,
  results,
});

/** A graph of `x`, `y` and one region over them, whose body is made by `fill` of its inputs `a` and `b`. */
function region(
  operands: (x: Value, y: Value) => readonly Value[],
  anchor: Anchor | undefined,
  fill: (a: Value, b: Value) => Graph,
): Graph {
  const [x, y, z] = [value("x"), value("y"), value("z")];
  return graph([x, y], [node(fused, operands(x, y), [z], {}, fill(value("a"), value("b")), anchor)], [z]);
}

/** A graph of one weight that is made by a recipe; its type is the recipe's. */
function recipeOf(recipe: WeightRecipe): Graph {
  const made: Value = { name: "a", type: recipeType(recipe) };
  return { name: "g", inputs: [{ kind: "weight", value: made, recipe }], nodes: [], results: [made] };
}

const both = (x: Value, y: Value) => [x, y];

/** a + b, as the body of a region. */
const sum = (a: Value, b: Value): Graph => {
  const s = value("s");
  return graph([a, b], [node(add, [a, b], [s])], [s]);
};

/** What the verifier must say of a graph: the place and the facts, and the invariant's number after them. */
export interface Broken {
  readonly when: string;
  readonly graph: () => Graph;
  readonly place: string;
  readonly facts: string;
}

const [x, y, z] = [value("x"), value("y"), value("z")];
const m = value("m", "f32[2, 2]");
const cache = value("cache", "f32[4, 2]");
const row = value("row", "f32[1, 2]");
const updated = value("updated", "f32[4, 2]");
const update = node(cacheUpdate, [cache, row], [updated], { start: 1 });
const late = value("late", "f32[4, 2]");

/** Typed by the invariants, so that a new one does not compile until it has its graphs here. */
export const BROKEN: Readonly<Record<keyof typeof INVARIANTS, readonly Broken[]>> = {
  V1: [
    {
      when: "a name is no word",
      graph: () => graph([value("a b")], [], []),
      place: "graph g",
      facts: '"a b" is no name',
    },
    {
      when: "a name reads as something else",
      graph: () => graph([x], [node(neg, [x], [value("inf")])], []),
      place: "neg inf",
      facts: "inf is no name",
    },
    {
      when: "two values share a name",
      graph: () => graph([x], [node(neg, [x], [value("x")])], []),
      place: "neg x",
      facts: "two values are called x",
    },
    {
      when: "the graph's name is no word",
      graph: () => graph([], [], [], "gpt2-xl"),
      place: "graph gpt2-xl",
      facts: '"gpt2-xl" is no name',
    },
  ],
  V2: [
    {
      when: "an operand is defined nowhere",
      graph: () => graph([x], [node(add, [x, y], [z])], [z]),
      place: "add z",
      facts: "reads y, which is not defined before it",
    },
    {
      when: "an operand is defined afterwards",
      graph: () => graph([x], [node(neg, [y], [z]), node(neg, [x], [y])], [z]),
      place: "neg z",
      facts: "reads y, which is not defined before it",
    },
    {
      when: "an operand is another value of the same name",
      graph: () => graph([x], [node(neg, [value("x")], [z])], [z]),
      place: "neg z",
      facts: "reads x, which is not defined before it",
    },
    {
      when: "a region's body reads past its inputs",
      graph: () => region(both, "pointwise", (a, b) => graph([a, b], [node(add, [a, x], [z])], [z])),
      place: "add z",
      facts: "reads x, which is not defined before it",
    },
  ],
  V3: [
    {
      when: "an operand is missing",
      graph: () => graph([x], [node(add, [x], [z])], [z]),
      place: "add z",
      facts: "has 1 operands, but add takes 2",
    },
  ],
  V4: [
    {
      when: "an attribute is not the op's",
      graph: () => graph([x], [node(neg, [x], [z], { axis: 0 })], [z]),
      place: "neg z",
      facts: "attribute axis is not one of neg's",
    },
    {
      when: "an attribute is of another kind",
      graph: () => graph([x], [node(reduceSum, [x], [z], { axis: "last", keepdims: true })], [z]),
      place: "reduce_sum z",
      facts: "attribute axis is last, but wants a value of kind int",
    },
    {
      when: "an attribute without a default is missing",
      graph: () => graph([x], [node(reshape, [x], [z])], [z]),
      place: "reshape z",
      facts: "attribute shape is missing",
    },
    {
      when: "a default is not filled in",
      graph: () => graph([x], [node(gelu, [x], [z])], [z]),
      place: "gelu z",
      facts: "attribute approximate is missing",
    },
  ],
  V5: [
    {
      when: "a result has another type than the op infers",
      graph: () => graph([x], [node(neg, [x], [value("z", "f32[3]")])], []),
      place: "neg z",
      facts: "is f32[3], but neg gives f32[2]",
    },
    {
      when: "the operands do not fit together",
      graph: () => graph([x, m], [node(matmul, [m, x], [z])], []),
      place: "matmul z",
      facts: "a is f32[2, 2], but b is f32[2]",
    },
    {
      when: "there are more results than the op has",
      graph: () => graph([x], [node(neg, [x], [y, z])], []),
      place: "neg y",
      facts: "is f32[2], f32[2], but neg gives f32[2]",
    },
    {
      when: "a region's body returns more values than it has results",
      graph: () => region(both, "pointwise", (a, b) => graph([a, b], [], [a, b])),
      place: "fused z",
      facts: "is f32[2], but its body returns f32[2], f32[2]",
    },
  ],
  V6: [
    {
      when: "the graph returns a value of nobody",
      graph: () => graph([x], [], [z]),
      place: "graph g",
      facts: "returns z, which it does not define",
    },
    {
      when: "the graph returns a literal",
      graph: () => graph([], [], [literal(1, "f32")]),
      place: "graph g",
      facts: "returns 1.0, which it does not define",
    },
  ],
  V7: [
    {
      when: "a region has no body",
      graph: () => graph([x], [node(fused, [x], [z])], [z]),
      place: "fused z",
      facts: "is a fused node without a body",
    },
    {
      when: "another node has one",
      graph: () => graph([x, y], [node(add, [x, y], [z], {}, sum(x, y))], [z]),
      place: "add z",
      facts: "has a body, but add is no fused node",
    },
    {
      when: "the body has fewer inputs than there are operands",
      graph: () => region(both, "pointwise", (a) => graph([a], [], [a])),
      place: "fused z",
      facts: "has 2 operands, but its body has 1 inputs",
    },
    {
      when: "an input of the body has another type",
      graph: () => region(both, "pointwise", (a) => graph([a, value("b", "f32[]")], [], [a])),
      place: "fused z",
      facts: "operand y is f32[2], but the body takes f32[]",
    },
    {
      when: "an operand is given twice",
      graph: () => region((x) => [x, x], "pointwise", sum),
      place: "fused z",
      facts: "operand x is given twice",
    },
    {
      when: "an operand is a literal",
      graph: () => region((x) => [x, literal(2, "f32")], "pointwise", sum),
      place: "fused z",
      facts: "operand 1 is the literal 2.0",
    },
  ],
  V8: [
    {
      when: "a region names no anchor",
      graph: () => region(both, undefined, sum),
      place: "fused z",
      facts: "names no anchor",
    },
    {
      when: "the anchor is a word",
      graph: () => region(both, "add" as never, sum),
      place: "fused z",
      facts: 'has the anchor "add", which is a word',
    },
    {
      when: "the body holds another op of the anchor's name",
      graph: () => region(both, { ...add }, sum),
      place: "fused z",
      facts: "its anchor is add, but its body holds another op of that name",
    },
    {
      when: "the anchor is not in the body",
      graph: () => region(both, matmul, sum),
      place: "fused z",
      facts: "its body has 0 matmul nodes, but a region has one anchor",
    },
    {
      when: "the anchor is there twice",
      graph: () => region(both, add, (a, b) => graph([a, b], [node(add, [a, b], [y]), node(add, [y, b], [z])], [z])),
      place: "fused z",
      facts: "its body has 2 add nodes, but a region has one anchor",
    },
    {
      when: "another op works on more than one element",
      graph: () =>
        region(both, "pointwise", (a, b) =>
          graph([a, b], [node(reduceSum, [a], [value("r", "f32[1]")], { axis: 0, keepdims: true })], [b]),
        ),
      place: "fused z",
      facts: "its body holds reduce_sum, which works on more than one element",
    },
  ],
  V9: [
    {
      when: "a region holds a region",
      graph: () =>
        region(both, "pointwise", (a, b) =>
          graph([a, b], [node(fused, [a, b], [z], {}, sum(value("c"), value("d")), "pointwise")], [z]),
        ),
      place: "fused z",
      facts: "its body holds the fused node z",
    },
  ],
  V10: [
    {
      when: "the old value is read after the update",
      graph: () => graph([cache, row], [update, node(neg, [cache], [late])], [late]),
      place: "cache_update updated",
      facts: "overwrites cache, which late reads afterwards",
    },
    {
      when: "the old value is returned",
      graph: () => graph([cache, row], [update], [updated, cache]),
      place: "cache_update updated",
      facts: "overwrites cache, which the graph returns",
    },
    {
      when: "it is updated twice",
      graph: () => graph([cache, row], [update, node(cacheUpdate, [cache, row], [late], { start: 2 })], [late]),
      place: "cache_update updated",
      facts: "overwrites cache, which late reads afterwards",
    },
    {
      when: "the update is inside a region",
      graph: () =>
        parseGraph(
          "graph g(c: f32[4, 2], r: f32[1, 2]) { k = fused pointwise(c, r) { n = neg(r) u = cache_update(c, n, start=0) return u } l = neg(c) return k, l }",
        ),
      place: "fused k",
      facts: "overwrites c, which l reads afterwards",
    },
  ],
  V11: [
    {
      when: "a recipe gives another type",
      graph: () => parseGraph("graph g(weight a: f32[3, 2] = transpose(w: f32[3, 2], perm=[1, 0])) {\n  return a\n}"),
      place: "weight a",
      facts: "is f32[3, 2], but transpose(w: f32[3, 2], perm=[1, 0]) is f32[2, 3]",
    },
    {
      when: "a recipe takes what its tensor does not have",
      graph: () => recipeOf(sliceRecipe(tensorRecipe("w", [5, 2]), 0, 3, 3)),
      place: "weight a",
      facts: "a slice takes 3 to 6 of axis 0, but is of f32[5, 2]",
    },
    {
      when: "a recipe orders axes that there are not",
      graph: () => recipeOf(transposeRecipe(tensorRecipe("w", [5, 2]), [1, 1])),
      place: "weight a",
      facts: "perm is [1, 1], but what it orders is f32[5, 2]",
    },
    {
      when: "a recipe puts together what does not fit",
      graph: () => recipeOf(concatRecipe([tensorRecipe("w", [5, 2]), tensorRecipe("v", [5, 3])], 0)),
      place: "weight a",
      facts: "a concat along axis 0 is of f32[5, 2] and f32[5, 3]",
    },
    {
      when: "a recipe's tensor has no name of the text form",
      graph: () => recipeOf(castRecipe(tensorRecipe("my w", [3, 2]), "f16")),
      place: "weight a",
      facts: '"my w" is no name',
    },
    {
      when: "what is no weight has a recipe",
      graph: () => parseGraph("graph g(state a: f32[3, 2] = w: f32[3, 2]) {\n  return a\n}"),
      place: "state a",
      facts: "has the recipe w: f32[3, 2]",
    },
  ],
  V12: [
    {
      when: "a symbol is no word",
      graph: () => graph([{ name: "s", type: tensorType("f32", [symbol("2T")]) }], [], []),
      place: "graph g",
      facts: '"2T" is no symbol',
    },
    {
      when: "a symbol reads as something else",
      graph: () => graph([{ name: "s", type: tensorType("f32", [symbol("f16")]) }], [], []),
      place: "graph g",
      facts: "f16 is no symbol",
    },
    {
      when: "a symbol has two least values",
      graph: () =>
        graph(
          [
            { name: "s", type: tensorType("f32", [symbol("T")]) },
            { name: "t", type: tensorType("f32", [symbol("T", 0)]) },
          ],
          [],
          [],
        ),
      place: "graph g",
      facts: "the symbol T is at least 1 here, and at least 0 there",
    },
  ],
};
