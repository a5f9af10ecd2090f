// Ops of a user's whose own code fails: every failure names the op and the member, and none says that wgpt is to blame.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attr } from "../../ir/attr.ts";
import { GraphBuilder, makeNode } from "../../ir/builder.ts";
import { definePointwise } from "../../ir/define-pointwise.ts";
import type { Element } from "../../ir/element.ts";
import { at, CompileError } from "../../ir/errors.ts";
import { fused } from "../../ir/fused.ts";
import { interpret } from "../../ir/interpret.ts";
import { defineOp, type Op, type Traits } from "../../ir/op.ts";
import { add, neg, reduceSum } from "../../ir/ops/index.ts";
import { parseGraph, parseType } from "../../ir/parse.ts";
import { hostTensor } from "../../ir/tensor.ts";
import type { TensorType } from "../../ir/type.ts";
import type { Value } from "../../ir/value.ts";
import { verify } from "../../ir/verify.ts";

const test = suite("hostile members");

const op = (members: Partial<Op>): Op => ({ ...neg, name: "own", traits: {}, ...members });

/** What `run` throws is a CompileError about that place and those facts, which blames nobody else. */
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

const x: Value = { name: "x", type: parseType("f32[3, 4]") };
const make = (own: Op, operands: readonly Value[] = [x]) => makeNode(own, operands, {}, ["y"]);

const INFERS: readonly (readonly [string, () => unknown, RegExp])[] = [
  ["throws a TypeError", () => (undefined as unknown as TensorType).shape, /^its infer throws TypeError: /],
  ["reads beyond a list's end", () => at([], 2), /^its infer throws Error: index 2 of 0$/],
  ["gives nothing", () => undefined, /^infer of own gives nothing/],
  ["gives no types", () => [], /^infer of own gives \[\]/],
  ["gives a shape alone", () => [[3, 4]], /^infer of own gives \[\[3,4\]\]/],
  ["gives a dtype that is none", () => [{ dtype: "f64", shape: [3] }], /"f64"/],
  ["gives half an element", () => [{ dtype: "f32", shape: [1.5] }], /^gives f32\[1.5\]/],
];
for (const [what, infer, facts] of INFERS)
  test(`an infer that ${what}`, () => refuses(() => make(op({ infer: infer as Op["infer"] })), "own y", facts));

test("an operand that is missing", () => {
  const b = new GraphBuilder("g");
  refuses(() => b.op(add, [x, undefined as unknown as Value]), "add", /^operand 1 is undefined/);
  refuses(() => b.op(op({ infer: () => [] }), [x]), "own", /gives \[\]/);
});

test("a fused node that is made as an op", () => {
  refuses(() => makeNode(fused, [x], {}, ["y"]), "fused y", /takes its types from its body/);
});

test("a node without results", () => {
  const node = { ...make(op({})), results: [] };
  const graph = { name: "g", inputs: [{ kind: "input" as const, value: x }], nodes: [node], results: [x] };
  refuses(() => verify(graph), "own", /^has no result \[V5\]/);
});

function run(own: Op): void {
  const graph = parseGraph("graph g(x: f32[3]) { y = own(x) return y }", { ops: [own] });
  interpret(graph, new Map([["x", hostTensor("f32", [3], [1, 2, 3])]]));
}
const half = hostTensor("f32", [2], [1, 2]);

const REFERENCES: readonly (readonly [string, () => unknown, RegExp])[] = [
  ["throws", () => (undefined as unknown as TensorType).shape, /^its reference throws TypeError: /],
  ["gives nothing", () => undefined, /^its reference gives undefined, but its infer says f32\[3\]/],
  ["gives two results", () => [half, half], /^its reference gives f32\[2\], f32\[2\], but its infer says f32\[3\]/],
  ["gives none", () => [], /^its reference gives nothing/],
  ["gives another shape", () => [half], /^its reference gives f32\[2\], but/],
  [
    "gives another dtype",
    () => [{ ...half, dtype: "i32", shape: [3] }],
    /^its reference gives i32\[3\] with 2 elements/,
  ],
  ["gives numbers alone", () => [[1, 2, 3]], /but its infer says f32\[3\]/],
];
for (const [what, reference, facts] of REFERENCES)
  test(`a reference that ${what}`, () =>
    refuses(() => run(op({ reference: reference as NonNullable<Op["reference"]> })), "interpret own y", facts));

