// f16 storage: which weights become halves, and where the casts stand.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { printType } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";
import { defaultPolicy } from "../../passes/fuse-pointwise.ts";
import { runPasses } from "../../passes/pass.ts";
import { pipeline } from "../../passes/pipeline.ts";
import { storeWeightsAsF16 } from "../../passes/store-weights.ts";

const test = suite("store-weights-as-f16");

const after = (text: string): string => {
  const graph = storeWeightsAsF16.run(parseGraph(text));
  verify(graph);
  return printGraph(graph);
};

test("casts a matrix where it is read, and leaves a vector as it is", () => {
  assert.is(
    after("graph g(x: f32[T, 4], weight w: f32[4, 6], weight b: f32[6]) { m = matmul(x, w) y = add(m, b) return y }"),
    printGraph(
      parseGraph(`graph g(x: f32[T, 4], weight w: f16[4, 6] = cast(w: f32[4, 6], to=f16), weight b: f32[6]) {
        w.f32 = cast(w, to=f32)
        m = matmul(x, w.f32)
        y = add(m, b)
        return y
      }`),
    ),
  );
});

test("gives every reader a cast of its own, so that each kernel takes one in", () => {
  const text = after(`graph g(ids: i32[T], weight w: f32[5, 4]) {
    x = gather(w, ids)
    t = transpose(w, perm=[1, 0])
    y = matmul(x, t)
    return y
  }`);
  assert.match(text, "w.f32 = cast(w, to=f32)");
  assert.match(text, "w.f32.1 = cast(w, to=f32)");
});

test("rounds what a weight's own recipe makes", () => {
  const text = `graph g(x: f32[1, 4], weight w: f32[4, 6] = transpose(t: f32[6, 4], perm=[1, 0])) { y = matmul(x, w) return y }`;
  assert.match(after(text), "weight w: f16[4, 6] = cast(transpose(t: f32[6, 4], perm=[1, 0]), to=f16)");
});

test("leaves what changes with every call alone: only weights are stored", () => {
  const text = "graph g(x: f32[4, 4], state c: f32[4, 4]) { y = matmul(x, c) return y }";
  assert.is(after(text), printGraph(parseGraph(text)));
});

test("leaves a matrix alone that the graph returns", () => {
  const text = "graph g(x: f32[4], weight w: f32[4, 4]) { y = add(w, x) return w, y }";
  assert.is(after(text), printGraph(parseGraph(text)));
});

test("adds no node to a compiled block: the casts end in their readers' regions", () => {
  const text = `graph g(x: f32[1, 4], weight w: f32[4, 8], weight b: f32[8], weight v: f32[8, 4]) {
    m = matmul(x, w)
    s = add(m, b)
    y = matmul(s, v)
    return y
  }`;
  const nodes = (weights: "f32" | "f16") =>
    runPasses(parseGraph(text), pipeline({ weights, policy: defaultPolicy })).nodes.length;
  assert.is(nodes("f16"), nodes("f32"));
});

test("splits by the bytes that halves take: a table that fits as f16 stays whole", () => {
  const text = "graph g(ids: i32[T], weight w: f32[8, 4]) { y = gather(w, ids) return y }";
  const weights = (dtype: "f32" | "f16") =>
    runPasses(parseGraph(text), pipeline({ weights: dtype, maxWeightBytes: 64 })).inputs.filter(
      (i) => i.kind === "weight",
    );
  assert.is(weights("f16").length, 1);
  assert.is(weights("f32").length, 2);
});

test("splits a vector by the bytes that it takes, which stays f32", () => {
  const text = "graph g(x: f32[T, 24], weight b: f32[24]) { y = add(x, b) return y }";
  const parts = runPasses(parseGraph(text), pipeline({ weights: "f16", maxWeightBytes: 64 })).inputs.slice(1);
  assert.equal(
    parts.map((i) => printType(i.value.type)),
    ["f32[16]", "f32[8]"],
  );
});

test.run();
