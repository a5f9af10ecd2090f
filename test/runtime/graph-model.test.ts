// Graphs of any kind as bundles: written by the command, loaded by the runtime, and held against the interpreter.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseGraphs } from "../../ir/index.ts";
import { interpret } from "../../ir/interpret.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import type { GraphModel } from "../../runtime/graph-model.ts";
import { type AnyTensor, loadGraphBundle } from "../../runtime/index.ts";
import { ROOT } from "../../tools/run-command.mjs";
import { adapter, onGpu } from "../support/gpu.ts";
import { loseDevices } from "../support/lose-device.ts";
import { makeSafetensors } from "../support/make-safetensors.ts";
import { assertWithin, EMBEDDED, F32_BOUND, readReference } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";

const test = suite("graph model");
const gpuTest = onGpu(test);
const root = mkdtempSync(join(tmpdir(), "wgpt-graphs-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

const MLP = `# The MLP of a block, a head that picks, and a running sum.
graph mlp(x: f32[T, 16], weight w: f32[16, 64], weight b: f32[64], weight out: f32[64, 16]) {
  m = matmul(x, w)
  s = add(m, b)
  a = gelu(s)
  y = matmul(a, out)
  return y
}
graph pick(x: f32[1, 16], weight w: f32[16, 64]) {
  y = matmul(x, w)
  i = argmax(y)
  return y, i
}
graph append[P>=0](row: f32[1, 16], state rows: f32[8, 16]) {
  next = cache_update(rows, row, start=P)
  sum = reduce_sum(next, axis=0)
  return next, sum
}
`;
const WEIGHTS = { w: [16, 64], b: [64], out: [64, 16] } as const;
const weights = new Map(
  Object.entries(WEIGHTS).map(([name, shape], i) => [name, seededTensor({ dtype: "f32", shape }, {}, i + 1)]),
);
const file = join(root, "mlp.graph");
writeFileSync(file, MLP);
const checkpoint = join(root, "mlp.safetensors");
writeFileSync(
  checkpoint,
  makeSafetensors(
    Object.fromEntries(
      [...weights].map(([name, { shape, data }]) => [name, { dtype: "F32", shape, data: Float32Array.from(data) }]),
    ),
  ),
);
const bundle = join(root, "bundle");
const made =
  adapter && runCli(["compile", file, "--max", "T=32", "--max", "P=7", "--weights", checkpoint, "--out", bundle]);

const graph = (name: string) => {
  const found = parseGraphs(MLP).find((g) => g.name === name);
  if (!found) throw new Error(`no graph ${name}`);
  return found;
};
const toTensor = ({ shape, data }: HostTensor): AnyTensor => ({ dtype: "f32", shape, data: Float32Array.from(data) });
const toHost = ({ dtype, shape, data }: AnyTensor): HostTensor => hostTensor(dtype, shape, data);
const seeded = (shape: readonly number[], seed: number) => seededTensor({ dtype: "f32", shape }, {}, seed);

const MLP_TYPES = { y: { dtype: "f32", shape: [null, 16] } } as const;
const PICK_TYPES = { y: { dtype: "f32", shape: [1, 64] }, i: { dtype: "i32", shape: [1] } } as const;
const APPEND_TYPES = { sum: { dtype: "f32", shape: [1, 16] } } as const;
const QUIET = { onWarning: () => undefined };
// Sums of 64 products of numbers near 1, in f32.
const CLOSE = { rtol: 1e-4, atol: 1e-4 };

async function withBundle(gpu: OpenDevice, body: (model: GraphModel) => Promise<void>): Promise<void> {
  output(await (made ?? Promise.reject(new Error("this test needs a GPU"))));
  const model = await loadGraphBundle(bundle, gpu, undefined, QUIET);
  try {
    await body(model);
  } finally {
    await model.close();
  }
}

gpuTest("gives the interpreter's numbers, also where many calls are made at once", (gpu) =>
  withBundle(gpu, async (model) => {
    const lengths = [1, 2, 5, 32, 7, 1, 3];
    const inputs = lengths.map((T, i) => seeded([T, 16], 100 + i));
    const calls = inputs.map((x) => model.call("mlp", { x: toTensor(x) }, {}, MLP_TYPES));
    for (const [i, x] of inputs.entries()) {
      const y = (await calls[i])?.y;
      if (!y) throw new Error("no result");
      const [want] = interpret(graph("mlp"), new Map([...weights, ["x", x]]), { T: lengths[i] ?? 0 });
      if (!want) throw new Error("no result");
      assert.equal(y.shape, [lengths[i], 16]);
      assertClose(toHost(y), want, CLOSE, `call ${i}`);
    }
    const x = seeded([1, 16], 9);
    const { y, i } = await model.call("pick", { x: toTensor(x) }, {}, PICK_TYPES);
    const [row, index] = interpret(graph("pick"), new Map([...weights, ["x", x]]));
    if (!row || !index) throw new Error("no result");
    assertClose(toHost(y), row, CLOSE, "pick");
    assert.equal([...i.data], [...index.data]);
  }),
);

const ODD = `graph encode[P>=0](x: f32[P], __proto__: f32[P]) {
  z = neg(x)
  same = neg(x)
  kept = mul(__proto__, 1.0)
  return z, same, kept, z
}
graph __proto__[P>=0](z: f32[P], x: i32[3]) {
  __proto__ = neg(z)
  y = neg(x)
  return __proto__, y
}
`;
const oddFile = join(root, "odd.graph");
writeFileSync(oddFile, ODD);
const odd = adapter && runCli(["compile", oddFile, "--max", "P=4", "--out", join(root, "odd")]);
gpuTest(
  "graphs without weights, whose inputs and results have what names they like, also each other's",
  async (gpu) => {
    output(await (odd ?? Promise.reject(new Error("this test needs a GPU"))));
    assert.match(readFileSync(join(root, "odd", "index.js"), "utf8"), /\["__proto__"\]: \(inputs\) =>/);
    const model = await loadGraphBundle(join(root, "odd"), gpu, undefined, QUIET);
    try {
      const vector = { dtype: "f32", shape: [null] } as const;
      for (const P of [3, 0]) {
        const [x, other] = [1, 2].map((seed) => toTensor(seeded([P], seed))) as [AnyTensor, AnyTensor];
        const encoded = await model.call(
          "encode",
          { x, ["__proto__"]: other },
          {},
          { z: vector, same: vector, kept: vector },
        );
        assert.equal(
          encoded.z.data,
          Float32Array.from(x.data, (v) => -v),
        );
        assert.equal(encoded.same.data, encoded.z.data);
        assert.equal(encoded.kept.data, other.data);
        const whole: AnyTensor = { dtype: "i32", shape: [3], data: Int32Array.of(1, -2, 3) };
        const types = { ["__proto__"]: vector, y: { dtype: "i32", shape: [3] } } as const;
        const decoded = await model.call("__proto__", { z: encoded.z, x: whole }, {}, types);
        const back = Object.entries(decoded).find(([name]) => name === "__proto__")?.[1];
        assert.equal(back?.data, x.data);
        assert.equal([...decoded.y.data], [-1, 2, -3]);
      }
    } finally {
      await model.close();
    }
  },
);

gpuTest("states keep what calls leave in them, and reset makes zeros of them", (gpu) =>
  withBundle(gpu, async (model) => {
    const rows = [1, 2, 3].map((seed) => seeded([1, 16], seed));
    const append = (i: number) =>
      model.call("append", { row: toTensor(rows[i] ?? seeded([1, 16], 0)) }, { P: i }, APPEND_TYPES);
    const sum = (n: number) =>
      Float32Array.from({ length: 16 }, (_, k) => rows.slice(0, n).reduce((s, r) => s + (r.data[k] ?? 0), 0));
    const calls = [append(0), append(1), append(2)];
    for (const [i, call] of calls.entries())
      assertWithin((await call).sum.data, sum(i + 1), 1e-6, `after ${i + 1} rows`);
    await model.reset();
    assertWithin((await append(0)).sum.data, sum(1), 1e-6, "after a reset");
  }),
);

gpuTest("graphs without weights need none to be loaded", async (gpu) => {
  const path = join(root, "plain.graph");
  writeFileSync(path, "graph plain(x: f32[T, 4]) { y = mul(x, 2.0) return y }\n");
  const out = join(root, "plain");
  output(await runCli(["compile", path, "--max", "T=3", "--out", out]));
  const model = await loadGraphBundle(out, gpu, undefined, QUIET);
  const x = { dtype: "f32", shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) } as const;
  const { y } = await model.call("plain", { x }, {}, { y: { dtype: "f32", shape: [null, 4] } });
  assert.equal([...y.data], [2, 4, 6, 8]);
  await model.close();
});

gpuTest("refuses tensors that are not the graph's, each by its name", (gpu) =>
  withBundle(gpu, async (model) => {
    const ones = (...shape: number[]) =>
      toTensor(hostTensor("f32", shape, new Array(shape.reduce((n, d) => n * d, 1)).fill(1)));
    const mlp = (inputs: Readonly<Record<string, AnyTensor>>, symbols = {}) =>
      model.call("mlp", inputs, symbols, MLP_TYPES);
    await rejects(mlp({}), /mlp\.mlp x: is not given/);
    await rejects(mlp({ x: ones(2, 16), z: ones(1) }), /is given z, which is no input of it\nhint: its inputs: x/);
    await rejects(mlp({ x: ones(2, 15) }), /x: has the shape \[2, 15\], but the graph has f32\[T, 16\], where T = 2/);
    await rejects(mlp({ x: ones(32) }), /has the shape \[32\], but the graph has f32\[T, 16\]/);
    await rejects(
      mlp({ x: { dtype: "f32", shape: [2, 16], data: new Float32Array(31) } }),
      /has 31 elements, but its shape \[2, 16\] has 32/,
    );
    await rejects(
      mlp({ x: { dtype: "i32", shape: [2, 16], data: new Int32Array(32) } }),
      /is i32, but the graph has f32\[T, 16\]/,
    );
    await rejects(
      mlp({ x: ones(33, 16) }),
      /T is 33, but the plan is made for 32 at most\nhint: compile it again with a larger T, or run less at once/,
    );
    await rejects(mlp({ x: ones(0, 16) }), /T is 0, but it must be a whole number from 1 on/);
    await rejects(mlp({ x: ones(2, 16) }, { T: 3 }), /T is 2 by the shape of x, but 3 by the call/);
    await rejects(
      mlp({ x: ones(2, 16) }, { Q: 3 }),
      /is given a value for Q, which is no symbol of it\nhint: its symbols: T/,
    );
    await rejects(
      model.call("append", { row: ones(1, 16) }, {}, APPEND_TYPES),
      /P is not given, and no input's shape says it/,
    );
    await rejects(model.call("pick", { x: ones(1, 16) }, {}, { y: PICK_TYPES.y }), /was made for another i of pick/);
    await rejects(model.call("other", {}, {}, {}), /there is no entry point other/);
    // What no type allows, as a program in JavaScript may give it.
    const untyped = (...given: readonly unknown[]): Promise<unknown> =>
      (model.call as (...given: readonly unknown[]) => Promise<unknown>).call(model, ...given);
    const moved = new Float32Array(32);
    structuredClone(moved.buffer, { transfer: [moved.buffer] });
    await rejects(untyped("mlp"), /mlp: its inputs are undefined, but they must be an object/);
    await rejects(untyped("mlp", { x: ones(2, 16) }, null, MLP_TYPES), /mlp: its symbols are null/);
    await rejects(untyped("mlp", { x: ones(2, 16) }, {}), /mlp: its types are undefined/);
    await rejects(untyped("mlp", { x: ones(2, 16) }, {}, { y: { dtype: "f32" } }), /was made for another y of mlp/);
    await rejects(untyped("mlp", { x: null }, {}, MLP_TYPES), /mlp x: has no list of lengths as its shape/);
    await rejects(untyped("mlp", { x: { dtype: "f32", shape: [1, 16] } }, {}, MLP_TYPES), /its data is no typed array/);
    await rejects(mlp({ x: { dtype: "f32", shape: [2, 16], data: moved } }), /its data was transferred/);
    await model.close();
    await rejects(mlp({ x: ones(2, 16) }), /mlp: the model is closed\nhint: load it again/);
    await rejects(model.reset(), /reset: the model is closed/);
  }),
);

gpuTest(
  "GPT-2 from its graph's text has the reference's logits, as the same graph from its preset has",
  async (gpu) => {
    const stage = await runCli(["inspect", EMBEDDED, "--stage", "graph", "--entry", "logits"]);
    // What is a state of a language model, so that tokens stay on the GPU, is an input here.
    const text = output(stage).replace("state tokens:", "tokens:").replace("graph gpt2", "graph logits");
    const path = join(root, "gpt2.graph");
    writeFileSync(path, text);
    const out = join(root, "gpt2");
    output(await runCli(["compile", path, "--max", "T=64", "--max", "P=256", "--weights", EMBEDDED, "--out", out]));
    const model = await loadGraphBundle(out, gpu, undefined, QUIET);
    try {
      for (const { ids, logits } of readReference(EMBEDDED).cases.slice(0, 2)) {
        const tokens = new Int32Array(257);
        tokens.set(ids);
        const given = { tokens: { dtype: "i32", shape: [257], data: tokens } } as const;
        const types = { logits: { dtype: "f32", shape: [null, 1024] } } as const;
        const result = await model.call("logits", given, { P: 0, T: ids.length }, types);
        const rows = result.logits.data.subarray(1024 * (ids.length - logits.length));
        assertWithin(rows, logits.flat(), F32_BOUND, "logits");
      }
    } finally {
      await model.close();
    }
  },
);

test("where the target can't hold the graphs, the command says which largest values fit", async () => {
  const compile = (T: number) =>
    runCli(["compile", file, "--max", `T=${T}`, "--max", "P=7", "--out", join(root, `most-${T}`)]);
  const { stderr } = await compile(10_000_000);
  const [, T = ""] =
    /takes \d+ bytes, but webgpu-default binds 134217728 at most \(--max T=(\d+) makes it fit\)/.exec(stderr) ?? [];
  output(await compile(Number(T)));
});

test("the module's types are those of the graphs' inputs and results", async () => {
  output(await (made ?? runCli(["compile", file, "--max", "T=32", "--max", "P=7", "--out", bundle])));
  const text = readFileSync(join(bundle, "index.ts"), "utf8");
  for (const line of [
    'mlp(inputs: { readonly x: Tensor<"f32", readonly [T: number, 16]> }): Promise<{ readonly y: Tensor<"f32", readonly [T: number, 16]> }>;',
    'append(inputs: { readonly row: Tensor<"f32", readonly [1, 16]> }, symbols: { readonly P: number }): Promise<{ readonly sum: Tensor<"f32", readonly [1, 16]> }>;',
    "`(x: f32[T, 16]) → y: f32[T, 16]`, where T is 1 to 32.",
  ])
    assert.ok(text.includes(line), `${line}\n${text}`);
  // Compiled where the golden bundle lies, so that `wgpt/runtime` is the project's.
  const place = join(ROOT, "test", "golden", `.graphs-${process.pid}`);
  try {
    cpSync(join(bundle, "index.ts"), join(place, "index.ts"));
    const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: ["x.ts"] }, ts.sys, ROOT);
    const program = ts.createProgram([join(place, "index.ts")], options);
    const found = ts.getPreEmitDiagnostics(program).map((d) => ts.flattenDiagnosticMessageText(d.messageText, "\n"));
    assert.equal(found, []);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

test("a bundle of graphs is checked as a model's is", async () => {
  const out = join(root, "checked");
  const all = ["--max", "T=32", "--max", "P=7"];
  output(await runCli(["compile", file, ...all, "--out", out]));
  assert.match(output(await runCli(["compile", "--check", out, file, ...all])), /up to date/);
  const other = join(root, "other.graph");
  writeFileSync(other, MLP.replace("gelu(s)", "tanh(s)"));
  assertFails(await runCli(["compile", "--check", out, other]), /mlp in .*other\.graph is another graph/);
  assertFails(await runCli(["compile", "--check", out, "--max", "T=16"]), /--max T is 16, but the bundle's is 32/);
  assertFails(
    await runCli(["compile", "--check", out, "--context", "16"]),
    /--context is given, but the bundle is one of graphs/,
  );
  assertFails(
    await runCli(["compile", "--check", out, EMBEDDED]),
    /is no file of graphs, but the bundle is one of graphs/,
  );
});

test("what does not go with a file of graphs is refused, with a way out", async () => {
  const out = join(root, "refused");
  const refused: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [[file], /has the symbols T, P, but buffers need a largest value \(give --max T=128 --max P=128/],
    [
      [file, "--max", "T=1", "--max", "P=1", "--max", "X=2"],
      /gives a value for X, which no graph of .* has \(their symbols are T, P\)/,
    ],
    [[file, "--max", "T"], /must be a symbol and a whole number, such as T=128/],
    [[file, "--max", "T=1", "--max", "T=2"], /T is given twice: 1 and 2/],
    [[file, "--max", "T=0", "--max", "P=1"], /T is 0/],
    [[file, "--context", "8"], /--context: is given, but .* holds graphs/],
    [[file, "--chunk", "8"], /--chunk: is given, but .* holds graphs/],
    [[file, "--pack-weights"], /give --weights FILE/],
    [[EMBEDDED, "--max", "T=8"], /--max: is given, but .* is no file of graphs/],
    [[EMBEDDED, "--weights", checkpoint], /--weights: is given, but .* is no file of graphs/],
    [[file, "--max", "T=1", "--max", "P=1", "--weights", EMBEDDED], /missing: w, b, out/],
  ];
  for (const [args, message] of refused) assertFails(await runCli(["compile", ...args, "--out", out]), message);
  const texts: readonly (readonly [text: string, message: RegExp])[] = [
    ["graph f(x: f32[4]) {\n  y = nope(x)\n  return y\n}", /bad\.graph line 2, column 7: nope is no op/],
    [
      "graph f(x: f32[4]) { y = neg(x) return y }\ngraph f(x: f32[4]) { y = neg(x) return y }",
      /line 2, column 1: two graphs are called f/,
    ],
    ["graph close(x: f32[4]) { y = neg(x) return y }", /an entry point is called close/],
    [
      "graph f(x: f32[4], weight w: f32[4]) { y = add(x, w) return y }\ngraph g(x: f32[5], weight w: f32[5]) { y = add(x, w) return y }",
      /w: is f32\[4\] of one entry point, but f32\[5\] of another/,
    ],
    ["", /line 1, column 1: expected graph/],
  ];
  const bad = join(root, "bad.graph");
  for (const [text, message] of texts) {
    writeFileSync(bad, text);
    assertFails(await runCli(["compile", bad, "--out", out]), message);
  }
});

gpuTest(
  "goes on with another device when its own is lost; what states held is gone, which calls that need it say",
  async () => {
    output(await (made ?? Promise.reject(new Error("this test needs a GPU"))));
    const warnings: string[] = [];
    const model = await loadGraphBundle(bundle, undefined, undefined, { onWarning: (w) => warnings.push(w) });
    const x = toTensor(seeded([5, 16], 1));
    const row = toTensor(seeded([1, 16], 2));
    const mlp = (given: AnyTensor) => model.call("mlp", { x: given }, {}, MLP_TYPES);
    const append = (P: number) => model.call("append", { row }, { P }, APPEND_TYPES);
    const losses = loseDevices();
    const wanted = [await mlp(x), await append(0)];

    losses.now();
    const mine = toTensor(seeded([5, 16], 1));
    const asked = [mlp(mine), mlp(x)];
    // A call computes what it was asked for.
    mine.data.fill(0);
    const got = await Promise.all(asked);
    assert.equal(got, [wanted[0], wanted[0]]);
    const GONE = /the device was lost: .*, and what the states held is gone\nhint: reset\(\) begins anew/;
    await rejects(append(1), GONE);
    await rejects(append(1), GONE);
    assert.equal(await mlp(x), wanted[0]);
    await model.reset();
    assert.equal(await append(0), wanted[1]);

    losses.now();
    await rejects(append(1), GONE);
    await model.reset();
    assert.equal(await append(0), wanted[1]);
    losses.restore();
    assert.is(losses.lost(), 2);
    assert.is(warnings.filter((w) => /going on with another one$/.test(w)).length, 2, warnings.join("; "));
    await model.close();
  },
);

test.run();
