// What the parser says about text that is no graph: where, what it found, and what it expected.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CompileError } from "../../ir/errors.ts";
import { parseGraph, parseType } from "../../ir/parse.ts";

const test = suite("parse errors");

function expectError(parse: () => unknown, place: string, facts: string, hint?: string): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    assert.equal({ place: error.place, facts: error.facts, hint: error.hint }, { place, facts, hint });
    return;
  }
  assert.unreachable("it was read without an error");
}

/** A graph of one input `x: f32[2, 3]` whose third line is `line`; columns count from its first letter. */
const inGraph = (line: string) => () => parseGraph(`graph g(x: f32[2, 3]) {\n\n${line}\n  return x\n}`);

test("a letter that the language does not know", () => {
  expectError(inGraph("y = neg(x); z = neg(y)"), "line 3, column 11", 'unexpected ";"');
});

test("a file that does not begin with a graph", () => {
  expectError(() => parseGraph("grpah g() { return }"), "line 1, column 1", "expected graph, found grpah");
});

test("text after the graph", () => {
  expectError(() => parseGraph("graph g() { return }\ngraph h"), "line 2, column 1", "expected the end, found graph");
});

test("text that stops in the middle", () => {
  expectError(
    () => parseGraph("graph g(x: f32[2]) {\n  y = neg(x)"),
    "line 2, column 13",
    "expected a name, found the end",
  );
  expectError(() => parseGraph("graph g(x: f32[2]) { return x"), "line 1, column 30", "expected }, found the end");
});

test("a number where a name belongs", () => {
  expectError(inGraph("2 = neg(x)"), "line 3, column 1", "expected a name, found 2");
});

test("a missing comma", () => {
  expectError(inGraph("y = add(x x)"), "line 3, column 11", "expected ), found x");
});

test("a missing equals sign", () => {
  expectError(inGraph("y neg(x)"), "line 3, column 3", "expected =, found neg");
});

test("an input without a type", () => {
  expectError(() => parseGraph("graph g(x, y: f32[2]) { return x }"), "line 1, column 10", "expected :, found ,");
});

test("an op that there is not", () => {
  expectError(
    inGraph("y = negate(x)"),
    "line 3, column 5",
    "negate is no op",
    "ops of your own come with a plugin (--plugin FILE), or as `{ ops: [...OPS, yourOp] }`",
  );
});

test("a value that nothing above defines", () => {
  const hint = "a value must stand above the node that reads it";
  expectError(inGraph("y = add(x, z)"), "line 3, column 12", "z is not defined here", hint);
  expectError(inGraph("y = neg(z) z = neg(x)"), "line 3, column 9", "z is not defined here", hint);
});

test("a body that reads a value of the graph which is no operand", () => {
  const hint = "a value must stand above the node that reads it";
  const line = "y = neg(x) z = fused pointwise(x) { w = add(x, y) return w }";
  expectError(inGraph(line), "line 3, column 48", "y is not defined here", hint);
});

test("two values of one name", () => {
  const hint = "names are unique within a graph";
  expectError(inGraph("x = neg(x)"), "line 3, column 1", "two values are called x", hint);
  expectError(inGraph("a, a = split(x, sizes=[1, 2])"), "line 3, column 4", "two values are called a", hint);
  expectError(
    () => parseGraph("graph g(x: f32[2],\n  weight x: f32[2]) { return x }"),
    "line 2, column 10",
    "two values are called x",
    hint,
  );
  expectError(
    inGraph("y = fused pointwise(x) { x = neg(x) return x }"),
    "line 3, column 26",
    "two values are called x",
    hint,
  );
});

test("a dtype that there is not", () => {
  expectError(
    () => parseType("float[2]"),
    "line 1, column 1",
    "float is no dtype",
    "dtypes are f32, f16, i32, u32, bool",
  );
});

test("a dim that is neither a number nor a sum of symbols", () => {
  const hint = "dims are numbers, symbols, and sums and products of them";
  expectError(() => parseType("f32[2*]"), "line 1, column 7", "expected a dim, found ]", hint);
  expectError(() => parseType("f32[T+]"), "line 1, column 7", "expected a dim, found ]", hint);
  expectError(() => parseType("f32[2, ]"), "line 1, column 8", "expected a dim, found ]", hint);
});

test("a symbol that is declared nowhere, twice, or as what it can't be", () => {
  const of =
    (head: string, dim = "T") =>
    () =>
      parseGraph(`graph ${head} { y = iota(length=${dim}) return y }`);
  expectError(
    of("g(x: f32[T])", "rows"),
    "line 1, column 38",
    "rows is no symbol of the graph",
    "an input's type declares it, or brackets after the graph's name: graph g[T, rows](…)",
  );
  expectError(of("g[T, T]()"), "line 1, column 12", "the symbol T is declared twice", "once is enough");
  expectError(
    of("g[T>=2]()"),
    "line 1, column 9",
    "T has a least value other than 0 and 1",
    "write `P>=0` for a symbol that may be 0",
  );
  const words = "symbols match [A-Za-z][A-Za-z0-9_]*, and are no word of the text form";
  expectError(of("g[f16]()"), "line 1, column 9", "f16 is no symbol", words);
  expectError(of("g[a.b]()"), "line 1, column 9", "a.b is no symbol", words);
});

