// f16 caches: which states become halves, and where the casts stand.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { buildGpt2 } from "../../ir/models/gpt2/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { castNumber } from "../../ir/tensor.ts";
import { verify } from "../../ir/verify.ts";
import { runPasses } from "../../passes/pass.ts";
import { pipeline } from "../../passes/pipeline.ts";
import { storeCachesAsF16 } from "../../passes/store-caches.ts";
import { seededTensor } from "../support/tensors.ts";
import { tinyGpt2 } from "./gpt2-variants.ts";

const test = suite("store-caches-as-f16");

const after = (text: string): string => {
  const graph = storeCachesAsF16.run(parseGraph(text));
  verify(graph);
  return printGraph(graph);
};
const isUnchanged = (text: string) => assert.is(after(text), printGraph(parseGraph(text)));

test("rounds rows as they are written, and widens the cache for each reader", () => {
  assert.is(
    after(`graph g[T, P](x: f32[T, 4], state c: f32[8, 4]) {
      d = cache_update(c, x, start=P)
      a = slice(d, axis=0, start=0, length=T)
      y = mul(a, x)
      z = reduce_sum(d)
      return y, z, d
    }`),
    printGraph(
      parseGraph(`graph g[T, P](x: f32[T, 4], state c: f16[8, 4]) {
        x.f16 = cast(x, to=f16)
        d = cache_update(c, x.f16, start=P)
        d.f32 = cast(d, to=f32)
        a = slice(d.f32, axis=0, start=0, length=T)
        y = mul(a, x)
        d.f32.0 = cast(d, to=f32)
        z = reduce_sum(d.f32.0)
        return y, z, d
      }`),
    ),
  );
});

test("follows a cache through several updates, and widens what is read before them", () => {
  const text = after(`graph g(x: f32[2, 4], slots: i32[2], state c: f32[8, 4]) {
    old = reduce_sum(c)
    d = cache_update(c, x, start=0)
    e = cache_write(d, x, slots)
    return old, e
  }`);
  assert.match(text, "c.f32 = cast(c, to=f32)");
  assert.match(text, "e = cache_write(d, x.f16.0, slots)");
});

test("leaves alone what is no cache of floats in rows of pairs", () => {
  isUnchanged("graph g(x: f32[2, 3], state c: f32[8, 3]) { d = cache_update(c, x, start=0) return d }");
  isUnchanged("graph g(x: i32[2, 4], state c: i32[8, 4]) { d = cache_update(c, x, start=0) return d }");
  isUnchanged("graph g(x: f32[2], state c: f32[8]) { d = cache_update(c, x, start=0) return d }");
  isUnchanged("graph g(x: f32[8, 4], state c: f32[8, 4]) { y = add(x, c) return y }");
  isUnchanged("graph g(x: f32[2, 4], c: f32[8, 4]) { d = cache_update(c, x, start=0) return d }");
});

test("changes what a cache holds by its rounding and nothing else", () => {
  const text = `graph g(x: f32[2, 4], state c: f32[6, 4]) {
    d = cache_update(c, x, start=3) y = exp(d) return y, d }`;
  const graph = parseGraph(text);
  const exact = new Map(
    graph.inputs.map(({ value }, i) => {
      const seeded = seededTensor(value.type, {}, i + 1);
      return [value.name, { ...seeded, data: seeded.data.map((x) => castNumber(x / 3, "f32")) }] as const;
    }),
  );
  const round = (data: Float64Array) => data.map((x) => castNumber(x, "f16"));
  const rounded = new Map([...exact].map(([name, t]) => [name, { ...t, data: round(t.data) }]));
  const got = interpret(
    storeCachesAsF16.run(graph),
    new Map([...exact, ["c", { ...at([...rounded.values()], 1), dtype: "f16" }]]),
    {},
  );
  const want = interpret(graph, rounded, {});
  assert.equal(
    got.map((t) => [...t.data]),
    want.map((t) => [...t.data]),
  );
});

test("is part of a pipeline that is asked for it, and attention is found all the same", () => {
  const graph = runPasses(buildGpt2(tinyGpt2(), "last"), pipeline({ caches: "f16" }));
  assert.is(graph.inputs.filter((i) => i.kind === "state" && i.value.type.dtype === "f16").length, tinyGpt2().n_layer);
  const ops = graph.nodes.flatMap((n) => n.body?.nodes ?? [n]).map((n) => n.op.name);
  assert.is(ops.filter((name) => name === "scaled_dot_product_attention").length, tinyGpt2().n_layer);
  assert.not.ok(pipeline().some((p) => p.name === storeCachesAsF16.name));
});

test.run();
