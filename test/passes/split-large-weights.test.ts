import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CompileError } from "../../ir/errors.ts";
import { buildGpt2 } from "../../ir/models/gpt2/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import { runPasses } from "../../passes/pass.ts";
import { pipeline } from "../../passes/pipeline.ts";
import { splitLargeWeights } from "../../passes/split-large-weights.ts";
import { expectPass, expectUnchanged } from "../support/expect-pass.ts";
import { verdicts } from "./expect-report.ts";
import { tinyGpt2 } from "./gpt2-variants.ts";

const test = suite("split-large-weights");

/** Sixteen elements of four bytes. */
const pass = splitLargeWeights(64);

/** The parts of a weight, as a graph's inputs. */
const COLUMNS = `weight w.0: f32[4, 4] = slice(w: f32[4, 10], axis=1, start=0, length=4),
  weight w.1: f32[4, 4] = slice(w: f32[4, 10], axis=1, start=4, length=4),
  weight w.2: f32[4, 2] = slice(w: f32[4, 10], axis=1, start=8, length=2)`;
const ROWS = `weight w.0: f32[4, 4] = slice(w: f32[10, 4], axis=0, start=0, length=4),
  weight w.1: f32[4, 4] = slice(w: f32[10, 4], axis=0, start=4, length=4),
  weight w.2: f32[2, 4] = slice(w: f32[10, 4], axis=0, start=8, length=2)`;

test("makes a product column by column, and puts it together", () => {
  expectPass(
    pass,
    "graph g(x: f32[T, 4], weight w: f32[4, 10]) { y = matmul(x, w) return y }",
    `graph g(x: f32[T, 4], ${COLUMNS}) {
      y.0 = matmul(x, w.0)
      y.1 = matmul(x, w.1)
      y.2 = matmul(x, w.2)
      y = concat(y.0, y.1, y.2, axis=1)
      return y
    }`,
  );
});

test("searches a table part by part", () => {
  expectPass(
    pass,
    "graph g(ids: i32[T], weight w: f32[10, 4]) { y = gather(w, ids) return y }",
    `graph g(ids: i32[T], ${ROWS}) {
      w.whole.0 = concat(w.0, w.1, w.2)
      y = gather(w.whole.0, ids)
      return y
    }`,
  );
});

test("splits what is table and head at once by rows, which are the head's columns", () => {
  expectPass(
    pass,
    `graph g(ids: i32[T], weight w: f32[10, 4]) {
      x = gather(w, ids)
      t = transpose(w, perm=[1, 0])
      y = matmul(x, t)
      return y
    }`,
    `graph g(ids: i32[T], ${ROWS}) {
      w.whole.0 = concat(w.0, w.1, w.2)
      x = gather(w.whole.0, ids)
      t.y.0 = transpose(w.0, perm=[1, 0])
      y.0 = matmul(x, t.y.0)
      t.y.1 = transpose(w.1, perm=[1, 0])
      y.1 = matmul(x, t.y.1)
      t.y.2 = transpose(w.2, perm=[1, 0])
      y.2 = matmul(x, t.y.2)
      y = concat(y.0, y.1, y.2, axis=1)
      return y
    }`,
  );
});

test("splits by whole vectors of four where the axis has them", () => {
  // Six rows would fit.
  expectPass(
    splitLargeWeights(96),
    "graph g(ids: i32[T], weight w: f32[12, 4]) { y = gather(w, ids) return y }",
    `graph g(
      ids: i32[T],
      weight w.0: f32[4, 4] = slice(w: f32[12, 4], axis=0, start=0, length=4),
      weight w.1: f32[4, 4] = slice(w: f32[12, 4], axis=0, start=4, length=4),
      weight w.2: f32[4, 4] = slice(w: f32[12, 4], axis=0, start=8, length=4)
    ) {
      w.whole.0 = concat(w.0, w.1, w.2)
      y = gather(w.whole.0, ids)
      return y
    }`,
  );
});

