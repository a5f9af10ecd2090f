import { readFileSync, truncateSync } from "node:fs";
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
  refuses("/no/such/place", /^\/no\/such\/place: cannot be opened: ENOENT/));

test("says what lies in a folder without safetensors", async () => {
  await inFolder({}, (folder) => refuses(folder, /has no model\.safetensors and no .*index\.json, but nothing/));
  await inFolder({ "pytorch_model.bin": "x", "config.json": "{}" }, (folder) =>
    refuses(folder, /but config\.json, pytorch_model\.bin\nhint: convert pytorch_model\.bin/),
  );
  await inFolder({ "gpt.safetensors": SHARD_1 }, (folder) =>
    refuses(folder, /hint: give the file itself: .*gpt\.safetensors/),
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
