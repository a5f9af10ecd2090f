// Dims and shapes: arithmetic on symbols, broadcasting, and how they print.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { parseType } from "../../ir/parse.ts";
import {
  addDims,
  bindDim,
  broadcastShapes,
  type Dim,
  dimEquals,
  evalDim,
  isNeverNegative,
  mulDims,
  printDim,
  printShape,
  resolveAxis,
  type Shape,
  sameElementCount,
  shapeEquals,
  subDims,
  symbol,
  symbolsOf,
  typeEquals,
} from "../../ir/type.ts";

const test = suite("type");

const shape = (text: string): Shape => parseType(`f32[${text}]`).shape;
const dim = (text: string): Dim => at(shape(text), 0);

const [B, T, P] = [symbol("B"), symbol("T"), symbol("P", 0)];
const anyTerm: fc.Arbitrary<Dim> = fc
  .tuple(fc.integer({ min: -9, max: 9 }), fc.array(fc.constantFrom<Dim>(B, T, P, symbol("rows")), { maxLength: 3 }))
  .map(([factor, symbols]) => symbols.reduce<Dim>(mulDims, factor));
const anyDim: fc.Arbitrary<Dim> = fc.array(anyTerm, { maxLength: 5 }).map((terms) => terms.reduce<Dim>(addDims, 0));
const anySymbols = fc.record({
  B: fc.integer({ min: 1, max: 9 }),
  T: fc.integer({ min: 1, max: 9 }),
  P: fc.nat(9),
  rows: fc.integer({ min: 1, max: 9 }),
});

test("a dim without symbols is a plain number", () => {
  assert.is(mulDims(T, 0), 0);
  assert.is(subDims(T, T), 0);
  assert.is(subDims(addDims(T, 3), T), 3);
});

test("equal dims look equal, however they were made", () => {
  assert.equal(addDims(P, T), addDims(T, P));
  assert.equal(subDims(mulDims(T, 3), T), mulDims(2, T));
  assert.ok(dimEquals(mulDims(addDims(T, P), subDims(T, P)), subDims(mulDims(T, T), mulDims(P, P))));
  assert.not(dimEquals(T, P));
  assert.not(dimEquals(T, addDims(T, 1)));
  assert.not(dimEquals(T, 1));
});

test("dims are added, subtracted and multiplied as the numbers they stand for", () => {
  fc.assert(
    fc.property(anyDim, anyDim, anySymbols, (a, b, symbols) => {
      const [x, y] = [evalDim(a, symbols) ?? Number.NaN, evalDim(b, symbols) ?? Number.NaN];
      assert.is(evalDim(addDims(a, b), symbols), x + y);
      assert.is(evalDim(subDims(a, b), symbols), x - y);
      // Zero has one sign here: -0 would print and compare as 0.
      assert.is((evalDim(mulDims(a, b), symbols) ?? Number.NaN) + 0, x * y + 0);
      if (isNeverNegative(a)) assert.ok(x >= 0, `${printDim(a)} is ${x}`);
    }),
    { seed: 1, includeErrorInReport: true },
  );
});

test("a dim prints as text that parses to it", () => {
  fc.assert(
    fc.property(anyDim, (d) => {
      // A type holds no negative number; a sum of symbols may be one.
      if (typeof d !== "number" || d >= 0) assert.ok(dimEquals(dim(printDim(d)), d), printDim(d));
    }),
    { seed: 1, includeErrorInReport: true },
  );
});

test("dims print products first, then by name, the constant last, and no 1 before a symbol", () => {
  assert.is(printDim(dim("2T-1")), "2T-1");
  assert.is(printDim(dim("3+P-T+2B")), "2B+P-T+3");
  assert.is(printDim(dim("T+T*B*2")), "2B*T+T");
  // `2e5` is a number.
  assert.is(printDim(dim("2*e5+rows*B")), "B*rows+2*e5");
  assert.is(printShape([T, 1600]), "[T, 1600]");
  assert.is(printShape([]), "[]");
});

