// What weights are made of: that a recipe prints and parses, that composing keeps its meaning, and what it means.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  castRecipe,
  concatRecipe,
  printRecipe,
  recipeProblem,
  recipeTensors,
  recipeType,
  reshapeRecipe,
  sliceRecipe,
  tensorRecipe,
  transposeRecipe,
  type WeightRecipe,
} from "../../base/recipe.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import { CompileError } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { matmul } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { evaluateRecipe } from "../../ir/recipe.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import { printType, tensorType } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";
import { recipes } from "../support/random-recipe.ts";
import { seededTensor } from "../support/tensors.ts";

const test = suite("recipes");

const W = tensorRecipe("w", [4, 6]);
const printed = (recipe: WeightRecipe): string => printRecipe(recipe);

/** The tensors that a recipe reads, seeded. */
const seeded = (recipe: WeightRecipe): ReadonlyMap<string, HostTensor> =>
  new Map(recipeTensors(recipe).map((t, i) => [t.name, seededTensor({ dtype: t.dtype, shape: t.shape }, {}, i + 1)]));

const graphOf = (recipe: WeightRecipe): string => {
  const builder = new GraphBuilder("g");
  return printGraph(builder.build([builder.weight("made", recipe)]));
};

test("prints and parses, nested as deeply as it is", () => {
  fc.assert(
    fc.property(recipes, ({ simple, spelled }) => {
      for (const recipe of [simple, spelled]) {
        assert.is(recipeProblem(recipe), undefined);
        const text = graphOf(recipe);
        const graph = parseGraph(text);
        verify(graph);
        assert.is(printGraph(graph), text);
        assert.equal(graph.inputs[0]?.recipe, recipe);
      }
    }),
  );
});

test("means the same composed as spelled out", () => {
  fc.assert(
    fc.property(recipes, ({ simple, spelled }) => {
      const tensors = seeded(spelled);
      const [a, b] = [evaluateRecipe(simple, tensors), evaluateRecipe(spelled, tensors)];
      assert.is(printType(a), printType(recipeType(simple)));
      assert.equal(a, b);
    }),
  );
});

test("composes what is obvious: slices of slices, transposes of transposes, casts outside", () => {
  const rows = sliceRecipe(sliceRecipe(W, 0, 1, 3), 0, 1, 2);
  assert.is(printed(rows), "slice(w: f32[4, 6], axis=0, start=2, length=2)");
  assert.is(sliceRecipe(W, 1, 0, 6), W);
  assert.is(transposeRecipe(transposeRecipe(W, [1, 0]), [1, 0]), W);
  assert.is(reshapeRecipe(reshapeRecipe(W, [24]), [4, 6]), W);
  assert.is(printed(reshapeRecipe(reshapeRecipe(W, [24]), [2, 12])), "reshape(w: f32[4, 6], shape=[2, 12])");
  assert.is(printed(reshapeRecipe(castRecipe(W, "f16"), [24])), "cast(reshape(w: f32[4, 6], shape=[24]), to=f16)");
  assert.is(castRecipe(W, "f32"), W);
  assert.is(concatRecipe([W], 1), W);
  assert.is(
    printed(sliceRecipe(castRecipe(W, "f16"), 0, 1, 2)),
    "cast(slice(w: f32[4, 6], axis=0, start=1, length=2), to=f16)",
  );
  const halves = tensorRecipe("h", [2], "f16");
  assert.is(castRecipe(castRecipe(halves, "f32"), "f16"), halves);
  assert.is(printed(castRecipe(castRecipe(W, "f16"), "f32")), "cast(cast(w: f32[4, 6], to=f16), to=f32)");
});

