// What a plan promises, without a GPU: the same bytes for the same input, few dispatches, one shader for all layers.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, compileGpt2, type EntryName } from "../../codegen/compile.ts";
import { bundleTexts, compileBundle } from "../../codegen/emit/bundle.ts";
import { TARGETS, targetByName } from "../../codegen/target.ts";
import { CompileError } from "../../ir/errors.ts";
import { type Gpt2Config, PRESETS, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { parseGraph } from "../../ir/parse.ts";

const test = suite("compile");

const SMALL = readGpt2Config({ n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 32, vocab_size: 50 });
const steps = (config: Gpt2Config, entry: EntryName, target = "webgpu-default") =>
  compileGpt2(config, { entries: [entry], target: targetByName(target) }).plan.entries[0]?.steps.length ?? 0;

test("the same input gives the same bytes", () => {
  const bytes = () => JSON.stringify(compileGpt2(SMALL).plan);
  assert.is(bytes(), bytes());
});

test("layers share their shaders: six have as many as two", () => {
  const kernels = (n_layer: number) => compileGpt2({ ...SMALL, n_layer }).plan.kernels.length;
  assert.is(kernels(6), kernels(2));
});

test("layers share their temporaries: six need as many as two, and four are enough", () => {
  const count = (n_layer: number) =>
    compileGpt2({ ...SMALL, n_layer }).plan.buffers.filter((b) => b.kind === "temporary").length;
  assert.is(count(6), count(2));
  assert.ok(count(6) <= 4, `${count(6)}`);
});

for (const [name, config] of Object.entries(PRESETS))
  test(`${name} decodes with five dispatches a layer, and four or fewer outside where no weight is split`, () => {
    for (const target of Object.keys(TARGETS)) {
      const [two, three] = [2, 3].map((n_layer) => steps({ ...config, n_layer, n_vocab: 1000 }, "decode", target));
      assert.is((three ?? 0) - (two ?? 0), 5, target);
      assert.ok((two ?? 0) - 2 * 5 <= 4, `${target}: ${(two ?? 0) - 10} outside the layers`);
    }
  });

test("a vocabulary that the target can't bind is split, and says so in the plan", () => {
  const { plan } = compileGpt2(
    { ...SMALL, n_layer: 1 },
    {
      target: {
        ...targetByName("webgpu-default"),
        limits: { ...targetByName("webgpu-default").limits, maxStorageBufferBindingSize: 2048 },
      },
      chunk: 4,
    },
  );
  const parts = plan.weights.filter((w) => w.part?.whole === "wte.weight");
  assert.ok(parts.length >= 2);
  assert.is(
    parts.reduce((n, w) => n + (w.shape[0] ?? 0), 0),
    50,
  );
  assert.ok(plan.weights.every((w) => w.shape.reduce((n, d) => n * d, 4) <= 2048));
});

test("gpt2-xl becomes a plan of all 48 layers without weights", () => {
  const xl = PRESETS["gpt2-xl"];
  assert.ok(xl);
  if (!xl) return;
  assert.is(steps(xl, "decode", "dawn-nvidia"), 48 * 5 + 4);
});

test("all entry points of gpt2-xl compile within five seconds", () => {
  const xl = PRESETS["gpt2-xl"];
  const began = process.cpuUsage();
  if (xl) assert.is(compileGpt2(xl).plan.entries.length, 3);
  // It takes about one; more than five would say that something looks at every layer for every layer. Not by the clock:
  // other programs may be running.
  assert.ok(process.cpuUsage(began).user < 5e6);
});

test("a cache that is an input can't be updated in place, and the error says what to declare", () => {
  const graph = parseGraph("graph g(c: f32[8, 4], x: f32[1, 4]) { y = cache_update(c, x, start=2) return y }");
  assert.throws(
    () => compileEntries("g", [{ name: "run", graph }], {}),
    (e: unknown) => e instanceof CompileError && /declare it as state/.test(e.message),
  );
});

test("f16 outside of weights is refused before any driver sees it", () => {
  const graph = parseGraph("graph g(x: f16[4]) { y = add(x, x) return y }");
  assert.throws(() => compileEntries("g", [{ name: "run", graph }], {}), /only a weight may be stored as f16/);
});

test("an unknown target is an error that lists the known ones", () => {
  assert.throws(() => targetByName("voodoo"), /webgpu-default, dawn-lavapipe/);
});

test("entry points that share a name share its type, and each has a name of its own", () => {
  const entry = (name: string, text: string) => ({ name, graph: parseGraph(text) });
  const a = entry("a", "graph g(weight w: f32[2], x: f32[2]) { y = add(w, x) return y }");
  const refused = (specs: Parameters<typeof compileEntries>[1]) => {
    try {
      compileEntries("g", specs);
    } catch (error) {
      if (error instanceof CompileError) return error.facts;
      throw error;
    }
    return "nothing";
  };
  for (const [text, facts] of [
    [
      "graph g(weight w: i32[2]) { y = cast(w, to=f32) return y }",
      "is f32[2] of one entry point, but i32[2] of another",
    ],
    ["graph g(weight w: f32[3]) { y = neg(w) return y }", "is f32[2] of one entry point, but f32[3] of another"],
    ["graph g(x: i32[2]) { y = neg(x) return y }", "is f32[2] of one entry point, but i32[2] of another"],
  ] as const)
    assert.is(refused([a, entry("b", text)]), facts);
  assert.is(refused([a, a]), "two entry points are called a");
  assert.is(refused([a, entry("b", "graph g(x: f32[3]) { z = neg(x) return z }")]), "nothing");
  const grows = entry("a", "graph g(x: f32[T]) { y = neg(x) return y }");
  assert.is(refused([{ ...grows, maxima: { T: Number.NaN } }]), "the largest T is NaN");
  assert.is(refused([{ ...grows, maxima: { T: 0 } }]), "the largest T is 0");
  assert.is(refused([{ ...grows, fixed: { t: 1 } }]), "fixes the symbol t, which no graph has");
  assert.is(refused([grows]), "has the symbol T, which has no largest value");
  const empty = entry("b", "graph g[T>=0](z: f32[T]) { u = neg(z) return u }");
  const bounded = { ...grows, maxima: { T: 2 } };
  assert.is(refused([bounded, empty]), "the symbol T is at least 0, but at least 1 in another entry point");
  assert.is(refused([bounded, entry("b", "graph g(z: f32[T]) { u = neg(z) return u }")]), "nothing");
});

test("a bundle's type has a name that means nothing else in its module", async () => {
  for (const [name, type] of [
    ["Promise", "PromiseModel"],
    ["tensor", "TensorModel"],
    ["gpu options", "GpuOptionsModel"],
    ["my-model", "MyModel"],
  ] as const) {
    const texts = await bundleTexts(compileBundle(SMALL, { name, variants: ["base"] }));
    assert.match(texts.get("index.d.ts") ?? "", `export interface ${type} {`);
  }
});

test.run();
