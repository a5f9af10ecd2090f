import { execFileSync, spawn } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { parseSafetensorsHeader } from "../../runtime/weights/safetensors.ts";
import type { TensorToWrite } from "../../runtime/weights/write-safetensors.ts";
import { createSafetensors, writeSafetensors } from "../../runtime/weights/write-safetensors-file.ts";
import { f32, inFolder, makeSafetensors } from "../support/make-safetensors.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("write-safetensors");
const linkTest = skipUnless(test, process.platform !== "win32", "Windows has no pipes with names in folders");

const TENSORS: readonly TensorToWrite[] = [
  { name: "b", dtype: "F32", shape: [3, 5] },
  { name: "größe", dtype: "F16", shape: [7] },
  { name: "nothing", dtype: "F32", shape: [0, 4] },
  { name: "a", dtype: "U8", shape: [] },
];
const SIZES = new Map([
  ["b", 60],
  ["größe", 14],
  ["nothing", 0],
  ["a", 1],
]);
const dataOf = (name: string) => Uint8Array.from({ length: SIZES.get(name) ?? 0 }, (_, i) => i * 7 + name.length);

async function fails(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => assert.unreachable("nothing was refused"),
    (e: Error) => e,
  );
  assert.match(error?.message ?? "", message);
}

test("writes what a reader finds again, in pieces of any size", () =>
  inFolder({}, async (folder) => {
    const path = join(folder, "x.safetensors");
    await writeSafetensors(
      path,
      TENSORS,
      async ({ name }, write) => {
        const data = dataOf(name);
        for (let at = 0; at < data.length; at += 11) await write(data.subarray(at, at + 11));
      },
      { metadata: { format: "pt" } },
    );
    const source = await openCheckpoint(path);
    try {
      assert.equal([...source.tensors.keys()].sort(), ["a", "b", "größe", "nothing"]);
      for (const { name, dtype, shape } of TENSORS) {
        const tensor = source.tensors.get(name);
        assert.equal([tensor?.dtype, tensor?.shape], [dtype, shape]);
        assert.equal(await source.read(name, 0, tensor?.byteLength ?? 0), dataOf(name));
      }
    } finally {
      await source.close();
    }
    const bytes = readFileSync(path);
    const { metadata, tensors } = parseSafetensorsHeader(path, bytes, bytes.length);
    assert.equal(metadata, { format: "pt" });
    assert.is((tensors.get("b")?.fileOffset ?? 1) % 8, 0, "the data is aligned");
    assert.equal(readdirSync(folder), ["x.safetensors"]);
  }));

test("writes the bytes of a file made by other means", () =>
  inFolder({}, async (folder) => {
    const path = join(folder, "x.safetensors");
    const data = Float32Array.of(1, 2, 3);
    await writeSafetensors(path, [{ name: "a", dtype: "F32", shape: [3] }], (_, write) =>
      write(new Uint8Array(data.buffer)),
    );
    const made = makeSafetensors({ a: f32([3], data) });
    // Ours has spaces behind the JSON, up to a multiple of 8.
    assert.equal(readFileSync(path).subarray(-12), Buffer.from(made.subarray(-12)));
    assert.is(readFileSync(path, "latin1").slice(8, -12).trimEnd(), Buffer.from(made).toString("latin1").slice(8, -12));
  }));

test("leaves nothing behind, and an older file alone, when writing fails", () =>
  inFolder({ "x.safetensors": "old" }, async (folder) => {
    const path = join(folder, "x.safetensors");
    await fails(
      writeSafetensors(path, TENSORS, async () => {
        throw new Error("no data today");
      }),
      /no data today/,
    );
    assert.equal(readdirSync(folder), ["x.safetensors"]);
    assert.is(readFileSync(path, "utf8"), "old");
  }));

test("puts a file in its place only when it is finished", () =>
  inFolder({}, async (folder) => {
    const path = join(folder, "x.safetensors");
    const file = await createSafetensors(path, [{ name: "a", dtype: "U8", shape: [2] }]);
    await file.write(Uint8Array.of(1, 2));
    assert.not.ok(readdirSync(folder).includes("x.safetensors"));
    await file.finish();
    assert.equal(readdirSync(folder), ["x.safetensors"]);
  }));