test("a graph's author declares one: a Linear stored as [out, in], and q, k and v stored apart", () => {
  const builder = new GraphBuilder("g");
  const x = builder.input("x", tensorType("f32", [1, 2]));
  const linear = (name: string) => transposeRecipe(tensorRecipe(name, [3, 2]), [1, 0]);
  const qkv = builder.weight("qkv.weight", concatRecipe(["q", "k", "v"].map(linear), 1));
  const graph = builder.build([builder.op(matmul, [x, qkv], {}, "y")]);
  verify(graph);
  const rows = (from: number) =>
    hostTensor(
      "f32",
      [3, 2],
      [0, 1, 2, 3, 4, 5].map((i) => from + i),
    );
  const tensors = new Map([
    ["x", hostTensor("f32", [1, 2], [1, 10])],
    ...["q", "k", "v"].map((n, i) => [n, rows(10 * i)] as const),
  ]);
  // Row j of a Linear is output j: q's are 0 + 10·1, 2 + 10·3 and 4 + 10·5.
  assert.equal([...(interpret(graph, tensors)[0]?.data ?? [])], [10, 32, 54, 120, 142, 164, 230, 252, 274]);
});

test("matrices that are interleaved: halves of heads as pairs, and two Linears whose columns alternate", () => {
  const numbers = hostTensor("f32", [4, 1], [0, 1, 2, 3]);
  const tensors = new Map(["a", "b"].map((n) => [n, numbers] as const));
  const [a, b] = [tensorRecipe("a", [4, 1]), tensorRecipe("b", [4, 1])];
  const pairs = reshapeRecipe(transposeRecipe(reshapeRecipe(a, [1, 2, 2, 1]), [3, 0, 2, 1]), [1, 4]);
  assert.equal([...evaluateRecipe(pairs, tensors).data], [0, 2, 1, 3]);
  const rows = reshapeRecipe(concatRecipe([a, b], 0), [2, 4, 1]);
  const both = reshapeRecipe(transposeRecipe(rows, [2, 1, 0]), [1, 8]);
  assert.equal([...evaluateRecipe(both, tensors).data], [0, 0, 1, 1, 2, 2, 3, 3]);
});

test("a weight may be given as it is made, under its own name", () => {
  const graph = parseGraph("graph g(weight w: f32[2] = slice(t: f32[4], axis=0, start=1, length=2)) { return w }");
  const own = interpret(graph, new Map([["w", hostTensor("f32", [2], [7, 8])]]));
  const made = interpret(graph, new Map([["t", hostTensor("f32", [4], [1, 2, 3, 4])]]));
  assert.equal(
    [own, made].map((r) => [...(r[0]?.data ?? [])]),
    [
      [7, 8],
      [2, 3],
    ],
  );
  assert.throws(
    () => interpret(graph, new Map([["t", hostTensor("f32", [5], [1, 2, 3, 4, 5])]])),
    (e: Error) => e instanceof CompileError && e.message === "recipe t: is f32[5], but the recipe reads f32[4]",
  );
});

test("the builder refuses a recipe that can't be carried out", () => {
  assert.throws(
    () => new GraphBuilder("g").weight("w", sliceRecipe(W, 2, 0, 1)),
    (e: Error) => e instanceof CompileError && e.place === "weight w" && e.facts.includes("axis 2"),
  );
});

const refuses = (recipe: string, facts: string) =>
  assert.throws(
    () => parseGraph(`graph g[T](weight w: f32[2] = ${recipe}) { return w }`),
    (e: Error) => e instanceof CompileError && e.place.startsWith("line 1, column") && e.facts === facts,
  );

test("a mistake in its text is named with its place", () => {
  refuses("slice(t: f32[4], axis=0, start=3, length=2)", "a slice takes 3 to 5 of axis 0, but is of f32[4]");
  refuses("slice(t: f32[4], axis=0, start=3)", "expected ,, found )");
  refuses("slice(t: f32[4], axis=0.5, start=3, length=1)", "axis is no number");
  refuses("reshape(t: f32[4], shape=[3])", "a reshape makes [3], but is of f32[4]");
  refuses("reshape(t: f32[2], shape=[0.5, 4])", "shape is no number");
  refuses("t", "t has no type");
  refuses("reverse(t: f32[2])", "reverse is no part of a recipe");
  refuses("cast(t: f32[2], to=f8)", "f8 is no dtype");
  refuses("slice(t: f32[T], axis=0, start=0, length=2)", "t is f32[T]");
});

test.run();