test("puts more parts together than a kernel binds in two steps", () => {
  const parts = [0, 1, 2, 3, 4].map(
    (i) => `weight w.${i}: f32[4, 4] = slice(w: f32[4, 20], axis=1, start=${4 * i}, length=4)`,
  );
  expectPass(
    splitLargeWeights(64, 4),
    "graph g(x: f32[T, 4], weight w: f32[4, 20]) { y = matmul(x, w) return y }",
    `graph g(x: f32[T, 4], ${parts.join(", ")}) {
      y.0 = matmul(x, w.0)
      y.1 = matmul(x, w.1)
      y.2 = matmul(x, w.2)
      y.3 = matmul(x, w.3)
      y.4 = matmul(x, w.4)
      y.joined.0 = concat(y.0, y.1, y.2, axis=1)
      y.joined.1 = concat(y.3, y.4, axis=1)
      y = concat(y.joined.0, y.joined.1, axis=1)
      return y
    }`,
  );
});

const HALVES = `weight w.0: f16[8, 4] = slice(w: f16[10, 4], axis=0, start=0, length=8),
  weight w.1: f16[2, 4] = slice(w: f16[10, 4], axis=0, start=8, length=2)`;

test("counts a weight's bytes as it is stored, and keeps the casts of its readers beside the parts", () => {
  expectPass(
    pass,
    `graph g(ids: i32[T], weight w: f16[10, 4]) {
      w.f32 = cast(w, to=f32)
      x = gather(w.f32, ids)
      w.f32.1 = cast(w, to=f32)
      t = transpose(w.f32.1, perm=[1, 0])
      y = matmul(x, t)
      return y
    }`,
    `graph g(ids: i32[T], ${HALVES}) {
      w.0.f32 = cast(w.0, to=f32)
      w.1.f32 = cast(w.1, to=f32)
      w.whole.0 = concat(w.0.f32, w.1.f32)
      x = gather(w.whole.0, ids)
      w.0.f32.0 = cast(w.0, to=f32)
      t.y.0 = transpose(w.0.f32.0, perm=[1, 0])
      y.0 = matmul(x, t.y.0)
      w.1.f32.0 = cast(w.1, to=f32)
      t.y.1 = transpose(w.1.f32.0, perm=[1, 0])
      y.1 = matmul(x, t.y.1)
      y = concat(y.0, y.1, axis=1)
      return y
    }`,
  );
});

test("splits a widened matrix by columns", () => {
  expectPass(
    pass,
    "graph g(x: f32[T, 4], weight w: f16[4, 12]) { w.f32 = cast(w, to=f32) y = matmul(x, w.f32) return y }",
    `graph g(
      x: f32[T, 4],
      weight w.0: f16[4, 8] = slice(w: f16[4, 12], axis=1, start=0, length=8),
      weight w.1: f16[4, 4] = slice(w: f16[4, 12], axis=1, start=8, length=4)
    ) {
      w.0.f32 = cast(w.0, to=f32)
      y.0 = matmul(x, w.0.f32)
      w.1.f32 = cast(w.1, to=f32)
      y.1 = matmul(x, w.1.f32)
      y = concat(y.0, y.1, axis=1)
      return y
    }`,
  );
});

test("splits what a recipe makes: the slices are of what it made", () => {
  expectPass(
    pass,
    "graph g(x: f32[T, 4], weight w: f32[4, 6] = slice(t: f32[8, 6], axis=0, start=1, length=4)) { y = matmul(x, w) return y }",
    `graph g(
      x: f32[T, 4],
      weight w.0: f32[4, 4] = slice(slice(t: f32[8, 6], axis=0, start=1, length=4), axis=1, start=0, length=4),
      weight w.1: f32[4, 2] = slice(slice(t: f32[8, 6], axis=0, start=1, length=4), axis=1, start=4, length=2)
    ) {
      y.0 = matmul(x, w.0)
      y.1 = matmul(x, w.1)
      y = concat(y.0, y.1, axis=1)
      return y
    }`,
  );
});

test("splits what a node reads both narrow and wide", () => {
  expectPass(
    pass,
    `graph g(ids: i32[T], weight w: f16[10, 4]) {
      w.f32 = cast(w, to=f32)
      y = add(w.f32, w.f32)
      v = gather(w, ids)
      return y, v
    }`,
    `graph g(ids: i32[T], ${HALVES}) {
      w.0.f32 = cast(w.0, to=f32)
      w.1.f32 = cast(w.1, to=f32)
      w.whole.0 = concat(w.0.f32, w.1.f32)
      y = add(w.whole.0, w.whole.0)
      w.whole.1 = concat(w.0, w.1)
      v = gather(w.whole.1, ids)
      return y, v
    }`,
  );
});