test("refuses less or more data than the header promises", () =>
  inFolder({}, async (folder) => {
    const path = join(folder, "x.safetensors");
    const give = (size: number) =>
      writeSafetensors(path, TENSORS, ({ name }, write) => write(name === "b" ? new Uint8Array(size) : dataOf(name)));
    await fails(give(59), /x\.safetensors b: takes 60 bytes, but was given 59/);
    await fails(give(61), /x\.safetensors b: takes 60 bytes, but was given 61/);
    await fails(give(10_000), /x\.safetensors: is given byte \d+, but its tensors end at byte/);
    const file = await createSafetensors(path, TENSORS);
    await fails(file.finish(), /x\.safetensors: was given \d+ bytes, but its tensors end at byte/);
    await file.abandon();
    assert.equal(readdirSync(folder), []);
  }));

test("refuses two tensors of one name, and one that the format keeps for itself", () =>
  inFolder({}, async (folder) => {
    const path = join(folder, "x.safetensors");
    const named = (...names: string[]) =>
      createSafetensors(
        path,
        names.map((name) => ({ name, dtype: "U8", shape: [] })),
      );
    await fails(named("a", "a"), /x\.safetensors a: is to be written under a name that is taken/);
    await fails(named("__metadata__"), /__metadata__: is to be written under a name that is taken/);
    assert.equal(readdirSync(folder), []);
  }));

test("says why the system refuses, and what to do", () =>
  inFolder({}, async (folder) => {
    writeFileSync(join(folder, "file"), "");
    await fails(
      createSafetensors(join(folder, "none", "x.safetensors"), TENSORS),
      /x\.safetensors: can't be written: no such file or directory\nhint: the folder must exist and be writable/,
    );
    await fails(createSafetensors(join(folder, "file", "x.safetensors"), TENSORS), /can't be written: not a directory/);
    await fails(createSafetensors(join(folder, "none/"), TENSORS), /none\/: is a folder, but a file is to be written/);
    assert.equal(readdirSync(folder), ["file"]);
    const long = join(folder, "n".repeat(256));
    await fails(createSafetensors(long, TENSORS), /n: can't be written: name too long\nhint: give a shorter name/);
  }));

async function openAndClose(path: string) {
  const source = await openCheckpoint(path);
  await source.close();
  return source;
}

const writeOne = (path: string) =>
  writeSafetensors(path, [{ name: "a", dtype: "F32", shape: [1] }], (_, write) => write(new Uint8Array(4)));

linkTest("follows links and keeps them: what they lead to is replaced, or made", () =>
  inFolder({ "file.txt": "old" }, async (folder) => {
    mkdirSync(join(folder, "far"));
    symlinkSync("../file.txt", join(folder, "far", "link"));
    symlinkSync(join("far", "link"), join(folder, "link-to-link"));
    symlinkSync(join("far", "new"), join(folder, "nowhere"));
    await writeOne(join(folder, "link-to-link"));
    await writeOne(join(folder, "nowhere"));
    for (const link of ["link-to-link", "nowhere", "far/link"])
      assert.ok(lstatSync(join(folder, link)).isSymbolicLink(), link);
    for (const file of ["file.txt", "far/new"]) {
      assert.ok(lstatSync(join(folder, file)).isFile());
      assert.is((await openAndClose(join(folder, file))).tensors.size, 1);
    }
    assert.equal(readdirSync(folder).sort(), ["far", "file.txt", "link-to-link", "nowhere"]);
  }),
);

linkTest("writes into a pipe, and leaves it", () =>
  inFolder({}, async (folder) => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = spawn("cat", [pipe], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const read = buffer(reader.stdout);
      await writeOne(pipe);
      assert.ok(lstatSync(pipe).isFIFO());
      assert.equal(readdirSync(folder), ["pipe"]);
      await writeOne(join(folder, "file"));
      assert.equal(await read, readFileSync(join(folder, "file")));
    } finally {
      reader.kill();
    }
  }),
);

test("refuses a folder by name, and what a circle of links leads to", () =>
  inFolder({}, async (folder) => {
    await fails(writeOne(folder), /: is a folder, but a file is to be written/);
    if (process.platform === "win32") return;
    symlinkSync("circle", join(folder, "circle"));
    await fails(writeOne(join(folder, "circle")), /circle: can't be written: too many symbolic links/);
  }));

test.run();
