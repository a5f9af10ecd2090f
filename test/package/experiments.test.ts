// Three experiments of a user's with the packed package and nothing but its public imports: unit norm in the place of GPT-2's
// layer norm (an op, a pass that finds it in primitive ops, a kernel), a fusion with two results, and one of wgpt's kernels
// replaced for one shape. Each runs in every command that computes, and in a bundle.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT } from "../../tools/run-command.mjs";
import { adapter } from "../support/gpu.ts";
import { installPackage } from "../support/installed.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("experiments with the package");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");

const user = await installPackage();
const FILES = ["unit-for-layer-norm.ts", "unit-norm.ts", "add-unit-norm.ts", "square-gemv.ts"] as const;
mkdirSync(join(user.folder, "experiments"));
for (const file of FILES) copyFileSync(join(ROOT, "test/plugin", file), join(user.folder, "experiments", file));

const pluginsOf = (...files: readonly (typeof FILES)[number][]): readonly string[] =>
  files.flatMap((file) => ["--plugin", join("experiments", file)]);
const NORM = pluginsOf("unit-for-layer-norm.ts", "unit-norm.ts");
const PAIR = [...NORM, ...pluginsOf("add-unit-norm.ts")];
const GEMV = pluginsOf("square-gemv.ts");

const wgpt = (...args: readonly string[]): Promise<string> => user.node("node_modules/wgpt/dist/cli/main.js", ...args);

interface Generated {
  readonly tokens: readonly number[];
  readonly stats: { readonly dispatches_per_token: number };
}
const generated = new Map<string, Promise<Generated>>();
function generate(...plugins: readonly string[]): Promise<Generated> {
  const key = plugins.join();
  const known = generated.get(key);
  if (known) return known;
  const options = ["--temperature", "0", "--max-new-tokens", "24", "--json"];
  const made = wgpt("generate", "ROMEO:", ...options, ...plugins).then((text): Generated => JSON.parse(text));
  generated.set(key, made);
  return made;
}

test("they take no more than 260 lines of code, and import what the package exports", () => {
  const texts = FILES.map((file) => readFileSync(join(ROOT, "test/plugin", file), "utf8"));
  const lines = texts.flatMap((text) => text.split("\n")).filter((line) => !/^\s*(\/\/.*)?$/.test(line));
  assert.ok(lines.length <= 260, `${lines.length} lines`);
  for (const text of texts)
    for (const [, from = ""] of text.matchAll(/ from "([^"]*)"/g))
      assert.match(from, /^(wgpt\/(ir|passes|codegen|template)|\.\/unit-norm\.ts)$/);
});

