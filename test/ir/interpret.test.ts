// The interpreter: symbols, regions, states, and what it asks of its inputs.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseGraph } from "../../ir/parse.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { maxDifference, seededTensor } from "../support/tensors.ts";

const test = suite("interpret");

const f32 = (shape: readonly number[], data: readonly number[]) => hostTensor("f32", shape, data);

const run = (text: string, inputs: Readonly<Record<string, HostTensor>>, symbols: SymbolValues = {}) =>
  interpret(parseGraph(text), new Map(Object.entries(inputs)), symbols);

test("one graph runs for any value of its symbols", () => {
  const text = "graph g[T, P>=0](x: f32[T, 2]) { s = reduce_sum(x, axis=0) i = iota(start=P, length=P+T) return s, i }";
  for (const [T, P] of [
    [1, 0],
    [3, 2],
  ] as const) {
    const [s, i] = run(text, { x: f32([T, 2], Array<number>(T * 2).fill(1)) }, { T, P });
    assert.equal([...(s?.data ?? [])], [T, T]);
    assert.equal(
      [...(i?.data ?? [])],
      Array.from({ length: P + T }, (_, k) => P + k),
    );
  }
});

test("a graph returns inputs, and one value twice, as they are", () => {
  const x = f32([2], [1, 2]);
  assert.equal(run("graph g(x: f32[2]) { return x, x }", { x }), [x, x]);
});

test("a region means what its body means", () => {
  const body = `
    n = layer_norm(h, g, c)
    m = matmul(n, w)
    s = gelu(m)
    p, q = split(s, sizes=[1, 2])`;
  const head = "graph g(h: f32[T, 4], g: f32[4], c: f32[4], w: f32[4, 3])";
  const plain = parseGraph(`${head} { ${body} return q, p }`);
  const fused = parseGraph(`${head} { q, p = fused matmul(h, g, c, w) { ${body} return q, p } return q, p }`);
  const symbols = { T: 3 };
  const inputs = new Map(plain.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, symbols, i)]));
  const [a, b] = [plain, fused].map((g) => interpret(g, inputs, symbols));
  // The same references in the same order.
  a?.forEach((tensor, i) => {
    assert.is(maxDifference(tensor, at(b ?? [], i)), 0);
  });
});

test("a state's update leaves the old state as it was", () => {
  const cache = f32([3, 2], [0, 0, 0, 0, 0, 0]);
  const text = "graph g[T, P>=0](state c: f32[3, 2], r: f32[T, 2]) { u = cache_update(c, r, start=P) return u }";
  const [updated] = run(text, { c: cache, r: f32([1, 2], [7, 8]) }, { T: 1, P: 2 });
  assert.equal([...(updated?.data ?? [])], [0, 0, 0, 0, 7, 8]);
  assert.ok(cache.data.every((v) => v === 0));
});

test("intermediate f32 values keep f64's precision", () => {
  const [y] = run("graph g(x: f32[1]) { a = div(x, 3.0) b = mul(a, 3.0) return b }", { x: f32([1], [1]) });
  assert.is(y?.data[0], 1);
});

test("an input that is missing, of another shape or of another dtype is refused", () => {
  const text = "graph g(x: f32[T, 2]) { return x }";
  const says = (inputs: Record<string, HostTensor>, message: string) =>
    assert.throws(() => run(text, inputs, { T: 3 }), message);
  const hint = "hint: it is f32[T, 2]";
  says({}, `interpret g: input x is missing\n${hint}`);
  says({ x: f32([2, 2], [1, 2, 3, 4]) }, `interpret g: input x has shape [2, 2], but wants [3, 2]\n${hint}`);
  says(
    { x: hostTensor("i32", [3, 2], [1, 2, 3, 4, 5, 6]) },
    "interpret g: input x is i32, but wants f32\nhint: dtypes are never converted on the way in",
  );
});

test("a symbol without a value is refused", () => {
  const x = f32([2, 2], [1, 2, 3, 4]);
  assert.throws(
    () => run("graph g(x: f32[T, 2]) { return x }", { x }),
    /input x has shape \[2, 2\], but wants \[T, 2\]/,
  );
  assert.throws(
    () => run("graph g[P>=0]() { i = iota(length=P+1) return i }", {}),
    "interpret iota i: attribute length is P+1, which has no value\nhint: interpret takes the symbols' values",
  );
});

test.run();