test("a decompose that throws, gives nothing, or another type", () => {
  const { reference, ...bare } = op({});
  assert.ok(reference);
  const decomposed = (decompose: unknown): Op => ({ ...bare, decompose: decompose as NonNullable<Op["decompose"]> });
  const place = "interpret own y";
  refuses(() => run(bare), place, /^has neither reference nor decompose/);
  refuses(() => run(decomposed(() => at([], 0))), place, /^its decompose throws Error: index 0 of 0$/);
  refuses(() => run(decomposed(() => [])), place, /^its decompose gives nothing/);
  refuses(
    () => run(decomposed((emit: GraphBuilder["emit"], [v]: readonly Value[]) => emit(reduceSum, [v ?? x]))),
    place,
    /^its decompose gives f32\[1\], but its infer says f32\[3\]/,
  );
});

test("a pointwise op whose scalar throws, or that has none, or no operands", () => {
  const pointwise = (scalar?: () => number) =>
    definePointwise({ name: "own", summary: "none", operands: ["x"], wgsl: ([v]) => v, ...(scalar && { scalar }) });
  refuses(() => run(pointwise(() => at([], 1))), "interpret own y", /^its reference throws Error: index 1 of 0$/);
  refuses(() => run(pointwise()), "own", /^has neither scalar nor decompose/);
  const none = definePointwise({ name: "own", summary: "none", operands: [], scalar: () => 1, wgsl: () => "1.0" });
  refuses(() => makeNode(none, [], {}, ["y"]), "own y", /^has no operands/);
});

test("a graph that was not verified", () => {
  const y: Value = { name: "y", type: parseType("f32[3]") };
  const graph = { name: "g", inputs: [], nodes: [], results: [y] };
  refuses(() => interpret(graph, new Map()), "interpret g", /^y is read, but no input or node before makes it/);
});

const row: TensorType = parseType("f32[4]");
const promises = (traits: Traits, members: Partial<Op> = {}): Op =>
  defineOp({
    name: "own",
    summary: "breaks a promise",
    operands: ["a"],
    variadic: true,
    attrs: { axis: attr.int(-1), eps: attr.float(1e-5) },
    cases: [],
    infer: ([a]) => a,
    reference: ([a]) => a,
    traits,
    ...(members as object),
  });
const fold = { identity: 0, combine: () => 0, combineWgsl: () => "0.0" };
const element = (e: Element): Traits => ({ element: e });
const strange = (e: unknown): Traits => ({ element: e as Element });
const normalizes = { centre: "none", moment: "mean", eps: "eps" } as const;
const writes = { operand: 0, targets: () => [] };

