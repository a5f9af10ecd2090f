// Folders that commands write whole: which may be replaced, that nothing else is lost, whenever it came, and that a failure
// leaves the older one.
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inspectFolder, writeInto } from "../../cli/checkpoint-folder.ts";
import { BUNDLE, DUMP } from "../../cli/folder-kinds.ts";
import { claimFolders, replaceFolders } from "../../cli/output-folder.ts";
import { modelPaths } from "../../engine/model-paths.ts";
import { RuntimeError } from "../../runtime/index.ts";
import { bundle, complaint, inRoot, read, write } from "../support/output-folders.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("output folder");
const linkTest = skipUnless(test, process.platform !== "win32", "Windows lets few users make links");

test("replaces a bundle by the next, and of the older one leaves nothing", () =>
  inRoot(async (at) => {
    await write(at("a", "b"), bundle("one", "two"));
    await write(at("a", "b"), bundle("two", "three"));
    assert.equal(read(at("a", "b")), Object.fromEntries([...bundle("two", "three")].sort()));
    assert.equal(readdirSync(at("a")), ["b"]);
  }));

test("writes into a folder that is empty", () =>
  inRoot(async (at) => {
    mkdirSync(at("empty"));
    await write(at("empty"), bundle("one"));
    assert.is(readdirSync(at("empty")).length, 9);
  }));

const FOREIGN: Readonly<Record<string, readonly [files: Readonly<Record<string, string>>, message: RegExp]>> = {
  "files by a bundle's names": [
    { "index.js": "mine", "graph.txt": "mine" },
    /holds graph\.txt, but no plan\.json of a bundle/,
  ],
  "a tokenizer alone": [
    { "tokenizer.json": "{}", "tokenizer_config.json": "{}" },
    /holds tokenizer\.json, but no plan\.json/,
  ],
  "a plan.json of something else": [
    { "plan.json": '{"format":"mine"}' },
    /holds plan\.json, but no plan\.json of a bundle/,
  ],
  "a plan.json that is no JSON": [{ "plan.json": "mine" }, /but no plan\.json of a bundle/],
  "a bundle and something else": [
    { ...Object.fromEntries(bundle("one")), "kernels/notes.txt": "mine" },
    /is a bundle, but holds kernels\/notes\.txt too, which wgpt did not write\nhint: move that elsewhere/,
  ],
  "a shard that the bundle does not list": [
    { ...Object.fromEntries(bundle("one")), "weights/2.safetensors": "mine" },
    /is a bundle, but holds weights\/2\.safetensors too/,
  ],
  "a bundle that lists files outside": [
    { "plan.json": '{"format":"wgpt-bundle","tokenizer":["../kept","/etc/kept"]}', "mine.txt": "mine" },
    /is a bundle, but holds mine\.txt too/,
  ],
};
for (const [name, [files, message]] of Object.entries(FOREIGN))
  test(`leaves a folder alone that holds ${name}`, () =>
    inRoot(async (at) => {
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(at("mine", file, ".."), { recursive: true });
        writeFileSync(at("mine", file), text);
      }
      const before = read(at("mine"));
      assert.match(await complaint(write(at("mine"), bundle("two"))), message);
      assert.equal(read(at("mine")), before);
      assert.equal(readdirSync(at()), ["mine"]);
    }));

test("says which list of an older bundle can't be read, and takes nothing in it for another's", () =>
  inRoot(async (at) => {
    for (const [i, list] of ["plan.json", "weights.json"].entries()) {
      await write(at(`b${i}`), bundle("one"));
      rmSync(at(`b${i}`, list));
      mkdirSync(at(`b${i}`, list));
      assert.match(
        await complaint(write(at(`b${i}`), bundle("two"))),
        new RegExp(`b${i}.${list}: can't be read: it is a folder, .*\nhint: make it a file .* or give a new folder`),
      );
    }
  }));

test("replaces a folder of the longest name that a disk takes", () =>
  inRoot(async (at) => {
    for (const name of ["n".repeat(255), "ñ".repeat(127)]) {
      await write(at(name), bundle("one"));
      await write(at(name), bundle("two"));
      assert.equal(read(at(name)), Object.fromEntries([...bundle("two")].sort()));
      assert.equal(readdirSync(at()), [name]);
      rmSync(at(name), { recursive: true });
    }
    assert.match(
      await complaint(write(at("n".repeat(256)), bundle("one"))),
      /name too long\nhint: give a shorter name/,
    );
    assert.match(
      await complaint(inspectFolder(at("n".repeat(256)), undefined, true)),
      /name too long\nhint: give a shorter name/,
    );
  }));

