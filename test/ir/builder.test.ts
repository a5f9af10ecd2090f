// Building graphs in code: names, inferred types, and what is refused on the spot.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GraphBuilder, makeNode } from "../../ir/builder.ts";
import { at, CompileError } from "../../ir/errors.ts";
import { add, gelu, layerNorm, neg, split } from "../../ir/ops/index.ts";
import { parseType } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { printType } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";

const test = suite("builder");

test("builds the graph that its text says", () => {
  const b = new GraphBuilder("mlp");
  const h = b.input("h", parseType("f32[T, 4]"));
  const w = b.input("w", parseType("f32[4]"), "weight");
  const s = b.op(add, [h, w], {}, "s");
  const graph = b.build([b.op(gelu, [s], { approximate: "none" }, "y")]);
  verify(graph);
  assert.is(
    printGraph(graph),
    `graph mlp(h: f32[T, 4], weight w: f32[4]) {
  s = add(h, w) : f32[T, 4]
  y = gelu(s, approximate=none) : f32[T, 4]
  return y
}
`,
  );
});

test("a number among the operands is an f32 literal", () => {
  const b = new GraphBuilder("g");
  const y = b.op(add, [b.input("x", parseType("f32[2]")), 0.5]);
  assert.match(printGraph(b.build([y])), "add(x, 0.5)");
});

test("names that are not given are the op's with a number, also for several results", () => {
  const b = new GraphBuilder("g");
  const x = b.input("x", parseType("f32[4]"));
  const names = [
    b.emit(neg, [x]),
    b.emit(neg, [x]),
    b.emit(split, [x], { sizes: [1, 3] }),
    b.emit(split, [x], { sizes: [2, 2] }),
  ];
  assert.equal(
    names.map((results) => results.map((v) => v.name).join()),
    ["neg_0", "neg_1", "split_0.0,split_0.1", "split_1.0,split_1.1"],
  );
});

test("a name that is taken is refused, and a numbered one steps aside for it", () => {
  const b = new GraphBuilder("g");
  const x = b.input("neg_0", parseType("f32[4]"));
  assert.is(b.op(neg, [x]).name, "neg_1");
  assert.throws(
    () => b.op(neg, [x], {}, "neg_0"),
    "g neg_0: two values have this name\nhint: names are unique within a graph",
  );
});

test("attributes that are left out are filled in", () => {
  const b = new GraphBuilder("g");
  const x = b.input("x", parseType("f32[4]"));
  const node = makeNode(layerNorm, [x, x, x], {}, ["y"]);
  assert.equal(node.attrs, { eps: 1e-5 });
  assert.is(printType(at(node.results, 0).type), "f32[4]");
});

test("an error names the op and the value", () => {
  const b = new GraphBuilder("g");
  const [x, w] = [b.input("x", parseType("f32[T, 4]")), b.input("w", parseType("f32[5]"))];
  assert.throws(
    () => b.op(layerNorm, [x, w, w], {}, "h.0.ln_1"),
    (error: CompileError) =>
      error instanceof CompileError &&
      error.message ===
        "layer_norm h.0.ln_1: weight is f32[5], but x is f32[T, 4]\nhint: weight needs one axis, as long as x's last",
  );
});

test("more names than results are refused", () => {
  const b = new GraphBuilder("g");
  const x = b.input("x", parseType("f32[4]"));
  assert.throws(
    () => makeNode(neg, [x], {}, ["a", "b"]),
    "neg a: 2 names, but neg has 1 results\nhint: results are f32[4]",
  );
});

test.run();
