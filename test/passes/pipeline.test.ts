// What all passes together make of GPT-2: few nodes, whatever the config asks for.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CompileError } from "../../ir/errors.ts";
import { anchorName, type Graph, type Node } from "../../ir/graph.ts";
import { PRESETS } from "../../ir/models/gpt2/config.ts";
import { buildGpt2 } from "../../ir/models/gpt2/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { verify } from "../../ir/verify.ts";
import { defaultPolicy, type RegionPolicy } from "../../passes/fuse-pointwise.ts";
import { dumper, Explainer } from "../../passes/observers.ts";
import { type PassRole, runPasses } from "../../passes/pass.ts";
import { PASSES, type PipelineOptions, pipeline } from "../../passes/pipeline.ts";
import { entryPoints, tinyConfigs, tinyGpt2 } from "./gpt2-variants.ts";

const test = suite("pipeline");

/** One dispatch is one node. */
const MOST_PER_LAYER = 7;
const MOST_OUTSIDE = 3;

const nameOf = (node: Node): string => node.results[0]?.name ?? "";
const layerOf = (node: Node): number => Number(/^h\.(\d+)\./.exec(nameOf(node))?.[1] ?? -1);
const kindOf = (node: Node): string => anchorName(node.anchor ?? node.op);

/** The first layer and what is outside the layers: each node's name and what it is built around. */
const outline = (nodes: readonly Node[]): readonly string[] =>
  nodes.filter((n) => layerOf(n) < 1).map((n) => `${nameOf(n)}: ${kindOf(n)}`);

/** Kernels that want their rows as they lie in memory. */
const NORMS_APART: RegionPolicy = {
  refuses: (anchor, body) =>
    body.nodes.some((n) => n.op.traits.normalizes && n.op !== anchor)
      ? "no kernel normalises on the way in"
      : defaultPolicy.refuses(anchor, body),
};

function expectFewNodes(graph: Graph, layers: number, name: string): void {
  for (let layer = 0; layer < layers; layer++) {
    const nodes = graph.nodes.filter((n) => layerOf(n) === layer);
    assert.ok(nodes.length <= MOST_PER_LAYER, `${name}: layer ${layer} has ${nodes.map(nameOf).join(", ")}`);
    assert.is(nodes.filter((n) => kindOf(n) === "scaled_dot_product_attention").length, 1, `${name}: no attention`);
  }
  const outside = graph.nodes.filter((n) => layerOf(n) < 0);
  assert.ok(outside.length <= MOST_OUTSIDE, `${name}: outside the layers are ${outside.map(nameOf).join(", ")}`);
}

test("makes five nodes of a layer where kernels normalise on the way in", () => {
  const { nodes } = runPasses(buildGpt2(tinyGpt2(), "last"), pipeline({ symbols: { T: 1 } }));
  assert.equal(outline(nodes), [
    "embd: pointwise",
    "h.0.attn.qkv.0: matmul",
    "h.0.attn.merged: scaled_dot_product_attention",
    "h.0.attn.residual: matmul",
    "h.0.mlp.act: matmul",
    "h.0.residual: matmul",
    "logits: matmul",
  ]);
});

test("makes seven where they do not", () => {
  const { nodes } = runPasses(buildGpt2(tinyGpt2(), "last"), pipeline({ symbols: { T: 1 }, policy: NORMS_APART }));
  assert.equal(outline(nodes), [
    "embd: pointwise",
    "h.0.ln_1: layer_norm",
    "h.0.attn.qkv.0: matmul",
    "h.0.attn.merged: scaled_dot_product_attention",
    "h.0.attn.residual: matmul",
    "h.0.ln_2: layer_norm",
    "h.0.mlp.act: matmul",
    "h.0.residual: matmul",
    "ln_f: layer_norm",
    "logits: matmul",
  ]);
});

test("updates the cache where the query is made", () => {
  const { nodes } = runPasses(buildGpt2(tinyGpt2(), "last"), pipeline({ symbols: { T: 1 } }));
  const qkv = nodes.find((n) => nameOf(n) === "h.1.attn.qkv.0");
  assert.equal(
    qkv?.results.map((r) => r.name),
    ["h.1.attn.qkv.0", "h.1.attn.kv_cache"],
  );
});

test("makes as few of every config, at decode and at prefill", () => {
  for (const config of tinyConfigs)
    for (const symbols of [{ T: 1 }, {}]) {
      const graph = runPasses(
        buildGpt2(tinyGpt2({ n_layer: 1, ...config }), "last"),
        pipeline({ symbols, policy: NORMS_APART }),
      );
      expectFewNodes(graph, 1, JSON.stringify({ ...config, ...symbols }));
    }
});

test("makes as few for the logits of every position", () => {
  for (const { name, graph, symbols } of entryPoints(tinyGpt2()))
    for (const policy of [defaultPolicy, NORMS_APART])
      expectFewNodes(runPasses(graph, pipeline({ symbols, policy })), 2, name);
});

test("makes as few of every preset", () => {
  for (const [name, config] of Object.entries(PRESETS)) {
    // Layers are alike, so two of each will do, but for one whole GPT-2.
    const n_layer = name === "gpt2" ? config.n_layer : 2;
    const graph = buildGpt2({ ...config, n_layer }, "last");
    expectFewNodes(runPasses(graph, pipeline({ symbols: { T: 1 }, policy: NORMS_APART })), n_layer, name);
  }
});

