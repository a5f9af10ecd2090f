// Every pointwise op at a few numbers where anybody knows the answer.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { OPS } from "../../ir/ops/index.ts";
import { hostTensor } from "../../ir/tensor.ts";
import { computesInPlace } from "../support/element-calls.ts";
import { runOp } from "../support/run-op.ts";
import { assertClose } from "../support/tensors.ts";

const test = suite("pointwise ops");

const { PI, E, SQRT1_2 } = Math;

/** Columns of operands, and the results. */
const KNOWN: Readonly<
  Record<string, { readonly given: readonly (readonly number[])[]; readonly gives: readonly number[] }>
> = {
  add: {
    given: [
      [1, -2],
      [0.5, 2],
    ],
    gives: [1.5, 0],
  },
  cos: { given: [[0, PI / 3, PI]], gives: [1, 0.5, -1] },
  div: {
    given: [
      [1, -3, 1],
      [4, 2, 0],
    ],
    gives: [0.25, -1.5, Infinity],
  },
  equal: {
    given: [
      [1, 2, 3],
      [2, 2, 2],
    ],
    gives: [0, 1, 0],
  },
  erf: { given: [[0, Infinity, -Infinity]], gives: [0, 1, -1] },
  exp: { given: [[0, 1, -Infinity]], gives: [1, E, 0] },
  gelu: { given: [[0, 100, -100]], gives: [0, 100, 0] },
  greater: {
    given: [
      [1, 2, 3],
      [2, 2, 2],
    ],
    gives: [0, 0, 1],
  },
  greater_equal: {
    given: [
      [1, 2, 3],
      [2, 2, 2],
    ],
    gives: [0, 1, 1],
  },
  less: {
    given: [
      [1, 2, 3],
      [2, 2, 2],
    ],
    gives: [1, 0, 0],
  },
  less_equal: {
    given: [
      [1, 2, 3],
      [2, 2, 2],
    ],
    gives: [1, 1, 0],
  },
  log: { given: [[1, E, 0]], gives: [0, 1, -Infinity] },
  maximum: {
    given: [
      [1, -2],
      [0.5, 2],
    ],
    gives: [1, 2],
  },
  minimum: {
    given: [
      [1, -2],
      [0.5, 2],
    ],
    gives: [0.5, -2],
  },
  mul: {
    given: [
      [1, -2],
      [0.5, 2],
    ],
    gives: [0.5, -4],
  },
  neg: { given: [[1, -2, Infinity]], gives: [-1, 2, -Infinity] },
  pow: {
    given: [
      [2, 9, 5],
      [10, 0.5, 0],
    ],
    gives: [1024, 3, 1],
  },
  rsqrt: { given: [[4, 0.25, 2]], gives: [0.5, 2, SQRT1_2] },
  sin: { given: [[0, PI / 6, PI / 2]], gives: [0, 0.5, 1] },
  sqrt: { given: [[4, 0.25, -1]], gives: [2, 0.5, Number.NaN] },
  sub: {
    given: [
      [1, -2],
      [0.5, 2],
    ],
    gives: [0.5, -4],
  },
  tanh: { given: [[0, 100, -100]], gives: [0, 1, -1] },
};

for (const op of OPS.filter(computesInPlace)) {
  // Ops of several dtypes have tests of their own beside.
  if (op.name === "cast" || op.name === "select") continue;
  test(`${op.name} is what its name says`, () => {
    const known = KNOWN[op.name];
    assert.ok(known, "no number is known");
    const given = known?.given.map((column) => hostTensor("f32", [column.length], column)) ?? [];
    const types = given.map(({ data }) => `f32[${data.length}]`);
    const found = at(runOp(op, types, {}, given).results, 0);
    const wanted = { ...found, data: Float64Array.from(known?.gives ?? []) };
    // The libraries' functions are right to a unit or two of the last of 53 bits.
    assertClose(found, wanted, { rtol: 1e-15, atol: 1e-15 }, op.name);
  });
}

test.run();
