// What a kernel asks for and nothing binds is refused while its shader is made, by the kernel's name, the template's and the name
// that was asked for; and a kernel binds the symbols if its text reads one, which is known before there is a text.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, standard } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import type { Kernel } from "../../codegen/kernel.ts";
import { renderShader, type Shader } from "../../codegen/render-shader.ts";
import { candidates } from "../../codegen/select-kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import { template } from "../../codegen/template-compiler.ts";
import { dimIndex, indexName, indexOf, lessIndex, modIndex, mulIndex } from "../../codegen/wgsl-index.ts";
import { defineElement } from "../../ir/define-element.ts";
import { at, CompileError } from "../../ir/errors.ts";
import { readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { parseGraph } from "../../ir/parse.ts";
import { symbol } from "../../ir/type.ts";
import { withOps } from "../support/own-ops.ts";
import { kernelOf, made, storing } from "../support/plugin-parts.ts";
import { RANDOM_SYMBOLS, randomGraph } from "../support/random-graph.ts";
import { graphOfOp } from "../support/run-op.ts";
import { DISTINCT_TARGETS } from "../support/targets.ts";

const test = suite("unbound names");
const DEFAULT = targetByName("webgpu-default");
const NAMES = ["title", "bindings", "functions"] as const;

const [T, P] = [symbol("T"), symbol("P", 0)];
const mine = made("mine", { anchor: true });
const rows = made("rows", { anchor: true });

/** The shader of a kernel for `y = mine(x)`, or in a region whose anchor is that. */
function shaderOf(members: Partial<Kernel>, body = "y = mine(x)", type = "f32[T, 4]"): Shader {
  const kernel = kernelOf("k", mine, { lower: storing, ...members });
  const graph = parseGraph(`graph g(x: ${type}) { ${body} return y }`, withOps([mine, rows]));
  return renderShader(kernel, at(graph.nodes, -1), DEFAULT);
}
const region = "y = fused mine(x) { a = tanh(x) b = mine(a) y = exp(b) return y }";
const asking =
  (ask: (r: Parameters<Kernel["lower"]>[0]) => unknown): Kernel["lower"] =>
  (r) => {
    ask(r);
    return storing(r);
  };
const withText = (text: string, ...params: readonly string[]) =>
  template("t", `${text} {{title}} {{bindings}} {{functions}} store_0()`, [...NAMES, ...params]);

const MISTAKES: readonly (readonly [what: string, run: () => unknown, facts: RegExp])[] = [
  [
    "a parameter that the template reads and the kernel does not give",
    () => shaderOf({ template: withText("{{size}}", "size") }),
    /^template t: its kernel gives no size$/,
  ],
  [
    "a parameter that the template does not read",
    () => shaderOf({ template: withText(""), lower: (r) => ({ ...storing(r), params: { size: 1 } }) }),
    /^template t: its kernel gives size, which it never reads$/,
  ],
  [
    "a member of a parameter that has none",
    () =>
      shaderOf({
        template: withText("{{size.more}}", "size"),
        lower: (r) => ({ ...storing(r), params: { size: 1 } }),
      }),
    /^template t: its template throws .*more/,
  ],
  [
    "a parameter that is no text",
    () =>
      shaderOf({
        template: withText("{{rows}}", "rows"),
        lower: (r) => ({ ...storing(r), params: { rows: dimIndex(T) as never } }),
      }),
    /^its lower gives the parameter rows, which is no number, text or boolean$/,
  ],
  [
    "a symbol that the region does not have",
    () => shaderOf({ template: withText(""), lower: asking((r) => r.print.dim(P)) }),
    /^template t: reads the symbol P, which nothing in the region has \(T\)$/,
  ],
  [
    "a symbol of a region whose shapes are numbers",
    () => shaderOf({ template: withText(""), lower: asking((r) => r.print.dim(T)) }, "y = mine(x)", "f32[4]"),
    /^template t: reads the symbol T, which nothing in the region has \(its shapes are numbers\)$/,
  ],
  [
    "a symbol that the template has written down",
    () => shaderOf({ template: withText("let rows = symbols.T;") }, "y = mine(x)", "f32[4]"),
    /^template t: its WGSL reads the symbol T, which nothing binds$/,
  ],
  [
    "a symbol that a function has written down, beside one that was asked for",
    () =>
      shaderOf({
        template: withText(""),
        lower: (r) => {
          const lowered = storing(r);
          return { ...lowered, functions: [...lowered.functions, "fn past() -> u32 { return symbols.P; }"] };
        },
      }),
    /^template t: its WGSL reads the symbol P, which nothing binds$/,
  ],
  [
    "the binding of what the region computes",
    () => shaderOf({ template: withText(""), lower: asking((r) => r.nameOf(at(r.anchor?.operands ?? [], 0))) }, region),
    /^template t: asks for the binding of a, which lies in no buffer$/,
  ],
  [
    "vectors of what the region computes",
    () =>
      shaderOf(
        { template: withText(""), lower: asking((r) => r.vectorFunction("load", at(r.anchor?.operands ?? [], 0), 4)) },
        region,
      ),
    /^template t: asks for the binding of a, which lies in no buffer$/,
  ],
  [
    "an element of a value from elsewhere",
    () =>
      shaderOf({
        template: withText(""),
        lower: asking((r) => r.loadFunction("load", { name: "other", type: { dtype: "f32", shape: [] } }, [])),
      }),
    /^template t: asks for other, which is neither bound nor computed in its region$/,
  ],
  [
    "a place for what is no result",
    () =>
      shaderOf({
        template: withText(""),
        lower: asking((r) => r.elementStatements(at(r.anchor?.operands ?? [], 0), [indexOf(0), indexOf(0)], [])),
      }),
    /^template t: would store x, which is no result$/,
  ],
  [
    "an operand that the anchor does not have",
    () => shaderOf({ template: withText(""), lower: asking((r) => r.operand("weight")) }, region),
    /^template t: asks for the operand weight, but its anchor is mine$/,
  ],
  [
    "an operand of no anchor",
    () => shaderOf({ kind: "pointwise", lower: asking((r) => r.operand("x")) }, "y = tanh(x)"),
    /^template mine: asks for the operand x, but its anchor is no op$/,
  ],
];
for (const [what, run, facts] of MISTAKES)
  test(`refuses ${what}`, () => {
    let error: unknown;
    try {
      run();
    } catch (thrown) {
      error = thrown;
    }
    assert.instance(error, CompileError, String(error));
    const { place, facts: said, hint } = error as CompileError;
    const [, kernel, named = ""] = /^(kernel k for \w+ y)(?:, (template \w+))?$/.exec(place) ?? [];
    assert.ok(kernel, place);
    assert.match(named === "" ? said : `${named}: ${said}`, facts);
    assert.not.match(`${said} ${hint ?? ""}`, "internal error");
  });

test("an operand is found by what the anchor's op calls it", () => {
  const names: string[] = [];
  shaderOf({ lower: asking((r) => names.push(r.operand("x").name)) }, region);
  assert.equal(names, ["a"]);
});

test("a kernel binds the symbols if what it prints reads one, and not if it only asked", () => {
  const uniform = "var<uniform> symbols: Symbols;";
  const printed = shaderOf({
    template: withText("{{rows}}", "rows"),
    lower: (r) => ({ ...storing(r), params: { rows: r.print.dim(T) } }),
  });
  assert.ok(printed.usesSymbols);
  assert.match(printed.wgsl, uniform);
  const asked = shaderOf({ lower: asking(() => dimIndex(T)) });
  assert.not(asked.usesSymbols);
  assert.not.match(asked.wgsl, "symbols");
});

test("index arithmetic knows which symbols its text reads", () => {
  const [t, p, i] = [dimIndex(T), dimIndex(P), indexName("i")];
  assert.equal(mulIndex(t, i).symbols, ["T"]);
  assert.is(mulIndex(t, indexOf(0)).symbols, undefined);
  assert.is(modIndex(t, indexOf(1)).symbols, undefined);
  assert.equal(modIndex(mulIndex(t, i), p).symbols, ["T", "P"]);
  assert.equal(lessIndex(i, p).symbols, ["P"]);
});

/** Of a symbol, text has `symbols.` and a name. */
function expectKnown({ wgsl, usesSymbols }: Pick<Shader, "wgsl" | "usesSymbols">, name: string): void {
  assert.is(usesSymbols, /\bsymbols\.\w/.test(wgsl), `${name}\n${wgsl}`);
  assert.is(usesSymbols, wgsl.includes("var<uniform> symbols"), name);
}

test("what is known of symbols is what the text reads, in every kernel of every op", () => {
  for (const op of standard.ops)
    for (const { types, attrs } of op.cases)
      for (const node of graphOfOp(op, types, attrs).nodes)
        for (const { kernel, refusal } of candidates(node, DEFAULT))
          if (refusal === undefined) expectKnown(renderShader(kernel, node, DEFAULT), kernel.name);
});

test("what is known of symbols is what the text reads, in a model's kernels for every target", () => {
  const config = readGpt2Config({ n_layer: 1, n_head: 2, n_embd: 64, n_ctx: 32, vocab_size: 50 });
  const counts = new Set<boolean>();
  for (const target of DISTINCT_TARGETS)
    for (const disable of [[], ["fuse-pointwise"], ["fuse-attention"]])
      for (const kernel of compileGpt2(config, { target, disable }).plan.kernels) {
        expectKnown(kernel, kernel.name);
        counts.add(kernel.usesSymbols);
      }
  assert.is(counts.size, 2, "some read them, some don't");
});

test("what is known of symbols is what the text reads, in random graphs", () => {
  let known = 0;
  fc.assert(
    fc.property(randomGraph(), (graph) => {
      let kernels: readonly Pick<Shader, "wgsl" | "usesSymbols">[] = [];
      try {
        kernels = compileEntries("g", [{ name: "run", graph, maxima: RANDOM_SYMBOLS }]).plan.kernels;
      } catch (error) {
        // No kernel computes everything that a graph may hold.
        if (!(error instanceof CompileError)) throw error;
      }
      for (const kernel of kernels) expectKnown(kernel, "random");
      known += kernels.length;
    }),
    { numRuns: 200, seed: 7 },
  );
  assert.ok(known > 200, `${known} kernels`);
});

test("a user's op that asks for lengths it has no use for binds nothing", () => {
  const lengths = defineElement({
    name: "lengths",
    summary: "x, by an index that asks for a length in vain",
    operands: ["x"],
    cases: [],
    infer: ([x]) => x,
    element: ([i, j], math, { types: [x] }) => {
      const length = math.dim(at(x?.shape ?? [], 0));
      math.less(i as never, length);
      return math.load(0, [math.add(i as never, math.mul(length, math.dim(0))), j as never]);
    },
  });
  const graph = parseGraph("graph g(x: f32[1, T]) { y = lengths(x) return y }", withOps([lengths]));
  const shader = renderShader(at(standard.kernels, 0), at(graph.nodes, 0), DEFAULT);
  expectKnown(shader, "lengths");
});

test.run();
