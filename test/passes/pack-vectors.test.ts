// One weight in the place of the vectors that a kernel reads: which, where they are taken apart, and what is left alone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { at } from "../../ir/errors.ts";
import { printRecipe } from "../../ir/index.ts";
import { type Gpt2Config, PRESETS } from "../../ir/models/gpt2/config.ts";
import { parseGraph } from "../../ir/parse.ts";
import { defaultPolicy, type RegionPolicy } from "../../passes/fuse-pointwise.ts";
import { packVectors } from "../../passes/pack-vectors.ts";
import { expectPass } from "../support/expect-pass.ts";

const test = suite("pack-vectors");

const pass = packVectors(defaultPolicy);
const unchanged = (text: string, policy: RegionPolicy = defaultPolicy): void => {
  const graph = parseGraph(text);
  assert.is(packVectors(policy).run(graph), graph);
};

const NORM = "graph g(x: f32[T, 4], weight h.0.ln.weight: f32[4], weight h.0.ln.bias: f32[4]) {";
const PACKED = `graph g(
  x: f32[T, 4],
  weight h.0.ln.weight_bias: f32[8] = concat(h.0.ln.weight: f32[4], h.0.ln.bias: f32[4], axis=0)
) {
  y = fused layer_norm(x, h.0.ln.weight_bias) {
    h.0.ln.weight, h.0.ln.bias = split(h.0.ln.weight_bias, axis=0, sizes=[4, 4])
    y = layer_norm(x, h.0.ln.weight, h.0.ln.bias)
    return y
  }
  return y
}`;

test("a node that reads two vectors becomes a region that takes them apart", () => {
  expectPass(pass, `${NORM} y = layer_norm(x, h.0.ln.weight, h.0.ln.bias) return y }`, PACKED);
});

test("a region's body reads the parts where it read the vectors, in the order of its operands", () => {
  const head = "graph g(x: f32[T, 4], weight w: f32[4, 6], weight b: f32[6], weight c: f32[6]) {";
  expectPass(
    pass,
    `${head}
      y = fused matmul(x, w, c, b) { m = matmul(x, w) s = add(m, b) y = mul(s, c) return y }
      return y
    }`,
    `graph g(x: f32[T, 4], weight w: f32[4, 6], weight c_b: f32[12] = concat(c: f32[6], b: f32[6], axis=0)) {
      y = fused matmul(x, w, c_b) {
        c, b = split(c_b, axis=0, sizes=[6, 6])
        m = matmul(x, w)
        s = add(m, b)
        y = mul(s, c)
        return y
      }
      return y
    }`,
  );
});

test("two nodes that read the same vectors read one weight", () => {
  const graph = pass.run(
    parseGraph(
      `${NORM} a = layer_norm(x, h.0.ln.weight, h.0.ln.bias) b = layer_norm(a, h.0.ln.weight, h.0.ln.bias) return b }`,
    ),
  );
  assert.equal(
    graph.inputs.map((i) => i.value.name),
    ["x", "h.0.ln.weight_bias"],
  );
});

test("a vector that another node reads alone stays for that node", () => {
  const graph = pass.run(
    parseGraph(`${NORM} a = layer_norm(x, h.0.ln.weight, h.0.ln.bias) b = add(a, h.0.ln.bias) return b }`),
  );
  assert.equal(
    graph.inputs.map((i) => i.value.name),
    ["x", "h.0.ln.bias", "h.0.ln.weight_bias"],
  );
});

test("a recipe of a vector's own becomes part of the recipe", () => {
  const graph = pass.run(
    parseGraph(`graph g(x: f32[T, 4], weight g: f32[4] = slice(t: f32[9], axis=0, start=2, length=4), weight b: f32[4]) {
      y = layer_norm(x, g, b)
      return y
    }`),
  );
  const { recipe } = at(graph.inputs, 1);
  assert.is(recipe && printRecipe(recipe), "concat(slice(t: f32[9], axis=0, start=2, length=4), b: f32[4], axis=0)");
});

