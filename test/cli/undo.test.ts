// What a failure takes back. What a signal does is in tools/signals.test.ts.
import { setImmediate } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { undoable } from "../../cli/undo.ts";

const test = suite("undo");

/** It listens for a turn longer, to what has come in the one in which a body ended. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
};

const heard = (): readonly number[] => ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => process.listenerCount(signal));

test("takes every step back, the newest first, and throws what was thrown", async () => {
  const said: string[] = [];
  const before = heard();
  const failing = undoable(async (note) => {
    note(() => said.push("first"));
    await Promise.resolve();
    note(() => said.push("second"));
    assert.equal(
      heard(),
      before.map((n) => n + 1),
    );
    throw new Error("enough");
  });
  assert.is(await failing.catch((error) => error.message), "enough");
  assert.equal(said, ["second", "first"]);
  await turns();
  assert.equal(heard(), before);
});

test("takes nothing back of what succeeds, and listens no longer", async () => {
  const before = heard();
  assert.is(
    await undoable(async (note) => {
      note(() => assert.unreachable());
      return 5;
    }),
    5,
  );
  await turns();
  assert.equal(heard(), before);
});

test("listens once where one body follows another, or lies in it", async () => {
  const before = heard();
  const once = before.map((n) => n + 1);
  await undoable(async () => undoable(async () => assert.equal(heard(), once)));
  await undoable(async () => {
    await turns();
    assert.equal(heard(), once);
  });
  await turns();
  assert.equal(heard(), before);
});

test("goes on after a step that fails, and tells of that", async () => {
  const said: string[] = [];
  const failing = undoable(async (note) => {
    note(() => said.push("first"));
    note(() => {
      throw new Error("can't be put back");
    });
    throw new Error("enough");
  });
  assert.is(await failing.catch((error) => error.message), "can't be put back");
  assert.equal(said, ["first"]);
});

test.run();