test("leaves an empty folder in a bundle alone", () =>
  inRoot(async (at) => {
    await write(at("b"), bundle("one"));
    mkdirSync(at("b", "notes"));
    assert.match(await complaint(write(at("b"), bundle("two"))), /is a bundle, but holds notes too/);
    assert.ok(existsSync(at("b", "notes")));
  }));

test("a dump is replaced by its own list, and no folder of like names", () =>
  inRoot(async (at) => {
    const dump = (...names: readonly string[]) => new Map(names.map((name) => [`decode/${name}.txt`, name]));
    await write(at("d"), dump("00-input", "01-fold"), DUMP);
    await write(at("d"), dump("00-input"), DUMP);
    assert.equal(Object.keys(read(at("d"))), ["decode/00-input.txt", "dump.json"]);
    rmSync(at("d", "dump.json"));
    assert.match(
      await complaint(write(at("d"), dump("02-x"), DUMP)),
      /holds decode\/00-input\.txt, but no dump\.json of a dump/,
    );
    assert.match(await complaint(write(at("d"), bundle("one"))), /no plan\.json of a bundle/);
    assert.equal(Object.keys(read(at("d"))), ["decode/00-input.txt"]);
  }));

test("what comes into a folder while it is written survives, and so does the older one", () =>
  inRoot(async (at) => {
    await write(at("b"), bundle("one"));
    const coming = async () => {
      writeFileSync(at("b", "kernels", "late.txt"), "mine");
      return bundle("two");
    };
    assert.match(await complaint(write(at("b"), coming)), /is a bundle, but holds kernels\/late\.txt too/);
    assert.equal(read(at("b")), { ...Object.fromEntries([...bundle("one")]), "kernels/late.txt": "mine" });
    assert.equal(readdirSync(at()), ["b"]);
  }));

test("what comes where there was nothing survives", () =>
  inRoot(async (at) => {
    const coming = async () => {
      mkdirSync(at("b"));
      writeFileSync(at("b", "late.txt"), "mine");
      return bundle("two");
    };
    assert.match(await complaint(write(at("b"), coming)), /holds late\.txt, but no plan\.json of a bundle/);
    assert.equal(read(at()), { "b/late.txt": "mine" });
  }));

test("a failure leaves the older folder, and of the folders that were made for it only what others put there", () =>
  inRoot(async (at) => {
    await write(at("b"), bundle("one"));
    const before = read(at());
    const failing = async (temporary: string): Promise<ReadonlyMap<string, string>> => {
      writeFileSync(join(temporary, "half"), "");
      throw new RuntimeError(join(temporary, "half"), "fails");
    };
    assert.match(await complaint(write(at("b"), failing)), /b\/half: fails$/);
    assert.match(await complaint(write(at("c", "d", "e"), failing)), /c\/d\/e\/half: fails$/);
    assert.equal(read(at()), before);
    assert.equal(readdirSync(at()), ["b"]);
    const besides = async (temporary: string) => {
      writeFileSync(at("c", "mine.txt"), "mine");
      return failing(temporary);
    };
    await complaint(write(at("c", "d", "e"), besides));
    assert.equal(read(at("c")), { "mine.txt": "mine" });
  }));

test("two folders are replaced together or not at all", () =>
  inRoot(async (at) => {
    await write(at("b"), bundle("one"));
    await write(at("d"), new Map([["x", "old"]]), DUMP);
    const before = read(at());
    const [folder, other] = await claimFolders(
      [
        { path: at("b"), kind: BUNDLE },
        { path: at("d"), kind: DUMP },
      ],
      [],
    );
    if (!folder || !other) throw new Error("two folders were asked for");
    const coming = async () => {
      writeFileSync(at("d", "late.txt"), "mine");
      return new Map([["x", "new"]]);
    };
    const both = [
      { folder, files: bundle("two") },
      { folder: other, files: coming },
    ];
    assert.match(await complaint(replaceFolders(both)), /is a dump, but holds late\.txt too/);
    assert.equal(read(at()), { ...before, "d/late.txt": "mine" });
    assert.equal(readdirSync(at()), ["b", "d"]);
  }));

test("refuses a folder that is or holds the working directory, by any name", () =>
  inRoot(async (at) => {
    await write(at("b"), bundle("one"));
    mkdirSync(at("b", "kernels", "deep"));
    const before = [process.cwd(), read(at("b"))] as const;
    try {
      process.chdir(at("b", "kernels", "deep"));
      for (const [path, message] of [
        ["", /^"": is the working directory/],
        [".", /^\.: is the working directory/],
        ["../..", /^\.\.\/\.\.: holds the working directory/],
        [at("b"), /b: holds the working directory/],
      ] as const)
        assert.match(await complaint(write(path, bundle("two"))), message);
    } finally {
      process.chdir(before[0]);
    }
    assert.equal(read(at("b")), before[1]);
  }));