test("a name that is taken is left to its owner", () => {
  const graph = pass.run(
    parseGraph(`graph g(a_b: f32[T, 4], weight a: f32[4], weight b: f32[4]) { y = layer_norm(a_b, a, b) return y }`),
  );
  assert.equal(
    graph.inputs.map((i) => i.value.name),
    ["a_b", "a_b.1"],
  );
});

test("leaves alone one vector, what is no weight, what the graph returns, and what has another dtype", () => {
  unchanged("graph g(x: f32[T, 4], weight b: f32[4]) { y = add(x, b) return y }");
  unchanged("graph g(x: f32[T, 4], g: f32[4], weight b: f32[4]) { y = layer_norm(x, g, b) return y }");
  unchanged(`${NORM} y = layer_norm(x, h.0.ln.weight, h.0.ln.bias) return y, h.0.ln.bias }`);
  unchanged("graph g(weight ids: i32[4], weight t: f32[4]) { y = gather(t, ids) return y }");
});

test("leaves alone what is more than a binding together", () => {
  const graph = parseGraph(`${NORM} y = layer_norm(x, h.0.ln.weight, h.0.ln.bias) return y }`);
  assert.is(packVectors(defaultPolicy, 31).run(graph), graph);
  assert.is.not(packVectors(defaultPolicy, 32).run(graph), graph);
});

test("a graph's weights keep their buffers by default, and a model's do not", () => {
  const graph = parseGraph(`${NORM} y = layer_norm(x, h.0.ln.weight, h.0.ln.bias) return y }`);
  const { plan } = compileEntries("g", [{ name: "run", graph, maxima: { T: 4 } }]);
  assert.equal(
    plan.weights.map((w) => w.name),
    ["h.0.ln.weight", "h.0.ln.bias"],
  );
  const model = compileGpt2(PRESETS["gpt2"] as Gpt2Config, { entries: ["decode"], packVectors: false }).plan;
  assert.ok(model.weights.some((w) => w.name === "ln_f.bias"));
  assert.not.ok(
    compileGpt2(PRESETS["gpt2"] as Gpt2Config, { entries: ["decode"] }).plan.weights.some(
      (w) => w.name === "ln_f.bias",
    ),
  );
});

test("leaves alone what no kernel would take, and says so", () => {
  const reports: string[] = [];
  const graph = parseGraph(`${NORM} y = layer_norm(x, h.0.ln.weight, h.0.ln.bias) return y }`);
  const policy: RegionPolicy = { refuses: () => "no kernel takes vectors apart" };
  assert.is(
    packVectors(policy).run(graph, ({ site, refusal }) => reports.push(`${site}: ${refusal?.facts}`)),
    graph,
  );
  assert.equal(reports, ["y: no kernel takes vectors apart"]);
});

test("a plan binds one buffer for them, whichever the layer, with one shader for all layers", () => {
  const layer = (n: number, x: string): string => `
    n${n} = layer_norm(${x}, h.${n}.g, h.${n}.b)
    m${n} = matmul(n${n}, h.${n}.w)
    x${n} = add(m${n}, h.${n}.c)`;
  const weights = [0, 1].map(
    (n) => `weight h.${n}.g: f32[64], weight h.${n}.b: f32[64], weight h.${n}.w: f32[64, 64], weight h.${n}.c: f32[64]`,
  );
  const graph = parseGraph(
    `graph g(x: f32[1, 64], ${weights.join(", ")}) {${layer(0, "x")}${layer(1, "x0")} return x1 }`,
  );
  const { plan } = compileEntries("g", [{ name: "run", graph }], { packVectors: true });
  assert.is(plan.kernels.length, 1);
  assert.equal(
    at(plan.entries, 0).steps.map((s) => s.bindings.length),
    [4, 4],
  );
  assert.equal(
    plan.weights.map((w) => w.name),
    ["h.0.w", "h.1.w", "h.0.g_b_c", "h.1.g_b_c"],
  );
});

test.run();