test("has the breath for the largest", () => {
  const config = PRESETS["gpt2-xl"] ?? tinyGpt2();
  const { nodes } = runPasses(buildGpt2(config, "last"), pipeline({ symbols: { T: 1 } }));
  assert.ok(nodes.length <= 5 * config.n_layer + MOST_OUTSIDE, `${nodes.length} nodes`);
});

test("keeps the graph's interface: its inputs, and the types of its results", () => {
  for (const { graph, symbols } of entryPoints(tinyGpt2())) {
    const bound = pipeline({ symbols })[0]?.run(graph) ?? graph;
    const made = runPasses(graph, pipeline({ symbols }));
    assert.equal(made.inputs, bound.inputs);
    assert.equal(
      made.results.map((r) => `${r.name} ${JSON.stringify(r.type)}`),
      bound.results.map((r) => `${r.name} ${JSON.stringify(r.type)}`),
    );
  }
});

test("leaves a graph after every pass that reads back as it prints", () => {
  for (const config of [{}, { position_encoding: "sinusoidal", activation_function: "gelu" }])
    for (const { graph, symbols } of entryPoints(tinyGpt2({ n_layer: 1, ...config }))) {
      const observer = dumper((name, text) => {
        const again = parseGraph(text);
        verify(again);
        assert.snapshot(printGraph(again), text, name);
      });
      runPasses(graph, pipeline({ symbols }), [observer]);
    }
});

test("finds nothing left to do in its own result", () => {
  for (const { name, graph, symbols } of entryPoints(tinyGpt2())) {
    const once = runPasses(graph, pipeline({ symbols }));
    assert.snapshot(printGraph(runPasses(once, pipeline())), printGraph(once), name);
  }
});

test("is not held up by a reader that nothing needs", () => {
  const graph = (dead: string) =>
    parseGraph(`graph g(x: f32[4, 4], w: f32[4, 4]) {\nm = matmul(x, w)\n${dead}\ny = tanh(m)\nreturn y\n}`);
  assert.snapshot(
    printGraph(runPasses(graph("dead = neg(m)"), pipeline())),
    printGraph(runPasses(graph(""), pipeline())),
  );
});

test("gives the same text for the same graph, run after run", () => {
  const run = () => printGraph(runPasses(buildGpt2(tinyGpt2()), pipeline({ symbols: { T: 1 } })));
  assert.is(run(), run());
});

test("explains every layer norm, gelu and attention as fired", () => {
  const explainer = new Explainer();
  runPasses(buildGpt2(tinyGpt2(), "last"), pipeline({ symbols: { T: 1 } }), [explainer]);
  const fired = explainer.reports.filter((r) => r.refusal === undefined).map((r) => `${r.pass} ${r.site}`);
  const expected = [
    "fuse-attention h.1.attn.exp",
    "fuse-layer-norm h.1.ln_2.rstd",
    "fuse-layer-norm ln_f.rstd",
    "fuse-gelu h.1.mlp.tanh",
  ];
  for (const line of expected) assert.ok(fired.includes(line), `${line} is not among ${fired.join(", ")}`);
});

test("can leave out any pass by name but the one that makes the entry point", () => {
  const names = pipeline().map((p) => p.name);
  assert.equal(names[0], "bind-symbols");
  assert.is(new Set(names).size, names.length);
  for (const name of names.slice(1))
    assert.equal(
      pipeline({ disable: [name] }).map((p) => p.name),
      names.filter((n) => n !== name),
    );
  assert.throws(() => pipeline({ disable: ["bind-symbols"] }), /bind-symbols can't be disabled/);
});

test("refuses to leave out what is no pass, and names the passes", () => {
  assert.throws(
    () => pipeline({ disable: ["fuse-attention", "fuse-everything"] }),
    (e: Error) =>
      e instanceof CompileError &&
      e.facts === "there is no pass fuse-everything" &&
      pipeline().every((p) => e.hint?.includes(p.name)),
  );
});

test("has passes that say what they are for", () => {
  const named = (role: PassRole) => PASSES.filter((p) => p.role === role).map((p) => p.name);
  assert.equal(named("required"), [
    "bind-symbols",
    "store-weights-as-f16",
    "store-caches-as-f16",
    "split-large-weights",
    "expand-untaken",
  ]);
  assert.equal(
    named("fuse"),
    PASSES.map((p) => p.name).filter((n) => /^(fuse-|choose-steps$)/.test(n)),
  );
});

test("runs only the passes that have something to do for the target", () => {
  const names = (options: PipelineOptions) => pipeline(options).map((p) => p.name);
  const refusesNode = () => undefined;
  const compare = () => ({ seconds: [] });
  assert.equal(
    names({
      weights: "f16",
      caches: "f16",
      maxWeightBytes: 64,
      packVectors: true,
      policy: { ...defaultPolicy, refusesNode, compare },
    }),
    PASSES.map((p) => p.name),
  );
  assert.equal(
    names({}),
    PASSES.map((p) => p.name).filter((n) => !/^(split|store|expand|choose|pack)/.test(n)),
  );
});

test.run();
