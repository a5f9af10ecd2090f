import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { printError } from "../../cli/errors.ts";
import { makeCheckpoint } from "../../cli/make-checkpoint.ts";
import { listWeights, printConfig } from "../../engine/checkpoint-files.ts";
import { PRESETS, readGpt2Config } from "../../ir/index.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { openCheckpoint, type WeightSource } from "../../runtime/index.ts";
import { toF32 } from "../../runtime/weights/convert.ts";
import { matchWeights } from "../../runtime/weights/match.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("make-checkpoint");
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const TINY = { n_layer: 2, n_head: 2, n_embd: 32, n_ctx: 16, vocab_size: 60, eos_token_id: 59 };
const UNUSUAL = {
  ...TINY,
  n_inner: 40,
  activation_function: "relu",
  tie_word_embeddings: false,
  scale_attn_weights: false,
  scale_attn_by_inverse_layer_idx: true,
  layer_norm_epsilon: 1e-6,
  position_encoding: "sinusoidal",
  eos_token_id: null,
};
const TENSORS = 2 + 2 * 12 + 2;

interface Wish {
  readonly seed?: number;
  readonly dtype?: "f32" | "f16" | "bf16";
  readonly shards?: number;
  readonly force?: boolean;
}

/** Runs `body` in a new folder in which `model/config.json` describes the model; `make` makes a checkpoint of it. */
type OnProgress = Parameters<typeof makeCheckpoint>[2];

const inMaker = (
  json: object,
  body: (
    folder: string,
    make: (name: string, wish?: Wish, onProgress?: OnProgress) => Promise<string>,
  ) => Promise<void>,
): Promise<void> =>
  inFolder({}, async (folder) => {
    const model = join(folder, "model");
    mkdirSync(model);
    writeFileSync(join(model, "config.json"), JSON.stringify(json));
    await body(folder, async (name, wish = {}, onProgress = undefined) => {
      const out = join(folder, name);
      await makeCheckpoint(model, { out, seed: 1, dtype: "f32", shards: 1, ...wish }, onProgress);
      return out;
    });
  });

async function reading<T>(path: string, body: (source: WeightSource) => Promise<T>): Promise<T> {
  const source = await openCheckpoint(path);
  try {
    return await body(source);
  } finally {
    await source.close();
  }
}

/** Every tensor's bytes. */
const contents = (path: string): Promise<Map<string, Uint8Array<ArrayBuffer>>> =>
  reading(path, async (source) => {
    const all = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const [name, { byteLength }] of source.tensors) all.set(name, await source.read(name, 0, byteLength));
    return all;
  });

const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** The one line that the command would print. */
async function complaint(promise: Promise<unknown>): Promise<string> {
  const line = printError(
    await promise.then(
      () => assert.unreachable("nothing was refused"),
      (e) => e,
    ),
  );
  assert.not.match(line, /\n|looks like a bug/);
  return line;
}

test("makes the same bytes for the same seed on every machine", () =>
  inMaker(TINY, async (_, make) => {
    const hashes: string[] = [];
    for (const dtype of ["f32", "f16", "bf16"] as const)
      hashes.push(sha256(join(await make(dtype, { dtype }), "model.safetensors")));
    // Made on x64 Linux. A machine that gets others breaks the promise of --seed; a change of the generator changes
    // every checkpoint that users compare with, so it belongs into the change log.
    assert.equal(hashes, [
      "0890a4d6e98a362cbe770f0dd33e1a3ec18621c5478a0be53ce881ab503c59e6",
      "fd01aade4a7d464b881f940e25271be951068728cb3bc364c62fbe37e69b1146",
      "84fdf51a1ff21c1dbf34895bfc5c3336124a3dc783a4e345debe92ef34fdf00c",
    ]);
    assert.is(sha256(join(await make("again"), "model.safetensors")), hashes[0]);
    assert.is.not(sha256(join(await make("other", { seed: 2 }), "model.safetensors")), hashes[0]);
  }));

