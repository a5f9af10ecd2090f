// What is called like a file and is none: a named pipe that nobody writes, a device without an end, a folder. Each reader says so.
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openBundleFolder } from "../../runtime/bundle-folder.ts";
import { loadTokenizer, openCheckpoint, WgptError } from "../../runtime/index.ts";
import { readRegular, readRegularSync } from "../../runtime/regular-file.ts";
import { checkpointFolder } from "../support/checkpoint-folders.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { runInProcess } from "../support/run-in-process.ts";

const test = suite("no files");

const KINDS: readonly (readonly [kind: string, make: (path: string) => void, says: RegExp])[] = [
  ["a pipe", (path) => execFileSync("mkfifo", [path]), /it is a named pipe, but only regular files are read/],
  ["a device", (path) => symlinkSync("/dev/zero", path), /it is a device, but only regular files are read/],
  [
    "a folder",
    (path) => mkdirSync(path),
    /it is a folder, but only regular files are read|has no model|can't be read|is no/,
  ],
];

const run = async (...args: readonly string[]): Promise<void> => {
  const { error } = await runInProcess(args);
  if (error !== undefined) throw error;
};
const bytesOf = async (folder: string, file: string): Promise<unknown> => {
  const files = await openBundleFolder(folder);
  return files.bytes(file, 0, 8).finally(() => files.close());
};
const textOf = async (folder: string, file: string): Promise<unknown> => (await openBundleFolder(folder)).text(file);

/** A file, and what reads it. */
const READERS: readonly (readonly [file: string, read: (folder: string) => Promise<unknown>])[] = [
  ["config.json", (folder) => run("inspect", folder)],
  ["generation_config.json", (folder) => run("inspect", folder)],
  ["tokenizer.json", loadTokenizer],
  ["tokenizer_config.json", loadTokenizer],
  ["special_tokens_map.json", loadTokenizer],
  ["added_tokens.json", loadTokenizer],
  ["model.safetensors", openCheckpoint],
  ["one.safetensors", (folder) => openCheckpoint(join(folder, "one.safetensors"))],
  ["other.safetensors.index.json", (folder) => openCheckpoint(join(folder, "other.safetensors.index.json"))],
  ["plan.json", (folder) => textOf(folder, "plan.json")],
  ["weights.safetensors", (folder) => bytesOf(folder, "weights.safetensors")],
  ["text.txt", (folder) => run("score", "--model", folder, "--file", join(folder, "text.txt"))],
  ["a.graph", (folder) => run("inspect", join(folder, "a.graph"))],
  ["plugin.ts", (folder) => run("inspect", folder, "--plugin", join(folder, "plugin.ts"))],
];

for (const [kind, make, says] of KINDS)
  test(`${kind} in a file's place is refused at once by whatever reads it`, async () => {
    for (const [file, read] of READERS)
      await inFolder(checkpointFolder({}), async (folder) => {
        const path = join(folder, file);
        rmSync(path, { force: true });
        make(path);
        const began = performance.now();
        const error: unknown = await read(folder).then(
          () => undefined,
          (e: unknown) => e,
        );
        // A link that leads out of a bundle is refused before it is followed.
        const led = /leads to \/dev\/zero, outside the bundle/;
        assert.instance(error, WgptError, `${file}: ${error}`);
        const message = error instanceof Error ? error.message : "";
        assert.ok(says.test(message) || led.test(message), `${file}: ${message}`);
        assert.ok(performance.now() - began < 5000, `${file} took ${performance.now() - began} ms`);
      });
  });

test("a file is read to its end, whatever size it says, and not beyond its bound", () =>
  inFolder({ a: "0123456789" }, async (folder) => {
    const a = join(folder, "a");
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
    assert.is(text(await readRegular(a)), "0123456789");
    assert.is(text(readRegularSync(a, 10)), "0123456789");
    const refusal = await readRegular(a, 9).catch((e: Error) => e.message);
    assert.is(refusal, "it has 10 bytes, but at most 9 are read");
    assert.throws(() => readRegularSync(a, 9), /it has 10 bytes, but at most 9 are read/);
    // Of no size, and yet not empty.
    assert.match(text(await readRegular("/proc/self/status")), /^Name:/);
    writeFileSync(join(folder, "empty"), "");
    assert.is((await readRegular(join(folder, "empty"))).length, 0);
    appendFileSync(a, "x".repeat(200_000));
    assert.is((await readRegular(a)).length, 200_010);
  }));

test.run();
