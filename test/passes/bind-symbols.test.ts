import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at, CompileError } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { printType, type SymbolValues } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";
import { bindSymbols } from "../../passes/bind-symbols.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";

const test = suite("bind-symbols");

const bind = (symbols: SymbolValues, text: string): string => {
  const bound = bindSymbols(symbols).run(parseGraph(text));
  verify(bound);
  return printGraph(bound);
};
const expectBound = (symbols: SymbolValues, before: string, after: string): void => {
  assert.snapshot(bind(symbols, before), printGraph(parseGraph(after)));
};

test("binds the types of inputs and results", () => {
  expectBound(
    { T: 1 },
    "graph g[T, P>=0](x: f32[T, 4], state k: f32[P+T, 4]) { y = tanh(x) return y }",
    "graph g[P>=0](x: f32[1, 4], state k: f32[P+1, 4]) { y = tanh(x) return y }",
  );
});

test("binds attributes", () => {
  expectBound(
    { T: 3, P: 2 },
    `graph g[T, P>=0](x: f32[T, 4], state k: f32[9, 4]) {
      c = cache_update(k, x, start=P)
      s = slice(c, start=0, length=P+T)
      i = iota(start=P, length=T)
      r = reshape(i, shape=[T, 1])
      return s, r
    }`,
    `graph g(x: f32[3, 4], state k: f32[9, 4]) {
      c = cache_update(k, x, start=2)
      s = slice(c, start=0, length=5)
      i = iota(start=2, length=3)
      r = reshape(i, shape=[3, 1])
      return s, r
    }`,
  );
});

test("leaves the symbols alone that get no number", () => {
  expectBound(
    { T: 1 },
    "graph g[T, P>=0](x: f32[B, T, 2P+3T]) { y = tanh(x) return y }",
    "graph g[P>=0](x: f32[B, 1, 2P+3]) { y = tanh(x) return y }",
  );
});

test("binds the bodies of regions", () => {
  expectBound(
    { T: 1 },
    `graph g(x: f32[T, 4], w: f32[4, 6]) {
      y = fused matmul(x, w) {
        m = matmul(x, w)
        r = reshape(m, shape=[T, 2, 3])
        return r
      }
      return y
    }`,
    `graph g(x: f32[1, 4], w: f32[4, 6]) {
      y = fused matmul(x, w) {
        m = matmul(x, w)
        r = reshape(m, shape=[1, 2, 3])
        return r
      }
      return y
    }`,
  );
});

test("keeps names, kinds and results, also of an input that is returned", () => {
  expectBound(
    { T: 2 },
    "graph g(weight w: f32[4], x: f32[T, 4], state k: f32[9, 4]) { h.0.ln_1 = mul(x, w) return h.0.ln_1, x }",
    "graph g(weight w: f32[4], x: f32[2, 4], state k: f32[9, 4]) { h.0.ln_1 = mul(x, w) return h.0.ln_1, x }",
  );
});

test("gives the graph itself back where there is nothing to bind", () => {
  const graph = parseGraph("graph g(x: f32[T]) { y = tanh(x) return y }");
  assert.is(bindSymbols({}).run(graph), graph);
});

test("gives the numbers that the symbolic graph has at that size", () => {
  const graph = parseGraph(
    `graph g[T, P>=0](x: f32[T, 4], k: f32[P+T, 4]) {
      t = transpose(k, perm=[1, 0])
      s = matmul(x, t)
      i = iota(start=P, length=T)
      f = cast(i, to=f32)
      r = reshape(f, shape=[T, 1])
      y = mul(s, r)
      return y
    }`,
  );
  const symbols = { T: 3, P: 2 };
  const inputs = new Map(graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, symbols, i + 1)]));
  const bound = interpret(bindSymbols(symbols).run(graph), inputs);
  // The same operations in the same order.
  interpret(graph, inputs, symbols).forEach((wanted, i) => {
    assertClose(at(bound, i), wanted, { rtol: 0, atol: 0 }, "bound");
  });
});

test("names the node that a number does not fit", () => {
  assert.throws(
    () =>
      bindSymbols({ P: 9 }).run(
        parseGraph("graph g[P>=0](state k: f32[9, 4]) { s = slice(k, start=0, length=P+1) return s }"),
      ),
    (e: Error) => e instanceof CompileError && e.place === "slice s",
  );
});

test("refuses numbers that no run can have", () => {
  const graph = parseGraph("graph g[T, P>=0](x: f32[T, P]) { y = tanh(x) return y }");
  for (const symbols of [{ T: 0 }, { B: -1 }, { T: 1.5 }, { P: -1 }])
    assert.throws(
      () => bindSymbols(symbols).run(graph),
      (e: Error) => e instanceof CompileError && e.place === "bind-symbols",
    );
  assert.is(printType(at(bindSymbols({ P: 0 }).run(graph).results, 0).type), "f32[T, 0]");
});

test.run();