test("explain names the plugin's rules and what they refused", async () => {
  const said = (await wgpt("inspect", "gpt2", "--explain", "--entry", "decode", ...PAIR)).split("\n");
  const fired = (rule: string) => said.filter((line) => line.includes(` ${rule} `) && line.endsWith("fired")).length;
  assert.equal(["without-mean", "scaled-row", "norm-of-sum"].map(fired), [25, 25, 25]);
  const prefill = await wgpt("inspect", "gpt2", "--explain", "--entry", "prefill", "--only", "ln_f", ...PAIR);
  assert.match(prefill, /fuse-add-unit-norm +norm-of-sum +ln_f +.*row-is-a-sum.*last is slice\(/);
  const plan = await wgpt(
    "inspect",
    "node_modules/wgpt/models/shakespeare",
    "--stage",
    "plan",
    "--entry",
    "decode",
    ...GEMV,
  );
  assert.match(plan, /square_gemv\./);
});

gpuTest("unit norm by a plugin takes exactly the dispatches of layer norm", async () => {
  const [ours, norm] = [await generate(), await generate(...NORM)];
  assert.is(norm.stats.dispatches_per_token, ours.stats.dispatches_per_token);
  assert.not.equal(norm.tokens, ours.tokens, "it is another model");
});

gpuTest("a kernel for one shape changes no token, and a fusion with two results none of its model's", async () => {
  assert.equal((await generate(...GEMV)).tokens, (await generate()).tokens);
  assert.equal((await generate(...PAIR)).tokens, (await generate(...NORM)).tokens);
});

for (const [name, plugins] of Object.entries({ NORM, PAIR, GEMV }))
  gpuTest(`${name}: score, bench and a bundle compute with it as generate does`, async () => {
    const score = JSON.parse(await wgpt("score", "To be, or not to be", "--json", ...plugins));
    assert.ok(Number.isFinite(score.perplexity ?? score.stats?.perplexity), JSON.stringify(score).slice(0, 200));
    const bench = JSON.parse(
      await wgpt("bench", "--runs", "1", "--max-new-tokens", "4", "--prefill", "16", "--json", ...plugins),
    );
    const { tokens, stats } = await generate(...plugins);
    assert.is(bench.dispatches_per_token, stats.dispatches_per_token);
    const model = "node_modules/wgpt/models/shakespeare";
    await wgpt("compile", model, "--out", `bundle-${name}`, "--target", "lavapipe", ...plugins);
    writeFileSync(join(user.folder, `run-${name}.js`), RUN_BUNDLE);
    assert.equal(JSON.parse(await user.node(`run-${name}.js`, `./bundle-${name}/index.js`, model)), tokens);
  });

const RUN_BUNDLE = `
const [bundle, model] = process.argv.slice(2);
const { load } = await import(bundle);
const loaded = await load(undefined, model);
const tokens = [];
for await (const { token } of loaded.generate("ROMEO:", { temperature: 0, maxNewTokens: 24 })) tokens.push(token);
console.log(JSON.stringify(tokens));
await loaded.close();
`;

gpuTest("logits are the interpreter's, of the graph before any of them fused", async () => {
  writeFileSync(join(user.folder, "logits.js"), LOGITS);
  for (const files of [FILES.slice(0, 2), FILES.slice(0, 3), FILES.slice(3)]) {
    const { error, largest } = JSON.parse(await user.node("logits.js", ...files.map((f) => join("experiments", f))));
    // f32 against f64, over two layers of width 128.
    assert.ok(error <= 1e-5 * largest, `${files}: ${error} of ${largest}`);
  }
});

const LOGITS = `
import { loadToolkit } from "./node_modules/wgpt/dist/cli/plugins.js";
import { compileEntries, targetForAdapter } from "wgpt/codegen";
import { buildGpt2, countElements, hostTensor, interpret, readGpt2Config } from "wgpt/ir";
import { createRng, Executor, openDawn } from "wgpt/runtime";

const toolkit = await loadToolkit(process.argv.slice(2));
const config = readGpt2Config({ n_layer: 2, n_head: 4, n_embd: 128, n_positions: 16, vocab_size: 50 });
const graph = buildGpt2(config, "last");
let meant = graph;
const gpu = await openDawn();
const observe = () => [{ after: (pass, after) => { if (pass.name === "replace-layer-norm") meant = after; } }];
const { plan } = compileEntries("gpt2", [{ name: "decode", graph, fixed: { T: 1 }, maxima: { P: 16 } }], {
  toolkit, observe, target: targetForAdapter(gpu.adapter),
});
const executor = await Executor.create(gpu, plan);
const rng = createRng(7);
const symbols = { P: 3 };
const inputs = new Map(graph.inputs.map(({ value }) => {
  const shape = value.type.shape.map((d) => (typeof d === "number" ? d : 1));
  const spread = value.name.endsWith("weight") && shape.length === 1 ? 1 : 0.3;
  const data = Float64Array.from({ length: countElements(shape) }, () =>
    value.type.dtype === "i32" ? Math.floor(rng.next() * 50) : Math.fround(spread * (2 * rng.next() - 1)));
  executor.write(value.name, value.type.dtype === "i32" ? Int32Array.from(data) : Float32Array.from(data));
  return [value.name, hostTensor(value.type.dtype, shape, data)];
}));
executor.run("decode", symbols);
const [output] = executor.entry("decode").outputs;
const found = await executor.read(output, symbols);
const [wanted] = interpret(meant, inputs, { T: 1, ...symbols });
let [error, largest] = [0, 0];
wanted.data.forEach((x, i) => {
  error = Math.max(error, Math.abs(x - found[i]));
  largest = Math.max(largest, Math.abs(x));
});
console.log(JSON.stringify({ error, largest }));
executor.destroy();
gpu.close();
`;

test.run();
