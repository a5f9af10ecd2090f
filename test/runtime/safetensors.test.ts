import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RuntimeError } from "../../runtime/errors.ts";
import { parseSafetensorsHeader, safetensorsHeaderSize } from "../../runtime/weights/safetensors.ts";
import { f32, makeSafetensors, rawSafetensors } from "../support/make-safetensors.ts";

const test = suite("safetensors");
const SHAKESPEARE = fileURLToPath(new URL("../../models/shakespeare/model.safetensors", import.meta.url));

const parse = (file: Uint8Array, fileSize = file.length) => parseSafetensorsHeader("a.safetensors", file, fileSize);

/** The file is refused, in exactly these words. */
function refuses(file: Uint8Array, message: string): void {
  try {
    parse(file);
  } catch (error) {
    assert.instance(error, RuntimeError);
    assert.is((error as RuntimeError).message.split("\nhint:")[0], message);
    return;
  }
  assert.unreachable(`taken, but expected: ${message}`);
}

const one = (tensor: object) => ({ w: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...tensor } });

test("reads names, dtypes, shapes and places, in the order of the data", () => {
  const file = makeSafetensors(
    { b: f32([2, 3]), a: { dtype: "BF16", shape: [], data: new Uint16Array(1) }, none: f32([0, 5]) },
    { format: "pt" },
  );
  const start = safetensorsHeaderSize("a.safetensors", file, file.length);
  const { tensors, metadata } = parse(file);
  assert.equal(
    [...tensors.values()],
    [
      { name: "b", dtype: "F32", shape: [2, 3], byteLength: 24, fileOffset: start },
      { name: "a", dtype: "BF16", shape: [], byteLength: 2, fileOffset: start + 24 },
      { name: "none", dtype: "F32", shape: [0, 5], byteLength: 0, fileOffset: start + 26 },
    ],
  );
  assert.equal(metadata, { format: "pt" });
});

test("takes tensors listed in another order than their data", () => {
  const header = {
    late: { dtype: "F32", shape: [1], data_offsets: [4, 8] },
    early: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
  };
  assert.equal([...parse(rawSafetensors(header, 8)).tensors.keys()], ["early", "late"]);
});

test("takes an empty tensor that begins where another does", () => {
  const header = { ...one({}), none: { dtype: "F32", shape: [0], data_offsets: [0, 0] } };
  assert.equal([...parse(rawSafetensors(header, 8)).tensors.keys()], ["none", "w"]);
});

test("takes spaces after the header's object", () => {
  assert.is(parse(rawSafetensors(`${JSON.stringify(one({}))}     `, 8)).tensors.size, 1);
});

test("takes a file without tensors", () => {
  assert.is(parse(rawSafetensors({})).tensors.size, 0);
});

