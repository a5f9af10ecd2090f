import { mkdirSync, readFileSync, renameSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RuntimeError } from "../../runtime/errors.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { f32, inFolder, makeSafetensors, rawSafetensors } from "../support/make-safetensors.ts";

const test = suite("checkpoint");
const SHAKESPEARE = fileURLToPath(new URL("../../models/shakespeare", import.meta.url));

const indexOf = (weight_map: unknown): string => JSON.stringify({ metadata: {}, weight_map });
const SHARD_1 = makeSafetensors({ a: f32([2], [1, 2]), extra: f32([1]) });
const SHARD_2 = makeSafetensors({ b: f32([3], [3, 4, 5]), a: f32([1], [9]) });
const SHARDS = {
  "model-1.safetensors": SHARD_1,
  "model-2.safetensors": SHARD_2,
  "model.safetensors.index.json": indexOf({ a: "model-1.safetensors", b: "model-2.safetensors" }),
};

async function refuses(path: string, message: RegExp): Promise<void> {
  try {
    await openCheckpoint(path);
  } catch (error) {
    assert.instance(error, RuntimeError);
    assert.match((error as RuntimeError).message, message);
    return;
  }
  assert.unreachable("the checkpoint was taken");
}

async function readF32(path: string, name: string): Promise<number[]> {
  const source = await openCheckpoint(path);
  try {
    const bytes = await source.read(name, 0, source.tensors.get(name)?.byteLength ?? 0);
    return [...new Float32Array(bytes.buffer)];
  } finally {
    await source.close();
  }
}

test("reads any range of a tensor's bytes", async () => {
  const file = readFileSync(join(SHAKESPEARE, "model.safetensors"));
  const source = await openCheckpoint(SHAKESPEARE);
  const wte = source.tensors.get("wte.weight");
  assert.equal(wte?.shape, [1024, 128]);
  const start = file.length - [...source.tensors.values()].reduce((n, t) => n + t.byteLength, 0);
  for (const [offset, length] of [
    [0, 16],
    [100, 1],
    [524288 - 4, 4],
    [7, 0],
  ] as const) {
    const expected = file.subarray(start + offset, start + offset + length);
    assert.equal([...(await source.read("wte.weight", offset, length))], [...expected]);
  }
  await source.close();
});

test("opens a safetensors file of any name", () =>
  inFolder({ "gpt.safetensors": SHARD_1 }, async (folder) => {
    assert.equal(await readF32(join(folder, "gpt.safetensors"), "a"), [1, 2]);
  }));

test("reads each tensor from the shard that the index names, and leaves the rest of a shard alone", () =>
  inFolder(SHARDS, async (folder) => {
    assert.equal(await readF32(folder, "a"), [1, 2]);
    assert.equal(await readF32(folder, "b"), [3, 4, 5]);
    const source = await openCheckpoint(folder);
    assert.equal([...source.tensors.keys()], ["a", "b"]);
    await source.close();
  }));

test("prefers the single file where there is an index too", () =>
  inFolder({ ...SHARDS, "model.safetensors": makeSafetensors({ a: f32([1], [7]) }) }, async (folder) => {
    assert.equal(await readF32(folder, "a"), [7]);
  }));

test("names a folder that is not there", () =>
  refuses("/no/such/place", /^\/no\/such\/place: cannot be opened: no such file or directory$/m));

test("says what lies in a folder without safetensors", async () => {
  await inFolder({}, (folder) => refuses(folder, /has no model\.safetensors and no .*index\.json, but nothing/));
  await inFolder({ "pytorch_model.bin": "x", "config.json": "{}" }, (folder) =>
    refuses(folder, /but config\.json, pytorch_model\.bin\nhint: convert pytorch_model\.bin.*no network.*python -c/),
  );
  await inFolder({ "gpt.Q4_0.gguf": "x" }, (folder) => refuses(folder, /but gpt\.Q4_0\.gguf\nhint: .*quantised/));
  await inFolder({ "a.safetensors": SHARD_1, "b.safetensors": SHARD_2 }, (folder) =>
    refuses(folder, /but a\.safetensors, b\.safetensors\nhint: give the file itself, such as .*a\.safetensors/),
  );
  await inFolder({ "model-00001-of-00002.safetensors": SHARD_1 }, (folder) =>
    refuses(folder, /hint: download model\.safetensors\.index\.json beside model-00001-of-00002\.safetensors/),
  );
});

test("reads the only file of another name, or the only index", async () => {
  await inFolder({ "model.fp16.safetensors": SHARD_1, "adapter_model.safetensors": SHARD_2 }, async (folder) =>
    assert.equal(await readF32(folder, "a"), [1, 2]),
  );
  const { "model.safetensors.index.json": index, ...shards } = SHARDS;
  const numbered = {
    "model.fp16-00001-of-00002.safetensors": shards["model-1.safetensors"],
    "model.fp16-00002-of-00002.safetensors": shards["model-2.safetensors"],
    "model.safetensors.index.fp16.json": index.replaceAll(/model-(\d)/g, "model.fp16-0000$1-of-00002"),
  };
  await inFolder(numbered, async (folder) => {
    assert.equal(await readF32(folder, "b"), [3, 4, 5]);
    assert.equal(await readF32(join(folder, "model.safetensors.index.fp16.json"), "b"), [3, 4, 5]);
  });
});