test("splits both weights that one node reads", () => {
  const parts = (name: string) =>
    [0, 1]
      .map((i) => `weight ${name}.${i}: f32[16] = slice(${name}: f32[32], axis=0, start=${16 * i}, length=16)`)
      .join(", ");
  expectPass(
    pass,
    "graph g(weight w: f32[32], weight u: f32[32]) { y = add(w, u) return y }",
    `graph g(${parts("w")}, ${parts("u")}) {
      w.whole.0 = concat(w.0, w.1)
      u.whole.0 = concat(u.0, u.1)
      y = add(w.whole.0, u.whole.0)
      return y
    }`,
  );
});

test("joins what is read transposed by more than products", () => {
  expectPass(
    pass,
    "graph g(x: f32[T, 4], weight w: f32[10, 4]) { t = transpose(w, perm=[1, 0]) y = matmul(x, t) return y, t }",
    `graph g(x: f32[T, 4], ${ROWS}) {
      w.whole.0 = concat(w.0, w.1, w.2)
      t = transpose(w.whole.0, perm=[1, 0])
      y = matmul(x, t)
      return y, t
    }`,
  );
});

test("goes around names that are taken", () => {
  expectPass(
    pass,
    "graph g(ids: i32[T], weight w: f32[5, 4], weight w.0: f32[4]) { g = gather(w, ids) y = add(g, w.0) return y }",
    `graph g(
      ids: i32[T],
      weight w.0.0: f32[4, 4] = slice(w: f32[5, 4], axis=0, start=0, length=4),
      weight w.1: f32[1, 4] = slice(w: f32[5, 4], axis=0, start=4, length=1),
      weight w.0: f32[4]
    ) {
      w.whole.0 = concat(w.0.0, w.1)
      g = gather(w.whole.0, ids)
      y = add(g, w.0)
      return y
    }`,
  );
});

test("leaves weights alone that fit, and what is no weight", () => {
  expectUnchanged(
    pass,
    "graph g[T, P>=0](x: f32[T, 40], weight w: f32[4, 4], state k: f32[9, 40]) { c = cache_update(k, x, start=P) y = tanh(w) return c, y }",
  );
});

test("reports each weight that it splits", () => {
  assert.equal(
    verdicts(
      pass,
      "graph g(x: f32[T, 4], weight w: f32[4, 10], weight b: f32[10]) { m = matmul(x, w) y = add(m, b) return y }",
    ),
    { w: "fired" },
  );
});

test("says so where no split can help", () => {
  const refuses = (text: string, place: string) =>
    assert.throws(
      () => splitLargeWeights(8).run(parseGraph(text)),
      (e: Error) => e instanceof CompileError && e.place === place,
    );
  refuses("graph g(ids: i32[T], weight w: f32[10, 4]) { y = gather(w, ids) return y }", "w");
  refuses("graph g(x: f32[4], weight w: f32[4]) { y = add(x, w) return y, w }", "w");
});

test("is in the pipeline where the target has a limit, and can't be left out then", () => {
  const names = (maxWeightBytes?: number) =>
    pipeline(maxWeightBytes === undefined ? {} : { maxWeightBytes }).map((p) => p.name);
  assert.not(names().includes(pass.name));
  assert.ok(names(64).includes(pass.name));
  assert.throws(() => pipeline({ maxWeightBytes: 64, disable: [pass.name] }), /can't be disabled/);
});

test("leaves no weight of GPT-2 that is larger than the limit", () => {
  for (const tie_word_embeddings of [true, false]) {
    const graph = runPasses(
      buildGpt2(tinyGpt2({ tie_word_embeddings })),
      pipeline({ symbols: { T: 1 }, maxWeightBytes: 256 }),
    );
    for (const { kind, value } of graph.inputs)
      if (kind === "weight")
        assert.ok(value.type.shape.reduce<number>((n, d) => n * Number(d), 4) <= 256, `${value.name} is too large`);
  }
});

test.run();