test("takes a tensor whose name is special to JavaScript", () => {
  const file = rawSafetensors('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4);
  assert.equal([...parse(file).tensors.keys()], ["__proto__"]);
});

test("reads the embedded model's header", () => {
  const { tensors, metadata } = parse(readFileSync(SHAKESPEARE));
  assert.is(tensors.size, 76);
  assert.equal(tensors.get("h.5.attn.c_attn.weight")?.shape, [128, 384]);
  assert.equal(metadata, { format: "pt" });
});

test("refuses a file too short for a header", () => {
  refuses(
    new Uint8Array(5),
    "a.safetensors: the file has 5 bytes, but a safetensors file begins with 8 bytes of header length",
  );
});

test("refuses a header longer than the file", () => {
  const file = makeSafetensors({ w: f32([2]) }).subarray(0, 30);
  refuses(file, "a.safetensors: the header ends at byte 62, but the file has 30 bytes");
});

test("refuses a header longer than the format allows, before reading it", () => {
  const page = new TextEncoder().encode("<!DOCTYPE html>");
  assert.throws(() => parse(page), /a\.safetensors: the header claims \d{19} bytes, but the format allows 100000000/);
});

test("recognises a Git LFS pointer", () => {
  const pointer = new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 5\n");
  assert.throws(() => parse(pointer), /git lfs pull/);
});

test("refuses a header that is no JSON object", () => {
  refuses(rawSafetensors("[1]"), 'a.safetensors: the header begins with "[1]", but must begin with "{"');
  refuses(rawSafetensors(""), 'a.safetensors: the header begins with nothing, but must begin with "{"');
  assert.throws(() => parse(rawSafetensors('{"w": ')), /the header can't be read as JSON/);
});

test("refuses a header that is not UTF-8", () => {
  const file = rawSafetensors(one({}), 8);
  file[10] = 0xff;
  refuses(file, "a.safetensors: the header must be UTF-8 JSON, but is not UTF-8");
});

test("refuses a name that is there twice, however it is spelled", () => {
  const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  refuses(
    rawSafetensors(`{"w":${entry},"\\u0077" :${entry}}`, 4),
    "a.safetensors w: is in the header twice, but names must be unique",
  );
});

test("does not take equal words inside names and metadata for a second name", () => {
  const name = 'a"]}: {"w":';
  const header = {
    __metadata__: { w: 'w":', shape: "{" },
    [name]: one({}).w,
    w: { ...one({}).w, data_offsets: [8, 16] },
  };
  assert.equal([...parse(rawSafetensors(header, 16)).tensors.keys()], [name, "w"]);
});

test("refuses an unknown dtype", () => {
  assert.throws(
    () => parse(rawSafetensors(one({ dtype: "Q4" }), 8)),
    /a\.safetensors w: its dtype is "Q4", but known are BOOL, /,
  );
  assert.throws(() => parse(rawSafetensors(one({ dtype: "toString" }), 8)), /its dtype is "toString"/);
});

test("refuses a shape that is none", () => {
  for (const shape of [[2, -1], [1.5], "2", null, undefined, [2 ** 60]])
    assert.throws(
      () => parse(rawSafetensors(one({ shape }), 8)),
      /a\.safetensors w: its shape must be a list of whole numbers/,
    );
});

test("refuses offsets that are none", () => {
  for (const data_offsets of [[0], [0, 4, 8], [-8, 0], "0-8", undefined])
    assert.throws(
      () => parse(rawSafetensors(one({ data_offsets }), 8)),
      /w: its data_offsets must be two whole numbers/,
    );
  refuses(
    rawSafetensors(one({ data_offsets: [8, 0] }), 8),
    "a.safetensors w: its data begins at offset 8, but ends at 0",
  );
});

test("refuses offsets that do not hold the shape", () => {
  refuses(
    rawSafetensors(one({ shape: [3] }), 8),
    "a.safetensors w: F32[3] takes 12 bytes, but data_offsets [0, 8] hold 8",
  );
});

test("refuses a truncated file", () => {
  const file = makeSafetensors({ w: f32([2]), v: f32([4]) });
  const cut = file.subarray(0, file.length - 3);
  refuses(cut, `a.safetensors v: its data ends at byte ${file.length}, but the file has ${cut.length} bytes`);
  assert.throws(() => parse(cut), /hint: the file is truncated: download it again/);
});

test("refuses tensors that overlap", () => {
  const header = { w: one({}).w, v: { dtype: "F32", shape: [2], data_offsets: [4, 12] } };
  assert.throws(() => parse(rawSafetensors(header, 12)), /a\.safetensors v: begins at byte \d+, but w ends at/);
});

test("refuses a hole between tensors, and bytes after them", () => {
  const header = { w: one({}).w, v: { dtype: "F32", shape: [1], data_offsets: [12, 16] } };
  assert.throws(
    () => parse(rawSafetensors(header, 16)),
    /v: begins at byte \d+, but w ends at \d+, and the format allows no hole/,
  );
  assert.throws(
    () => parse(rawSafetensors(one({}), 11)),
    /a\.safetensors: w ends at byte \d+, but the file has \d+ bytes/,
  );
});

test("refuses metadata that is not text", () => {
  const header = { __metadata__: { steps: 3 }, ...one({}) };
  refuses(rawSafetensors(header, 8), 'a.safetensors __metadata__: must map text to text, but is {"steps":3}');
});

test("gives a RuntimeError or a consistent answer for every damaged header, and nothing else", () => {
  const good = makeSafetensors({ "h.0.w": f32([2, 3]), b: f32([3]) }, { format: "pt" });
  const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(damage, fc.nat(good.length), (edits, cut) => {
      const file = good.slice(0, good.length - (cut % 3 === 0 ? cut : 0));
      for (const [at, byte] of edits) if (at < file.length) file[at] = byte;
      try {
        for (const t of parse(file).tensors.values()) assert.ok(t.fileOffset + t.byteLength <= file.length);
      } catch (error) {
        assert.instance(error, RuntimeError);
      }
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test.run();