test("refuses a folder that holds another, or lies in it", () =>
  inRoot(async (at) => {
    mkdirSync(at("model"));
    writeFileSync(at("model", "config.json"), "{}");
    const claim = (out: string, dump: string, model: string) =>
      complaint(
        modelPaths({ name: model, isPreset: false }).then((reads) =>
          claimFolders(
            [
              { path: out, kind: BUNDLE },
              { path: dump, kind: DUMP },
            ],
            reads,
          ),
        ),
      );
    const model = at("model");
    assert.match(await claim(at("o"), at("o"), model), /o: is to be written, but also is the bundle's/);
    assert.match(await claim(at("o"), at("o", "d"), model), /o\/d: lies in \S+o, which is the bundle's/);
    assert.match(await claim(at("o", "b"), at("o"), model), /o: holds \S+o\/b, which is the bundle's/);
    assert.match(await claim(model, at("d"), model), /model: is to be written, but also is read/);
    assert.match(await claim(at(), at("d"), model), /: holds \S+\/model, which is read/);
    assert.match(await claim(at("model", "b"), at("d"), model), /model\/b: lies in \S+\/model, which is read/);
    assert.match(
      await claim(at("o"), at("model", "d"), at("model", "config.json")),
      /model\/d: lies in \S+\/model, which/,
    );
    assert.is(await claim(at("models"), at("d"), model), "nothing was refused");
    assert.is(await claim(at("o"), at("d"), "gpt2"), "nothing was refused");
  }));

linkTest("follows links to a folder, and keeps them", () =>
  inRoot(async (at) => {
    mkdirSync(at("far"));
    symlinkSync(at("far", "b"), at("link"));
    await write(at("link"), bundle("one"));
    await write(at("link"), bundle("two"));
    assert.equal(read(at("far", "b")), Object.fromEntries([...bundle("two")].sort()));
    assert.is(realpathSync(at("link")), at("far", "b"));
    assert.equal(readdirSync(at("far")), ["b"]);
    symlinkSync(at("model"), at("other-name"));
    mkdirSync(at("model"));
    const claim = (path: string, model: string) =>
      complaint(
        modelPaths({ name: model, isPreset: false }).then((reads) => claimFolders([{ path, kind: BUNDLE }], reads)),
      );
    assert.match(await claim(at("other-name"), at("model")), /other-name: is to be written, but also is read/);
    assert.match(await claim(at("model", "b"), at("other-name")), /lies in \S+other-name, which is read/);
    // As the hub's cache lays checkpoints out.
    mkdirSync(at("blobs"));
    writeFileSync(at("blobs", "f00d"), "");
    symlinkSync(at("blobs", "f00d"), at("model", "model.safetensors"));
    assert.match(await claim(at("blobs"), at("model")), /blobs: holds \S+model\.safetensors, which is read/);
  }),
);

linkTest("removes nothing through a link in an older bundle", () =>
  inRoot(async (at) => {
    await write(at("b"), bundle("one"));
    rmSync(at("b", "kernels"), { recursive: true });
    mkdirSync(at("mine"));
    writeFileSync(at("mine", "one.wgsl"), "mine");
    symlinkSync(at("mine"), at("b", "kernels"));
    assert.match(await complaint(write(at("b"), bundle("one"))), /is a bundle, but holds kernels too/);
    assert.equal(read(at("mine")), { "one.wgsl": "mine" });
  }),
);

test("a checkpoint's folder keeps what came meanwhile, and is as it was after a failure", () =>
  inRoot(async (at) => {
    mkdirSync(at("c"));
    for (const name of ["config.json", "model.safetensors", "notes.txt"]) writeFileSync(at("c", name), `old ${name}`);
    const before = read(at("c"));
    const folder = await inspectFolder(at("c"), undefined, true);
    const making = (name: string, meanwhile?: string) => async (temporary: string) => {
      for (const file of ["config.json", name]) writeFileSync(join(temporary, file), `new ${file}`);
      if (meanwhile !== undefined) writeFileSync(at("c", meanwhile), "mine");
    };
    const index = "model.safetensors.index.json";
    assert.match(
      await complaint(writeInto(folder, 1, making(index, index))),
      /c: model\.safetensors\.index\.json has come/,
    );
    assert.equal(read(at("c")), { ...before, [index]: "mine" });
    rmSync(at("c", index));
    await writeInto(folder, 1, making(index));
    assert.equal(read(at("c")), {
      "config.json": "new config.json",
      [index]: `new ${index}`,
      "notes.txt": "old notes.txt",
    });
    assert.match(await complaint(inspectFolder("", undefined, true)), /is no path/);
  }));

test.run();
