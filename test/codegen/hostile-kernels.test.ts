// WGSL and kernels of a user's that are none, and kernels that are asked for what they don't compute: a CompileError that
// names op, kernel and member.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, standard } from "../../codegen/compile.ts";
import type { Kernel } from "../../codegen/kernel.ts";
import type { KernelChoice } from "../../codegen/select-kernel.ts";
import { defineElement } from "../../ir/define-element.ts";
import { definePointwise } from "../../ir/define-pointwise.ts";
import { defineReduction } from "../../ir/define-reduction.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Op } from "../../ir/op.ts";
import { layerNorm, matmul, neg, reduceSum, tanh } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { rmsRow, rmsRowShifted } from "../support/hostile-ops.ts";
import { withOps } from "../support/own-ops.ts";

const test = suite("hostile kernels");

function compile(text: string, ops: readonly Op[] = [], kernelFor?: KernelChoice) {
  const graph = parseGraph(text, withOps(ops));
  return compileEntries(graph.name, [{ name: "run", graph, maxima: { T: 4, P: 4 } }], {
    ...(kernelFor && { kernelFor }),
  }).plan;
}

function refuses(run: () => unknown, place: string, facts: RegExp): void {
  try {
    run();
  } catch (error) {
    assert.instance(error, CompileError, String(error));
    const { place: found, facts: said, message } = error as CompileError;
    assert.is(found, place);
    assert.match(said, facts);
    assert.not.match(message, "internal error");
    return;
  }
  assert.unreachable(`${place} passed`);
}

const own = (wgsl: unknown, helpers: readonly string[] = []): Op =>
  definePointwise({
    name: "own",
    summary: "none",
    operands: ["x"],
    scalar: ([x]) => x,
    wgsl: wgsl as () => string,
    helpers,
  });
const OWN = "graph g(x: f32[4]) { y = own(x) return y }";

test("a wgsl that throws, or gives no text", () => {
  refuses(() => compile(OWN, [own(() => at([], 1))]), "own y", /^its wgsl throws Error: index 1 of 0$/);
  refuses(() => compile(OWN, [own(() => undefined)]), "own y", /^its wgsl gives nothing$/);
  refuses(() => compile(OWN, [own(() => 3)]), "own y", /^its wgsl gives 3$/);
  refuses(() => compile(OWN, [own(() => "")]), "own y", /^its wgsl gives ""$/);
});

test("helpers of two ops, or of an op and a template, that have one name", () => {
  const first = own(([x]: string[]) => `helper(${x})`, ["fn helper(x: f32) -> f32 { return x; }"]);
  const second = {
    ...own(([x]: string[]) => `helper(${x})`, ["fn helper(x: f32) -> f32 { return -x; }"]),
    name: "other",
  };
  refuses(
    () => compile("graph g(x: f32[4]) { a = own(x) y = other(a) return y }", [first, second]),
    "kernel pointwise for fused y",
    /^its WGSL declares helper twice$/,
  );
  const main = own(([x]: string[]) => `main(${x})`, ["fn main(x: f32) -> f32 { return x; }"]);
  refuses(() => compile(OWN, [main]), "kernel pointwise for own y", /^its WGSL declares main twice$/);
});

test("an element, or a fold, that throws or gives no text", () => {
  const elements = (element: unknown): Op =>
    defineElement({
      name: "own",
      summary: "none",
      operands: ["x"],
      cases: [],
      infer: ([x]) => x,
      element: element as () => never,
    });
  // Where the graph is read already.
  refuses(() => compile(OWN, [elements(() => at([], 0))]), "line 1, own y", /^its element throws Error: index 0 of 0$/);
  refuses(() => compile(OWN, [elements(() => undefined)]), "line 1, own y", /^its element is undefined, but its infer/);
  const fold = (combineWgsl: unknown): Op =>
    defineReduction({
      name: "own",
      summary: "none",
      fold: { identity: 0, combine: (a, b) => a + b, combineWgsl: combineWgsl as () => string },
    });
  refuses(() => compile(OWN, [fold(() => at([], 0))]), "own y", /^its combineWgsl throws Error: index 0 of 0$/);
  refuses(() => compile(OWN, [fold(() => null)]), "own y", /^its combineWgsl gives null$/);
});

const TANH = "graph g(x: f32[4]) { y = tanh(x) return y }";
const pointwise = at(standard.kernels, 0);
const place = `kernel ${pointwise.name} for tanh y`;