test("makes a checkpoint that loads as the model that was asked for", async () => {
  for (const json of [TINY, UNUSUAL])
    await inMaker(json, async (_, make) => {
      const config = readGpt2Config(json);
      const out = await make("out", { shards: 3 });
      assert.equal(readdirSync(out), [
        "config.json",
        "model-00001-of-00003.safetensors",
        "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
        "model.safetensors.index.json",
      ]);
      assert.equal(readGpt2Config(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))), config);
      await reading(out, async (source) => {
        const wanted = listWeights(gpt2, config, "F32");
        const { found, surplus } = matchWeights(wanted, source, gpt2.names);
        assert.equal(surplus, []);
        // The released names, without a prefix.
        for (const [name, stored] of found) assert.is(stored, name);
        assert.is(found.has("wpe.weight"), json === TINY);
        assert.is(found.has("lm_head.weight"), json !== TINY);
      });
    });
});

test("writes a config.json that reads back as every preset", () => {
  for (const [name, config] of Object.entries(PRESETS)) {
    const json = JSON.parse(printConfig(gpt2, config, "F16"));
    assert.equal(readGpt2Config(json), config, name);
    assert.equal(
      [json.n_inner, json.n_positions, json.vocab_size, json.bos_token_id, json.model_type, json.torch_dtype],
      [null, 1024, 50257, 50256, "gpt2", "float16"],
    );
    assert.is("position_encoding" in json, name === "gpt2-xl-overview");
  }
});

test("stands by name in a file, as released checkpoints do, and says what wrote it", () =>
  inMaker(TINY, async (_, make) => {
    const text = readFileSync(join(await make("out"), "model.safetensors"), "latin1");
    const header = JSON.parse(text.slice(8, text.indexOf("}}") + 2));
    const { __metadata__: metadata, ...tensors } = header;
    assert.equal(metadata, { format: "pt" });
    const names = Object.keys(tensors);
    assert.equal(names, names.toSorted());
    assert.is(names.length, TENSORS);
    assert.is(tensors["h.0.attn.c_attn.bias"].data_offsets[0], 0);
  }));

test("puts into shards what the one file holds, each tensor once", () =>
  inMaker(TINY, async (_, make) => {
    const single = await contents(await make("single"));
    const total = [...single.values()].reduce((n, bytes) => n + bytes.length, 0);
    for (const shards of [2, 5, TENSORS]) {
      const out = await make(`shards-${shards}`, { shards });
      const found = await contents(out);
      assert.is(found.size, single.size);
      for (const [name, bytes] of single) assert.equal(found.get(name), bytes, name);
      const index = JSON.parse(readFileSync(join(out, "model.safetensors.index.json"), "utf8"));
      assert.equal(index.metadata, { total_size: total });
      assert.equal(Object.keys(index.weight_map), [...single.keys()].sort());
      const files = readdirSync(out).filter((name) => name.endsWith(".safetensors"));
      assert.is(files.length, shards);
      assert.equal(new Set(Object.values(index.weight_map)), new Set(files));
    }
  }));

test("holds equal numbers as f16 and f32", () =>
  inMaker(TINY, async (_, make) => {
    const [whole, half] = [await contents(await make("f32")), await contents(await make("f16", { dtype: "f16" }))];
    for (const [name, bytes] of whole)
      assert.equal(toF32(half.get(name) ?? new Uint8Array(), "F16"), toF32(bytes, "F32"), name);
  }));

test("writes tensors that are larger than its buffers", () =>
  inMaker({ ...TINY, vocab_size: 40_000 }, async (_, make) => {
    const steps: number[] = [];
    const out = await make("out", {}, (bytes, total) => steps.push(bytes / total));
    await reading(out, async (source) => {
      const [size, third] = [40_000 * 32 * 4, 1_000_001];
      const whole = await source.read("wte.weight", 0, size);
      assert.equal(await source.read("wte.weight", third, 1000), whole.slice(third, third + 1000));
      assert.not.equal(whole.slice(0, 4096), whole.slice(4 * 1024 * 1024, 4 * 1024 * 1024 + 4096));
    });
    assert.is(steps.at(-1), 1);
    assert.equal(steps, steps.toSorted());
  }));

