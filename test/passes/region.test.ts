// Merging nodes and regions into one region: names, results, and what may stand in a body.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { indexGraph } from "../../ir/graph.ts";
import { matmul, reduceSum } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { fusePointwise } from "../../passes/fuse-pointwise.ts";
import { anchorOf, dependsOn } from "../../passes/region.ts";
import { expectPass } from "../support/expect-pass.ts";

const test = suite("region");

test("renames what two bodies call by the same name", () => {
  expectPass(
    fusePointwise(),
    `graph g(x: f32[4], w: f32[4]) {
      a = fused pointwise(x) { s = neg(x) t = exp(s) return t }
      y = fused pointwise(a, w) { s = add(a, w) t = tanh(s) return t }
      return y
    }`,
    `graph g(x: f32[4], w: f32[4]) {
      y = fused pointwise(x, w) { s = neg(x) t = exp(s) s.0 = add(t, w) t.0 = tanh(s.0) return t.0 }
      return y
    }`,
  );
});

test("renames what a body calls by the name of an operand that comes in", () => {
  expectPass(
    fusePointwise(),
    "graph g(x: f32[4], w: f32[4]) { a = fused pointwise(x) { w = neg(x) return w } y = add(a, w) return y }",
    "graph g(x: f32[4], w: f32[4]) { y = fused pointwise(x, w) { w.0 = neg(x) y = add(w.0, w) return y } return y }",
  );
});

test("keeps apart what two regions call by the same name on purpose", () => {
  // Both bodies name their input after the operand, which is another one for each.
  expectPass(
    fusePointwise(),
    `graph g(x: f32[4], w: f32[4]) {
      a = fused pointwise(x, w) { s = sub(x, w) return s }
      y = fused pointwise(w, a) { x = mul(w, a) s = exp(x) return s }
      return y
    }`,
    `graph g(x: f32[4], w: f32[4]) {
      y = fused pointwise(x, w) { s = sub(x, w) x.0 = mul(w, s) s.0 = exp(x.0) return s.0 }
      return y
    }`,
  );
});

test("takes a region apart that returns one of its operands", () => {
  expectPass(
    fusePointwise(),
    `graph g(x: f32[4], w: f32[4, 4]) {
      a, b = fused matmul(w, x) { m = matmul(w, w) s = mul(m, x) return s, x }
      y = tanh(a)
      return y, b
    }`,
    `graph g(x: f32[4], w: f32[4, 4]) {
      b, y = fused matmul(w, x) { m = matmul(w, w) s = mul(m, x) y = tanh(s) return x, y }
      return y, b
    }`,
  );
});

test("returns what something outside reads, and nothing else", () => {
  expectPass(
    fusePointwise(),
    `graph g(x: f32[T, 4], w: f32[4, 6]) {
      m = matmul(x, w)
      a, b, c = split(m, sizes=[2, 2, 2])
      d = tanh(b)
      return d, a
    }`,
    `graph g(x: f32[T, 4], w: f32[4, 6]) {
      a, d = fused matmul(x, w) {
        m = matmul(x, w)
        a, b, c = split(m, sizes=[2, 2, 2])
        d = tanh(b)
        return a, d
      }
      return d, a
    }`,
  );
});

test("keeps literals in the body, where they were", () => {
  expectPass(
    fusePointwise(),
    "graph g(x: f32[4]) { a = maximum(x, 0.0) b = expand(2.5, shape=[4]) y = mul(a, b) return y }",
    `graph g(x: f32[4]) {
      y = fused pointwise(x) {
        b = expand(2.5, shape=[4])
        a = maximum(x, 0.0)
        y = mul(a, b)
        return y
      }
      return y
    }`,
  );
});

const graph = parseGraph(
  `graph g(x: f32[4, 4]) {
    a = neg(x)
    m = matmul(a, x)
    r = reduce_sum(m)
    y = fused pointwise(r) {
      s = exp(r)
      return s
    }
    z = tanh(x)
    return y, z
  }`,
);
const nodeAt = (i: number) => at(graph.nodes, i);

test("knows what each node would be built around", () => {
  assert.equal(graph.nodes.map(anchorOf), [undefined, matmul, reduceSum, "pointwise", undefined]);
});

test("knows what is computed from what, however indirectly", () => {
  const index = indexGraph(graph);
  const y = at(nodeAt(3).results, 0);
  assert.ok(dependsOn(index, y, nodeAt(0)));
  assert.ok(dependsOn(index, y, nodeAt(3)));
  assert.not(dependsOn(index, y, nodeAt(4)));
  assert.not(dependsOn(index, at(graph.inputs, 0).value, nodeAt(0)));
});

test.run();
