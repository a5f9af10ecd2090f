// What holds of every op in the registry, and of every op with a trait.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { writtenTensors } from "../../ir/host-elements.ts";
import type { Op } from "../../ir/op.ts";
import { OPS, reshape, split, transpose } from "../../ir/ops/index.ts";
import { countElements, type HostTensor } from "../../ir/tensor.ts";
import { printType, typeEquals } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";
import { callsOf, caseNodes, computesInPlace } from "../support/element-calls.ts";
import { type OpRun, runCase, runOp } from "../support/run-op.ts";
import { maxDifference } from "../support/tensors.ts";

const test = suite("ops");

const runCases = (op: Op): OpRun[] => op.cases.map((opCase) => runCase(op, opCase));

test("names are snake_case, and no two ops share one", () => {
  for (const { name } of OPS) assert.match(name, /^[a-z]+(_[a-z]+)*$/);
  assert.is(new Set(OPS.map((op) => op.name)).size, OPS.length);
});

for (const op of OPS)
  test(`${op.name} has a summary of one line, and cases that it infers and runs`, () => {
    assert.match(op.summary, /^\S.{2,70}[^.\s]$/);
    assert.ok(op.cases.length > 0, "no case");
    for (const { graph, node, results } of runCases(op)) {
      verify(graph);
      assert.is(results.length, node.results.length);
      results.forEach((tensor, i) => {
        const wanted = at(node.results, i).type;
        assert.ok(typeEquals(tensor, wanted), `${printType(tensor)} instead of ${printType(wanted)}`);
        assert.is(tensor.data.length, countElements(tensor.shape));
        assert.ok(tensor.data.every(holds(tensor)), `elements that ${tensor.dtype} does not hold`);
      });
    }
  });

const holds =
  ({ dtype }: HostTensor) =>
  (x: number): boolean =>
    dtype === "bool" ? x === 0 || x === 1 : dtype === "i32" || dtype === "u32" ? Number.isInteger(x) : true;

for (const op of OPS)
  test(`${op.name} means something, once: by a reference or by the composition it replaces`, () => {
    assert.is(Number(op.reference !== undefined) + Number(op.decompose !== undefined), 1);
  });

/** What may stand before a parenthesis in WGSL, as far as our expressions need it. */
const WGSL_WORDS = new Set(
  "abs ceil clamp cos exp f16 f32 floor i32 bool inverseSqrt log max min pow round select sign sin sqrt tanh u32 if return".split(
    " ",
  ),
);

for (const op of OPS.filter(computesInPlace))
  test(`${op.name} prints as a WGSL expression that uses each operand and calls what there is`, () => {
    for (const { f, dtypes, attrs } of caseNodes(op).flatMap(callsOf)) {
      const args = dtypes.map((_, i) => `arg${i}`);
      const text = f.wgsl(args, { attrs, dtype: "f32" });
      for (const arg of args) assert.ok(text.includes(arg), `${text} without ${arg}`);
      assert.not.match(text, /undefined|NaN|\[object|;/);
      const helpers = f.helpers ?? [];
      const named = new Set(helpers.map((helper) => /^fn (\w+)\(/.exec(helper)?.[1]));
      assert.is(named.size, helpers.length, "a helper is one function");
      for (const source of [text, ...helpers]) {
        assert.is(source.split("(").length, source.split(")").length, `parentheses of ${source}`);
        for (const [, called = ""] of source.matchAll(/\b(\w+)\s*\(/g))
          assert.ok(WGSL_WORDS.has(called) || named.has(called), `${called} is nobody's function`);
      }
    }
  });

for (const op of OPS.filter(({ traits }) => traits.commutative)) {
  const scalar = caseNodes(op).flatMap(callsOf)[0]?.f.scalar;
  test(`${op.name} gives the same either way round`, () => {
    if (!scalar) throw new Error(`${op.name} has no function`);
    const context = { attrs: {}, dtype: "f32" } as const;
    fc.assert(
      fc.property(fc.double(), fc.double(), (a, b) => {
        assert.ok(Object.is(scalar([a, b], context), scalar([b, a], context)));
      }),
      { seed: 1, includeErrorInReport: true },
    );
  });
}

/** What comes of sending every element of the moved operand to its targets is what the reference says. */
function expectScatterIsReference({ node, operands, results }: OpRun): void {
  writtenTensors(node.op, operands, node.attrs, results).forEach((tensor, i) => {
    assert.is(maxDifference(tensor, at(results, i)), 0);
  });
}

for (const op of OPS.filter(({ traits }) => traits.writes))
  test(`${op.name} sends each element where its reference has it`, () => {
    runCases(op).forEach(expectScatterIsReference);
  });

const anyShape = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
const typeOf = (shape: readonly number[]) => `f32[${shape.join(", ")}]`;

test("transpose sends each element where its reference has it, for any shape and order", () => {
  fc.assert(
    fc.property(
      anyShape.chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          fc.shuffledSubarray(
            shape.map((_, i) => i),
            { minLength: shape.length },
          ),
        ),
      ),
      ([shape, perm]) => expectScatterIsReference(runOp(transpose, [typeOf(shape)], { perm })),
    ),
    { seed: 1, includeErrorInReport: true },
  );
});

test("reshape sends each element where its reference has it, for any two shapes of one size", () => {
  // Both shapes group the same factors in their own way, so that they share leading axes at times.
  const anyTwo = anyShape.chain((factors) => fc.tuple(fc.constant(factors), fc.nat(255), fc.nat(255)));
  const group = (factors: readonly number[], cuts: number): number[] => {
    const shape: number[] = [];
    factors.forEach((f, i) => {
      if (i > 0 && (cuts >> i) % 2 === 0) shape.push(f * (shape.pop() ?? 1));
      else shape.push(f);
    });
    return cuts >= 128 ? [...shape, 1] : shape;
  };
  fc.assert(
    fc.property(anyTwo, ([factors, a, b]) => {
      expectScatterIsReference(runOp(reshape, [typeOf(group(factors, a))], { shape: group(factors, b) }));
    }),
    { seed: 1, includeErrorInReport: true },
  );
});

test("split sends each element where its reference has it, for any axis and sizes", () => {
  const anySplit = fc.tuple(
    anyShape,
    fc.nat(3),
    fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
  );
  fc.assert(
    fc.property(anySplit, ([shape, wish, sizes]) => {
      const axis = wish % shape.length;
      const total = sizes.reduce((sum, n) => sum + n, 0);
      const cut = shape.map((n, i) => (i === axis ? total : n));
      expectScatterIsReference(runOp(split, [typeOf(cut)], { axis, sizes }));
    }),
    { seed: 1, includeErrorInReport: true },
  );
});

test("an op that works in place keeps its first operand's type, a normalisation its shape", () => {
  for (const op of OPS.filter(({ traits }) => traits.updatesFirstOperand || traits.normalizes))
    for (const { operands, results } of runCases(op)) assert.ok(typeEquals(at(results, 0), at(operands, 0)));
});

test.run();
