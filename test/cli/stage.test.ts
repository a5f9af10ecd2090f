// Who may write to a folder, and what becomes of one that can't be renamed or written to.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inspectFolder, writeInto } from "../../cli/checkpoint-folder.ts";
import { removeStage, takeStage } from "../../cli/stage.ts";
import { bundle, complaint, inRoot, read, write } from "../support/output-folders.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("stage");

const alone = (...parts: readonly string[]) => {
  mkdirSync(join(...parts));
  return join(...parts);
};

test("of two that write to a folder at once the second is refused, and what the first writes is whole", () =>
  inRoot(async (at) => {
    await write(at("b"), bundle("one"));
    const second = async (): Promise<ReadonlyMap<string, string>> => {
      assert.match(
        await complaint(write(at("b"), bundle("three"))),
        /b: is being written by process \d+\nhint: wait until/,
      );
      return bundle("two");
    };
    await write(at("b"), second);
    assert.equal(read(at("b")), Object.fromEntries([...bundle("two")].sort()));
    mkdirSync(at("c"));
    const folder = await inspectFolder(at("c"), undefined, true);
    await writeInto(folder, 1, async (made) => {
      assert.match(
        await complaint(writeInto(folder, 1, async () => assert.unreachable())),
        /c: is being written by process \d+/,
      );
      writeFileSync(join(made, "model.safetensors"), "first");
    });
    assert.equal(read(at("c")), { "model.safetensors": "first" });
    assert.equal(readdirSync(at()), ["b", "c"]);
  }));

/** What a process that was killed leaves. */
function leaveStage(path: string, owner: object, ...made: readonly string[]): void {
  mkdirSync(path);
  if (Object.keys(owner).length > 0) writeFileSync(join(path, "owner.json"), JSON.stringify(owner));
  for (const folder of made) writeFileSync(join(alone(path, folder), "half"), "");
}

/** Above what any system numbers its processes with. */
const NOBODY = 2 ** 30;

test("what a killed process left is removed, but not what it was replacing, nor another machine's", () =>
  inRoot(async (at) => {
    const [stage, host] = [at(".wgpt-b.part"), hostname()];
    // Killed before the stage had its name; this process's number is one of a container's that was started again.
    for (const pid of [NOBODY, process.pid]) mkdirSync(`${stage}-${pid}@${host}`);
    leaveStage(stage, { format: "wgpt-owner", pid: NOBODY, host }, "made");
    await write(at("b"), bundle("one"));
    assert.equal(readdirSync(at()), ["b"]);
    // A container that is started again gives out the same numbers.
    leaveStage(stage, { format: "wgpt-owner", pid: process.pid, host }, "made");
    await write(at("b"), bundle("two"));
    const whole = read(at("b"));
    for (const [owner, folders, message] of [
      [
        { format: "wgpt-owner", pid: NOBODY, host },
        ["made", "older"],
        /b: process \d+, which has ended, left in \S+older what it was/,
      ],
      [
        { format: "wgpt-owner", pid: NOBODY, host: "elsewhere" },
        ["made"],
        /b: is being written by process \d+ of elsewhere/,
      ],
      [{ format: "wgpt-owner", pid: process.ppid, host }, ["made"], /b: is being written by process \d+\n/],
      [
        {},
        [],
        /b: is being written by another wgpt\nhint: wait until it ends; if none is at work, remove \S+\.wgpt-b\.part/,
      ],
    ] as const) {
      leaveStage(stage, owner, ...folders);
      assert.match(await complaint(write(at("b"), bundle("three"))), message);
      assert.equal(read(at("b")), whole);
      assert.equal(readdirSync(at()), [".wgpt-b.part", "b"]);
      rmSync(stage, { recursive: true });
    }
  }));