const PROMISES: readonly (readonly [string, Op, readonly TensorType[], RegExp])[] = [
  [
    "loads an operand that it lacks",
    promises(element((i, m) => m.load(1, i))),
    [row],
    /^its element loads operand 1 of 1$/,
  ],
  [
    "loads at an index too few",
    promises(element((i, m) => m.load(1, i))),
    [row, x.type],
    /^its element loads operand 1 at 1 indices, but that is f32\[3, 4\]$/,
  ],
  [
    "gives another dtype than its infer",
    promises(element((i, m) => m.scalar.cast(m.load(0, i), "i32"))),
    [row],
    /^its element is i32, but its infer says f32\[4\]$/,
  ],
  ["gives no element", promises(strange(() => undefined)), [row], /^its element is undefined, but/],
  ["gives a number", promises(strange(() => 1)), [row], /^its element is 1, but/],
  ["throws", promises(element(() => at([], 1))), [row], /^its element throws Error: index 1 of 0$/],
  [
    "adds two dtypes",
    promises(element((i, m) => m.scalar.add(m.load(0, i), m.toElement(i[0] as never, "i32")))),
    [row],
    /^its element computes with f32 and i32$/,
  ],
  [
    "chooses between two dtypes",
    promises(
      element((i, m) =>
        m.select(
          m.less(m.dim(0), m.dim(1)),
          () => m.load(0, i),
          () => m.toElement(i[0] as never, "i32"),
        ),
      ),
    ),
    [row],
    /^its element is f32 or i32$/,
  ],
  [
    "chooses by a number",
    promises(
      element((i, m) =>
        m.select(
          m.scalar.holds(m.load(0, i)),
          () => m.load(0, i),
          () => m.load(0, i),
        ),
      ),
    ),
    [row],
    /^its element chooses by f32$/,
  ],
  [
    "makes an index of a float",
    promises(element((i, m) => m.load(0, [m.toIndex(m.load(0, i), 4)]))),
    [row],
    /^its element makes an index of f32$/,
  ],
  [
    "overwrites what its neighbours read",
    promises({
      ...element(([i], m) => m.load(0, [m.sub(m.dim(3), i as never)])),
      updatesFirstOperand: true,
    }),
    [row],
    /^overwrites a, but reads it at other places than the one that it writes$/,
  ],
  ["reduces, with two operands", promises({ reduces: fold }), [row, row], /^has 2 operands and 1 results/],
  ["reduces, and keeps the shape", promises({ reduces: fold }), [row], /^is f32\[4\], but folds axis 0 of f32\[4\]/],
  [
    "reduces, with half an end",
    promises({ reduces: { ...fold, finish: () => 0 } }, { infer: () => [parseType("f32[]")] }),
    [row],
    /^has finish, but no finishWgsl/,
  ],
  ["reduces, without an axis", { ...promises({ reduces: fold }), attrs: {} }, [row], /has no attribute axis/],
  [
    "updates what is of another type",
    promises({ updatesFirstOperand: true }, { infer: () => [row] }),
    [x.type],
    /^is f32\[4\], but would live in f32\[3, 4\]/,
  ],
  ["writes more than it moves", promises({ writes }, { infer: () => [x.type] }), [row], /some would come from nowhere/],
  [
    "writes an operand that it lacks",
    promises({ writes: { ...writes, operand: 2 } }),
    [row],
    /moves the elements of operand 2/,
  ],
  [
    "normalises with an operand too many",
    promises({ normalizes }),
    [x.type, row],
    /^has 2 operands, but describes what becomes of 1/,
  ],
  [
    "normalises with a gain as large as x",
    promises({ normalizes: { ...normalizes, scale: 1 } }),
    [x.type, x.type],
    /^has the scale f32\[3, 4\], but a row is f32\[4\]/,
  ],
  [
    "normalises with a shift that it lacks",
    promises({ normalizes: { ...normalizes, shift: 1 } }),
    [x.type],
    /^has the shift in operand 1 of 1/,
  ],
  [
    "normalises by an attribute that it lacks",
    promises({ normalizes: { ...normalizes, eps: "epsilon" } }),
    [x.type],
    /in its attribute epsilon/,
  ],
  [
    "reads before its results what is none of its operands",
    promises({ readsBeforeResults: ["cache"] }),
    [row],
    /^reads cache before its results, but its operands are a$/,
  ],
  [
    "reads before its results, and moves elements",
    promises({ writes: { ...writes, operand: 0 }, readsBeforeResults: ["a"] }),
    [row],
    /^reads a before its results, but kernels for any op with the trait writes compute it, which store as they read$/,
  ],
  ["normalises a number", promises({ normalizes }), [parseType("f32[]")], /but normalises the rows of f32\[\]/],
];
for (const [what, own, types, facts] of PROMISES)
  test(`an op that breaks a promise: ${what}`, () => {
    const operands = types.map((type, i): Value => ({ name: `v${i}`, type }));
    refuses(() => makeNode(own, operands, {}, ["y"]), "own y", facts);
  });

test.run();