test("a length is never negative where the least values of its symbols say so", () => {
  assert.ok(isNeverNegative(subDims(T, 1)));
  assert.not(isNeverNegative(subDims(P, 1)));
  assert.ok(isNeverNegative(subDims(mulDims(B, T), T)));
  assert.not(isNeverNegative(subDims(T, P)));
  assert.equal(
    symbolsOf(dim("B*T+B+4")).map((s) => s.name),
    ["B", "T"],
  );
});

test("binding replaces the symbols that have a value and keeps the others", () => {
  assert.equal(bindDim(addDims(P, T), { P: 4 }), addDims(T, 4));
  assert.is(bindDim(addDims(P, T), { P: 4, T: 1 }), 5);
  assert.is(evalDim(addDims(P, T), { T: 1 }), undefined);
  assert.is(evalDim(T, { T: 7 }), 7);
});

test("shapes and types are equal when all of their parts are", () => {
  assert.ok(shapeEquals(shape("T, 4"), shape("T, 4")));
  assert.not(shapeEquals(shape("T, 4"), shape("T")));
  assert.not(typeEquals(parseType("f32[T, 4]"), parseType("f16[T, 4]")));
});

for (const [a, b, wide] of [
  ["3, 7", "7", "3, 7"],
  ["2, 1, 5", "3, 1", "2, 3, 5"],
  ["", "T, 4", "T, 4"],
  ["T, 4", "1", "T, 4"],
  ["T, 1", "P+T", "T, P+T"],
  ["0", "1", "0"],
] as const)
  test(`[${a}] and [${b}] broadcast to [${wide}], in either order`, () => {
    assert.ok(shapeEquals(broadcastShapes(shape(a), shape(b)) ?? [], shape(wide)));
    assert.ok(shapeEquals(broadcastShapes(shape(b), shape(a)) ?? [], shape(wide)));
  });

for (const [a, b] of [
  ["3", "4"],
  ["T", "4"],
  ["T", "P"],
  ["T", "T+1"],
  ["2, 3", "2"],
] as const)
  test(`[${a}] and [${b}] do not broadcast`, () => {
    assert.is(broadcastShapes(shape(a), shape(b)), undefined);
  });

for (const [a, b] of [
  ["T, 12", "T, 3, 4"],
  ["T, 12", "4, 3T"],
  ["2T+2", "T+1, 2"],
  ["P+T, 25, 64", "25, P+T, 64"],
  // Dividing by 49 through a reciprocal would give 0.9999999999999999 T.
  ["49, T", "49T"],
  ["B, T, 4", "B*T, 4"],
  ["B*T+T", "T, B+1"],
  ["1", ""],
  ["T, P", "P, T"],
  ["0, 3", "5, 0"],
] as const)
  test(`[${a}] and [${b}] hold equally many elements`, () => {
    assert.ok(sameElementCount(shape(a), shape(b)));
    assert.ok(sameElementCount(shape(b), shape(a)));
  });

for (const [a, b] of [
  ["T", "P"],
  ["T, 12", "T, 11"],
  ["T", "T, T"],
  ["T", "1"],
  ["2T+2", "2T, 2"],
] as const)
  test(`[${a}] and [${b}] do not`, () => {
    assert.not(sameElementCount(shape(a), shape(b)));
    assert.not(sameElementCount(shape(b), shape(a)));
  });

test("an axis counts from the end when it is negative, and must be there", () => {
  assert.is(resolveAxis(-1, 3), 2);
  assert.is(resolveAxis(0, 3), 0);
  assert.is(resolveAxis(3, 3), undefined);
  assert.is(resolveAxis(-4, 3), undefined);
  assert.is(resolveAxis(0.5, 3), undefined);
  assert.is(resolveAxis(0, 0), undefined);
});

test("whether a product of many symbols is never negative is told without multiplying it out", () => {
  const many = Array.from({ length: 40 }, (_, i) => symbol(`A${i}`)).reduce<Dim>(mulDims, 1);
  const began = performance.now();
  assert.ok(isNeverNegative(many));
  // It is, but to show that takes more terms than are kept.
  assert.not(isNeverNegative(subDims(many, 1)));
  assert.ok(performance.now() - began < 5000, "it takes long");
});

test.run();