test("refuses a folder that holds a checkpoint, and replaces it when told to", () =>
  inMaker(TINY, async (folder, make) => {
    const out = await make("out", { shards: 4 });
    writeFileSync(join(out, "tokenizer.json"), "{}");
    const before = await contents(out);
    assert.match(await complaint(make("out")), /out: holds config\.json already \(.*--force/);
    await make("out", { force: true, seed: 2 });
    assert.equal(readdirSync(out), ["config.json", "model.safetensors", "tokenizer.json"]);
    assert.not.equal(await contents(out), before);
    assert.equal(readdirSync(folder), ["model", "out"]);
  }));

test("adds weights to the folder whose config.json it reads, and leaves that file alone", () =>
  inMaker({ ...TINY, mine: "stays" }, async (_, make) => {
    const out = await make("model");
    assert.equal(readdirSync(out), ["config.json", "model.safetensors"]);
    assert.is(JSON.parse(readFileSync(join(out, "config.json"), "utf8")).mine, "stays");
    assert.match(await complaint(make("model")), /model: holds model\.safetensors already/);
  }));

test("leaves a folder as it was when it fails amid its work", () =>
  inMaker(TINY, async (folder, make) => {
    const out = await make("out", { shards: 2 });
    const before = await contents(out);
    const fail = () => {
      throw new Error("enough");
    };
    for (const name of ["out", "new", "two/new"])
      assert.is(await make(name, { force: true }, fail).then(assert.unreachable, (e) => e.message), "enough");
    assert.equal(await contents(out), before);
    assert.equal(readdirSync(folder), ["model", "out"]);
    assert.is(readdirSync(out).length, 4);
  }));

test("refuses what can't be made, in one line, and leaves nothing", () =>
  inMaker(TINY, async (folder, make) => {
    writeFileSync(join(folder, "file"), "");
    const options = { out: join(folder, "out"), seed: 1, dtype: "f32", shards: 1 } as const;
    assert.match(await complaint(makeCheckpoint("gpt3", options)), /^wgpt: gpt3: there is no such folder.*presets are/);
    assert.match(
      await complaint(make("out", { shards: TENSORS + 1 })),
      /^wgpt: --shards: is 29, but the model has 28 tensors/,
    );
    assert.match(await complaint(make("file")), /file: is a file, but a checkpoint is a folder/);
    assert.match(await complaint(make("file/out")), /out: can't be a folder, as it lies in a file/);
    assert.match(await complaint(make("file/out")), /file\/out: (can't be|is a file)/);
    assert.equal(readdirSync(folder), ["file", "model"]);
  }));

test("looks for room on the disk before it writes", () =>
  // Two matrices of 128 TiB.
  inMaker({ ...TINY, n_layer: 1, n_inner: 2 ** 40 }, async (folder, make) => {
    const line = await complaint(make("new/out"));
    assert.match(line, /out: the checkpoint takes 28587\d{10} bytes, but this disk has \d+ left \(make room/);
    assert.equal(readdirSync(folder), ["model"]);
  }));

skipUnless(
  test,
  process.platform !== "win32",
  "Windows has no signals to end a command politely",
)("ends by the signal that interrupts it, and leaves nothing", () =>
  inFolder({}, async (folder) => {
    const out = join(folder, "out");
    const args = ["--import", "tsx", "cli/main.ts", "make-checkpoint", "gpt2", "--out", out, "--seed", "1"];
    const command = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
    let complaints = "";
    command.stderr.on("data", (text) => {
      complaints += String(text);
    });
    const ended = new Promise<NodeJS.Signals | null>((resolve) => command.on("close", (_, signal) => resolve(signal)));
    const beginsToWrite = () => existsSync(out) && readdirSync(out).length > 0;
    while (!beginsToWrite() && command.exitCode === null) await setTimeout(5);
    command.kill("SIGINT");
    assert.is(await ended, "SIGINT", complaints);
    assert.is(complaints, "");
    assert.equal(readdirSync(folder), []);
  }),
);

test.run();
