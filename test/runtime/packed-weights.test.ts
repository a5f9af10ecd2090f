// Packed weights under verification: a hash for each stretch, and what was hashed is what is used.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BundleWeights, STRETCH_BYTES } from "../../base/bundle.ts";
import { sha256 } from "../../base/hash.ts";
import type { BundleFiles } from "../../runtime/bundle.ts";
import { openPackedWeights, verifyShards } from "../../runtime/packed-weights.ts";
import { safetensorsHeader } from "../../runtime/weights/write-safetensors.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("packed weights");

/** Two stretches and a half, in two tensors that meet in the second. */
const LENGTHS = [1.25 * STRETCH_BYTES, 1.25 * STRETCH_BYTES].map((bytes) => bytes / 4);
const header = safetensorsHeader(
  "f",
  LENGTHS.map((length, i) => ({ name: `w${i}`, dtype: "F32", shape: [length] })),
);
const shard = new Uint8Array(header.length + 2.5 * STRETCH_BYTES);
shard.set(header);
for (let i = header.length; i < shard.length; i += 4093) shard[i] = i % 251;

const FILE = "weights/00001-of-00001.safetensors";
const hashes: string[] = [];
for (let at = 0; at < shard.length; at += STRETCH_BYTES) hashes.push(await sha256(shard.slice(at, at + STRETCH_BYTES)));
const MAP: BundleWeights = {
  format: "wgpt-weights",
  version: 2,
  tensors: [],
  shards: [{ file: FILE, bytes: shard.length, sha256: hashes }],
};

/** Files that count their reads. Each read is of the bytes as they are then. */
function filesOf(bytes: Uint8Array) {
  const reads: (readonly [offset: number, length: number])[] = [];
  const files: BundleFiles = {
    place: "b",
    text: async () => "",
    bytes: async (_, offset, length) => {
      reads.push([offset, length]);
      return Uint8Array.from(bytes.subarray(offset, offset + length));
    },
    close: async () => {},
  };
  return { files, reads };
}

test("reads a stretch once, in the order of its weights, and gives what lies across two", async () => {
  const { files, reads } = filesOf(shard);
  const source = await openPackedWeights(files, MAP, true);
  const piece = 2 ** 22;
  for (const [name, { byteLength }] of source.tensors) {
    const start = header.length + (name === "w0" ? 0 : 1.25 * STRETCH_BYTES);
    for (let at = 0; at < byteLength; at += piece) {
      const length = Math.min(piece, byteLength - at);
      assert.ok(
        Buffer.from(await source.read(name, at, length)).equals(shard.subarray(start + at, start + at + length)),
      );
    }
  }
  assert.equal(
    reads.map(([offset]) => offset),
    hashes.map((_, i) => i * STRETCH_BYTES),
  );
  assert.ok(reads.every(([, length]) => length <= STRETCH_BYTES));
});

test("refuses the stretch that is of other bytes, when it is read and not before", async () => {
  const damaged = shard.slice();
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  const { files } = filesOf(damaged);
  const source = await openPackedWeights(files, MAP, true);
  await source.read("w0", 0, 8);
  const says =
    /SHA-256 of bytes 134217728 to \d+ is [0-9a-f]{64}, but weights\.json says [0-9a-f]{64}.*copy the bundle/s;
  await rejects(source.read("w1", 1.25 * STRETCH_BYTES - 8, 8), says);
  await rejects(verifyShards(files, MAP.shards ?? []), says);
  // Without being asked to verify, it is none of its business.
  assert.is((await (await openPackedWeights(files, MAP)).read("w1", 1.25 * STRETCH_BYTES - 8, 8)).length, 8);
});

test("a change after the hash does not reach what is used", async () => {
  const changing = shard.slice();
  const { files } = filesOf(changing);
  const source = await openPackedWeights(files, MAP, true);
  const before = await source.read("w0", 0, 64);
  changing.fill(7, header.length, header.length + 64);
  assert.equal(await source.read("w0", 0, 64), before);
});

test("refuses another number of hashes than stretches", async () => {
  const short = { ...MAP, shards: [{ file: FILE, bytes: shard.length, sha256: hashes.slice(1) }] };
  for (const verify of [true, false])
    await rejects(
      openPackedWeights(filesOf(shard).files, short, verify),
      /weights\.json weights\/.*: its \d+ bytes are 3 stretches of 67108864, but it has 2 hashes/,
    );
});

test.run();
