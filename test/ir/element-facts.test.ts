// What an op's element says of itself: which operands it reads where, and whether it computes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ElementFacts, factsOf, isPointwise, onlyMoves, readsInPlace } from "../../ir/element-facts.ts";
import { at } from "../../ir/errors.ts";
import { elementTensors } from "../../ir/host-elements.ts";
import { OPS } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import * as elements from "../support/element-ops.ts";
import { withOps } from "../support/own-ops.ts";
import { runOp } from "../support/run-op.ts";
import { maxDifference } from "../support/tensors.ts";

const test = suite("element facts");

const own = withOps(Object.values(elements));

const nodeOf = (statement: string, inputs: string) =>
  at(parseGraph(`graph g(${inputs}) {\n${statement}\nreturn y\n}`, own).nodes, 0);
const factsIn = (statement: string, inputs = "x: f32[T, 4], v: f32[4], i: i32[T]"): ElementFacts | undefined =>
  factsOf(nodeOf(statement, inputs));

const moves = { computes: false, usesPlace: false };
const computes = { computes: true, usesPlace: false };

test("operands are read in the element's own place, broadcast ones too", () => {
  assert.equal(factsIn("y = add(x, v)"), { reads: ["own", "own"], ...computes });
  assert.equal(factsIn("y = mul(x, x)"), { reads: ["own", "own"], ...computes });
  assert.equal(factsIn("y = gelu(x)"), { reads: ["own"], ...computes });
  assert.equal(factsIn("y = expand(v, shape=[3, 4])"), { reads: ["own"], ...moves });
});

test("or elsewhere", () => {
  assert.equal(factsIn("y = transpose(x, perm=[1, 0])"), { reads: ["elsewhere"], ...moves });
  assert.equal(factsIn("y = slice(x, axis=1, length=2)"), { reads: ["elsewhere"], ...moves });
  assert.equal(factsIn("y = gather(x, i)"), { reads: ["elsewhere", "elsewhere"], ...moves });
  assert.equal(factsIn("y = concat(v, v)"), { reads: ["elsewhere", "elsewhere"], computes: false, usesPlace: true });
});

test("what moves nothing reads in place, whatever it may do elsewhere", () => {
  assert.equal(factsIn("y = concat(x)"), { reads: ["own"], ...moves });
  assert.equal(factsIn("y = slice(v, length=4)"), { reads: ["own"], ...moves });
});

test("what counts its place uses it", () => {
  assert.equal(factsIn("y = iota(length=T)"), { reads: [], computes: false, usesPlace: true });
});

test("ops that move and compute in one: each operand for itself", () => {
  const pairs = "x: f32[T, 16], cos: f32[T, 8], sin: f32[T, 8]";
  assert.equal(factsIn("y = rotary(x, cos, sin)", pairs), {
    reads: ["elsewhere", "elsewhere", "elsewhere"],
    computes: true,
    usesPlace: true,
  });
  const node = nodeOf("y = dequantize(codes, scales)", "codes: i32[3, 64], scales: f32[3, 2]");
  assert.equal(factsOf(node)?.reads, ["own", "elsewhere"]);
  assert.ok(readsInPlace(node, at(node.operands, 0)));
  assert.not(readsInPlace(node, at(node.operands, 1)));
  assert.not(isPointwise(node));
  assert.not(onlyMoves(node));
});

test("an op without elements has no facts", () => {
  assert.is(factsIn("y = reduce_sum(x)"), undefined);
});

for (const op of OPS.filter(({ traits, reference }) => traits.element && reference))
  test(`${op.name}: its reference is what its element makes of numbers`, () => {
    for (const { types, attrs } of op.cases) {
      const { node, operands, results } = runOp(op, types, attrs);
      elementTensors(op, operands, node.attrs, results).forEach((tensor, i) => {
        assert.is(maxDifference(tensor, at(results, i)), 0);
      });
    }
  });

test.run();