test("a checkpoint that has become another one meanwhile is not mixed with the new", () =>
  inRoot(async (at) => {
    mkdirSync(at("c"));
    writeFileSync(at("c", "model.safetensors"), "older");
    const folder = await inspectFolder(at("c"), undefined, true);
    const coming = async (made: string) => {
      rmSync(at("c", "model.safetensors"));
      for (const name of ["model-00001-of-00002.safetensors", "model.safetensors.index.json"])
        writeFileSync(at("c", name), "other");
      writeFileSync(join(made, "model.safetensors"), "new");
    };
    assert.match(await complaint(writeInto(folder, 1, coming)), /c: model-00001-of-00002\.safetensors has come/);
    assert.equal(Object.values(read(at("c"))), ["other", "other"]);
  }));

const rootTest = skipUnless(
  test,
  process.platform === "linux" && process.getuid?.() === 0,
  "only root may be another user",
);

rootTest("a folder that may be written to, but not listed, takes a stage", () =>
  inRoot(async (at) => {
    chmodSync(at(), 0o711);
    mkdirSync(at("blind"));
    chmodSync(at("blind"), 0o733);
    process.seteuid?.(65534);
    try {
      const stage = takeStage(at("blind", ".wgpt-b.part"), at("blind", "b"), () => undefined);
      writeFileSync(join(stage.made, "plan.json"), "{}");
      removeStage(stage);
    } finally {
      process.seteuid?.(0);
    }
    assert.equal(readdirSync(at("blind")), []);
  }),
);

const mountTest = skipUnless(test, canMount(), "only root on Linux may mount");

function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), "wgpt-mount-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "none", folder]).status === 0;
  if (mounted) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return mounted;
}

for (const [name, options] of [
  ["a file system of its own", ["-t", "tmpfs", "none"]],
  ["a folder of the same one", ["--bind", "far"]],
] as const)
  mountTest(`fills a folder that is mounted, from ${name}`, () =>
    inRoot(async (at) => {
      const volume = at("a volume");
      mkdirSync(volume);
      mkdirSync(at("far"));
      const mount = options.map((option) => (option === "far" ? at("far") : option));
      assert.is(spawnSync("mount", [...mount, volume]).status, 0);
      try {
        mkdirSync(join(volume, "lost+found"));
        await write(volume, bundle("one", "two"));
        await write(volume, bundle("two", "three"));
        const whole = Object.fromEntries([...bundle("two", "three")].sort());
        assert.equal(read(volume), whole);
        const late = async (made: string) => {
          assert.ok(made.startsWith(volume));
          writeFileSync(join(volume, "kernels", "late.txt"), "mine");
          return bundle("four");
        };
        assert.match(await complaint(write(volume, late)), /a volume: is a bundle, but holds kernels\/late\.txt too/);
        assert.equal(read(volume), { ...whole, "kernels/late.txt": "mine" });
        assert.equal(
          readdirSync(volume).filter((n) => n.startsWith(".")),
          [],
        );
      } finally {
        spawnSync("umount", [volume]);
      }
    }),
  );

mountTest("says that a disk is full, or only read, by the path that was given", () =>
  inRoot(async (at) => {
    mkdirSync(at("small"));
    assert.is(spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", at("small")]).status, 0);
    try {
      const large = new Map([["plan.json", "x".repeat(2 ** 18)]]);
      assert.match(
        await complaint(write(at("small", "b"), large)),
        /small\/b: can't be written: no space left on device\nhint: make room on that disk/,
      );
      assert.match(await complaint(write(at("small"), large)), /small: can't be written: no space left on device/);
      assert.equal(readdirSync(at("small")), []);
      assert.is(spawnSync("mount", ["-o", "remount,ro", at("small")]).status, 0);
      for (const path of [at("small", "b"), at("small")])
        assert.match(
          await complaint(write(path, bundle("one"))),
          /can't be written: read-only file system\nhint: this disk/,
        );
      const folder = await inspectFolder(at("small", "c"), undefined, true);
      assert.match(
        await complaint(writeInto(folder, 1, async () => assert.unreachable())),
        /small\/c: can't be written: read-only file system/,
      );
    } finally {
      spawnSync("umount", [at("small")]);
    }
  }),
);

test.run();