test("a dim that is not whole, or below zero", () => {
  const hint = "dims are whole numbers from 0 on";
  expectError(() => parseType("f32[3.5]"), "line 1, column 5", "3.5 is no dim", hint);
  expectError(() => parseType("f32[2, -3]"), "line 1, column 8", "-3 is no dim", hint);
  expectError(() => parseType("f32[inf]"), "line 1, column 5", "Infinity is no dim", hint);
});

test("a written type that is not the one inferred", () => {
  expectError(
    inGraph("y = neg(x) : f32[2, 4]"),
    "line 3, column 14",
    "y is written as f32[2, 4], but neg gives f32[2, 3]",
    "types may be left out",
  );
});

test("a written type for some results only", () => {
  const facts = "a is written as f32[2, 1], but split gives f32[2, 1], f32[2, 2]";
  expectError(
    inGraph("a, b = split(x, sizes=[1, 2]) : f32[2, 1]"),
    "line 3, column 33",
    facts,
    "types may be left out",
  );
});

test("operands that do not fit together, by line, op and value", () => {
  const hint = "a's last axis and b's last but one must be equal, and the dtypes too";
  expectError(inGraph("y = matmul(x, x)"), "line 3, matmul y", "a is f32[2, 3], but b is f32[2, 3]", hint);
});

test("too few operands", () => {
  expectError(inGraph("y = add(x)"), "line 3, add y", "has 1 operands, but add takes 2", "add(a, b)");
});

test("fewer names than results", () => {
  expectError(
    inGraph("y = split(x, sizes=[1, 2])"),
    "line 3, split y",
    "1 names, but split has 2 results",
    "results are f32[2, 1], f32[2, 2]",
  );
});

test("an attribute that is missing, unknown, given twice or of another kind", () => {
  expectError(inGraph("y = reshape(x)"), "line 3, reshape y", "attribute shape is missing", "reshape needs shape");
  expectError(inGraph("y = neg(x, axis=1)"), "line 3, neg y", "attribute axis is not one of neg's", "it has none");
  expectError(
    inGraph("y = reduce_sum(x, axis=0, axis=1)"),
    "line 3, column 27",
    "attribute axis is given twice",
    "once is enough",
  );
  expectError(
    inGraph("y = reduce_sum(x, axis=0.5)"),
    "line 3, reduce_sum y",
    "attribute axis is 0.5, but wants a value of kind int",
  );
  expectError(
    inGraph("y = gelu(x, approximate=fast)"),
    "line 3, gelu y",
    "attribute approximate is fast, but wants one of tanh, none",
  );
  expectError(
    inGraph("y = slice(x, length=1.5)"),
    "line 3, slice y",
    "attribute length is 1.5, but wants a value of kind dim",
  );
  expectError(
    inGraph("y = reshape(x, shape=[1.5, 4])"),
    "line 3, reshape y",
    "attribute shape is [1.5, 4], but wants a value of kind dims",
  );
});

test("a region with a literal, or one value twice, among its operands", () => {
  expectError(
    inGraph("y = fused pointwise(x, 2.0) { z = mul(x, 2.0) return z }"),
    "line 3, column 24",
    "the literal 2.0 as an operand of a fused node",
    "literals stand in the body",
  );
  expectError(
    inGraph("y = fused pointwise(x, x) { z = mul(x, x) return z }"),
    "line 3, column 24",
    "operand x is given twice",
    "the body reads it by its name, as often as it likes",
  );
});

test("a region that returns more values than it has names", () => {
  const facts = "1 names, but the body returns 2 values";
  expectError(
    inGraph("y = fused pointwise(x) { z = neg(x) return x, z }"),
    "line 3, column 26",
    facts,
    "a name for each",
  );
});

test("lengths that would grow without end are refused, soon", () => {
  const list = (count: number, part: (i: number) => string, by: string) =>
    Array.from({ length: count }, (_, i) => part(i)).join(by);
  const cases: readonly (readonly [text: string, facts: RegExp])[] = [
    [
      `graph g(x: f32[${list(20_000, (i) => `A${i}`, "+")}]) { return x }`,
      /line 1, a length: has 513 terms, but at most 512/,
    ],
    [
      `graph g(x: f32[${list(20_000, (i) => `A${i}`, "*")}]) { return x }`,
      /has 65 factors in one term, but at most 64/,
    ],
    // Multiplied out, 24 sums of two are 16 million terms.
    [
      `graph g(x: f32[${list(24, (i) => `A${i}+1`, ", ")}]) {\n y = reshape(x, shape=[${list(24, (i) => `A${23 - i}+1`, ", ")}])\n return y }`,
      /line 2, a length: has \d+ terms, but at most 512/,
    ],
  ];
  for (const [text, facts] of cases) {
    const began = performance.now();
    assert.throws(
      () => parseGraph(text),
      (error: Error) => facts.test(error.message),
    );
    assert.ok(performance.now() - began < 5000, "it takes long");
  }
});

test("the message reads as place, facts and hint", () => {
  assert.throws(
    inGraph("y = negate(x)"),
    (error: Error) =>
      error.message ===
      "line 3, column 5: negate is no op\nhint: ops of your own come with a plugin (--plugin FILE), or as `{ ops: [...OPS, yourOp] }`",
  );
});

test.run();