test("a choice of kernels that throws, or gives none", () => {
  refuses(() => compile(TANH, [], () => at([], 5)), "tanh y", /^its kernelFor throws Error: index 5 of 0$/);
  refuses(
    () => compile(TANH, [], () => undefined as never),
    "tanh y",
    /^its kernelFor gives undefined, which is no kernel$/,
  );
});

const LOWERS: readonly (readonly [string, Partial<Kernel>, RegExp])[] = [
  ["refuses throws", { refuses: () => at([], 0) }, /^its refuses throws Error: index 0 of 0$/],
  ["lower throws", { lower: () => at([], 0) }, /^its lower throws Error: index 0 of 0$/],
  ["vectors throw", { vectors: () => at([], 0) }, /^its vectors throws Error: index 0 of 0$/],
  ["lower gives nothing", { lower: () => undefined as never }, /^its lower gives no params$/],
  ["lower gives no functions", { lower: () => ({ params: {} }) as never }, /^its lower gives no functions/],
  [
    "lower gives one count",
    { lower: () => ({ params: {}, functions: [], workgroups: [[]] }) as never },
    /^its lower gives no three counts/,
  ],
];
for (const [what, members, facts] of LOWERS)
  test(`a kernel whose ${what}`, () =>
    refuses(() => compile(TANH, [], () => ({ ...pointwise, ...members })), place, facts));

for (const kernel of standard.kernels.filter((k) => k.kind !== "pointwise"))
  test(`${kernel.name} is not taken for what it does not compute`, () => {
    refuses(
      () => compile(TANH, [], () => kernel),
      `kernel ${kernel.name} for tanh y`,
      /^computes .*, but the region's anchor is pointwise$/,
    );
  });

test("a kernel that refuses the region", () => {
  const gemv = at(
    standard.kernels.filter((k) => k.name === "matmul_gemv"),
    0,
  );
  refuses(
    () => compile("graph g(x: f32[2, 3], w: f32[3, 4]) { y = matmul(x, w) return y }", [], () => gemv),
    "kernel matmul_gemv for matmul y",
    /^does not take it: the left operand has 2 rows$/,
  );
});

test("an op that bears the name of one of ours, and is none", () => {
  // −(a·b), which has a matmul's types.
  const text = "graph g(x: f32[3, 3], w: f32[3, 3]) { y = matmul(x, w) return y }";
  const negative: Op = { ...matmul };
  refuses(
    () => compile(text, [negative]),
    "matmul y",
    /none is of its kind: another op called matmul is that of matmul_naive, matmul_gemv, /,
  );
  const made: Op = { ...negative, decompose: (emit, [a, b]) => emit(neg, emit(matmul, [a ?? 0, b ?? 0])) };
  assert.equal(
    compile(text, [made]).kernels.map((k) => k.name),
    ["matmul_naive.neg.3"],
  );
  const other: Op = { ...rmsRowShifted, name: "layer_norm" };
  assert.is.not(other, layerNorm);
  const plan = compile("graph g(x: f32[3, 8], a: f32[8], b: f32[8]) { y = layer_norm(x, a, b) return y }", [other]);
  assert.match(at(plan.kernels, 0).wgsl, "let mean = 0.0;");
  const elements: Op = { ...tanh, name: "reduce_sum", traits: tanh.traits };
  assert.is.not(elements, reduceSum);
  assert.is(
    at(compile("graph g(x: f32[4]) { y = reduce_sum(x) return y }", [elements]).kernels, 0).name,
    "pointwise.reduce_sum.4",
  );
});

test("an anchor of a user's that no kernel is made for", () => {
  const anchor: Op = { ...neg, name: "mine", traits: { anchor: true } };
  refuses(
    () => compile("graph g(x: f32[4]) { a = mine(x) y = tanh(a) return y }", [anchor]),
    "mine a",
    /^no kernel computes it \(none is of its kind\)$/,
  );
});

test("a described normalisation goes into the matmul that reads it", () => {
  const plan = compile(
    "graph g(x: f32[1, 64], a: f32[64], w: f32[64, 8]) { n = rms_row(x, a) y = matmul(n, w) return y }",
    [rmsRow],
  );
  assert.equal(
    plan.kernels.map((k) => k.name),
    ["matmul_stream_normalized.rms_row.64x8"],
  );
});

test.run();