test("names an adapter and its base model, and a file of another format", async () => {
  const config = JSON.stringify({ peft_type: "LORA", base_model_name_or_path: "org/gpt2" });
  await inFolder({ "adapter_config.json": config, "adapter_model.safetensors": SHARD_1 }, (folder) =>
    refuses(folder, /holds a LoRA adapter of org\/gpt2, but no model\nhint: .*merge/),
  );
  await inFolder({ "adapter_model.bin": "x" }, (folder) => refuses(folder, /holds a LoRA adapter, but no model/));
  await inFolder({ "pytorch_model.bin": "x" }, (folder) =>
    refuses(join(folder, "pytorch_model.bin"), /is of another format.*\nhint: convert/),
  );
});

test("reads a snapshot of the hub's cache, whose files are links, as a folder and as a file", () =>
  inFolder({ ...SHARDS, "model.safetensors": SHARD_1 }, async (folder) => {
    const snapshot = join(folder, "snapshots", "abc");
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(folder, "blobs"));
    for (const [i, name] of [...Object.keys(SHARDS), "model.safetensors"].entries()) {
      renameSync(join(folder, name), join(folder, "blobs", `${i}`));
      symlinkSync(join("..", "..", "blobs", `${i}`), join(snapshot, name));
    }
    assert.equal(await readF32(snapshot, "a"), [1, 2]);
    assert.equal(await readF32(join(snapshot, "model.safetensors"), "a"), [1, 2]);
    assert.equal(await readF32(join(snapshot, "model.safetensors.index.json"), "b"), [3, 4, 5]);
  }));

test("knows from the metadata which tensors are left out because another has their data", () => {
  const metadata = { format: "pt", "wte.weight": "a", a: "extra", nothing: "missing" };
  return inFolder(
    { "model.safetensors": makeSafetensors({ a: f32([1]), extra: f32([1]) }, metadata) },
    async (folder) => {
      const source = await openCheckpoint(folder);
      assert.equal([...(source.aliases ?? [])], [["wte.weight", "a"]]);
      await source.close();
    },
  );
});

test("names the shard that is missing", () =>
  inFolder(
    { ...SHARDS, "model.safetensors.index.json": indexOf({ a: "model-1.safetensors", b: "model-3.safetensors" }) },
    (folder) =>
      refuses(folder, /index\.json: promises 2 shards, but model-3\.safetensors is not in the folder\nhint: download/),
  ));

test("names the tensor that the index promises and the shard lacks", () =>
  inFolder({ ...SHARDS, "model.safetensors.index.json": indexOf({ b: "model-1.safetensors" }) }, (folder) =>
    refuses(folder, /model-1\.safetensors: the index promises b in this shard, but it holds no such tensor/),
  ));

test("refuses an index that is none, or leaves its folder", async () => {
  const name = "model.safetensors.index.json";
  await inFolder({ [name]: "{" }, (folder) => refuses(folder, /index\.json: must be JSON, but cannot be read/));
  for (const index of ["3", "null", "{}", '{"weight_map": []}', '{"weight_map": {"a": 3}}'])
    await inFolder({ [name]: index }, (folder) => refuses(folder, /must hold a weight_map from tensor name to shard/));
  await inFolder({ [name]: indexOf({ a: "../x.safetensors" }) }, (folder) =>
    refuses(folder, /a shard lies beside its index/),
  );
});

test("names the file whose header lies", async () => {
  await inFolder({ "model.safetensors": "" }, (folder) => refuses(folder, /model\.safetensors: the file has 0 bytes/));
  const lie = rawSafetensors({ w: { dtype: "F32", shape: [2], data_offsets: [0, 8] } }, 4);
  await inFolder({ "model.safetensors": lie }, (folder) =>
    refuses(folder, /model\.safetensors w: its data ends at byte/),
  );
});

test("refuses to read what is not there", async () => {
  const source = await openCheckpoint(SHAKESPEARE);
  const message = async (...range: [string, number, number]): Promise<string> =>
    source.read(...range).then(
      () => "taken",
      (error: Error) => error.message,
    );
  assert.match(await message("wte", 0, 4), /asked for wte, but holds no tensor of that name/);
  assert.match(
    await message("wpe.weight", 131072, 1),
    /asked for 1 bytes from byte 131072, but the tensor has 131072 bytes/,
  );
  assert.match(await message("wpe.weight", -4, 8), /asked for 8 bytes from byte -4/);
  assert.match(await message("wpe.weight", 0, 1.5), /asked for 1\.5 bytes/);
  await source.close();
  await source.close();
  assert.match(await message("wpe.weight", 0, 4), /read after the checkpoint was closed/);
});

test("notices a file that was cut while it was open", () =>
  inFolder({ "model.safetensors": SHARD_1 }, async (folder) => {
    const source = await openCheckpoint(folder);
    truncateSync(join(folder, "model.safetensors"), SHARD_1.length - 4);
    const error = await source.read("extra", 0, 4).then(String, String);
    assert.match(error, /model\.safetensors extra: should have data at byte \d+, but the file now ends before it/);
    await source.close();
  }));

test.run();
