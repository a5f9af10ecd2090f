// Devices that are opened again and again: Dawn keeps something of each for ever, so that one which is closed serves the next.
import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDawn } from "../../runtime/dawn.ts";
import { rejects } from "../support/rejects.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("dawn");
// Options that no other test has: their devices are this file's own.
const OPTIONS = { backend: "null", disable: ["use_placeholder_fragment_in_vertex_only_pipeline"] } as const;
const open = () => openDawn(OPTIONS);
const BAD: GPUBufferDescriptor = { label: "bad", size: 2 ** 50, usage: 128 };

test("a device that was closed is opened again; those that are open at once are different", async () => {
  const [a, b] = [await open(), await open()];
  assert.is.not(a.device, b.device);
  a.close();
  const again = await open();
  assert.is(again.device, a.device);
  b.close();
  again.close();
  const both = await Promise.all([open(), open()]);
  assert.equal(new Set(both.map(({ device }) => device)).size, 2);
  for (const one of both) one.close();
});

skipUnless(
  test,
  process.platform === "linux",
  "no /proc",
)("a hundred times take no more threads than once", async () => {
  (await open()).close();
  const threads = (): number => readdirSync("/proc/self/task").length;
  const before = threads();
  for (let i = 0; i < 100; i++) (await open()).close();
  // Node's own pool may begin a thread meanwhile.
  assert.ok(threads() <= before + 4, `${before} threads became ${threads()}`);
});

test("the next user hears of no error of the one before, and finds no error scope of theirs", async () => {
  const before = await open();
  before.device.pushErrorScope("validation");
  before.device.pushErrorScope("out-of-memory");
  before.device.createBuffer(BAD);
  before.close();
  const after = await open();
  assert.is(after.device, before.device);
  await after.check("the next user");
  const scope: unknown = await after.device.popErrorScope().catch((error: unknown) => error);
  assert.ok(scope instanceof Error, "there is no scope to pop");
  after.device.createBuffer(BAD);
  await rejects(after.check("their own"), /^their own: Buffer size/);
  after.close();
});

test("what is called on a device that is closed says so", async () => {
  const closed = await open();
  closed.close();
  closed.close();
  await rejects(closed.check("later"), /^later: the device is closed\nhint: open another one/);
  const again = await open();
  await rejects(closed.check("later"), /^later: the device is closed/);
  await again.check("the next user");
  again.close();
});

test("one that is lost is not opened again, and says so at every call", async () => {
  const lost = await open();
  lost.device.destroy();
  for (const call of ["first", "second"]) {
    await rejects(
      lost.check(call),
      new RegExp(`^${call}: the device was lost: device was destroyed\nhint: open another`),
    );
    assert.throws(() => lost.throwReported(call), /the device was lost/);
  }
  lost.close();
  await rejects(lost.check("after it was closed"), /the device was lost/);
  const other = await open();
  assert.is.not(other.device, lost.device);
  await other.check("another one");
  other.close();
});

test.run();
