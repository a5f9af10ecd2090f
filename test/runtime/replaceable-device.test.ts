// A device of one's own that is lost: how often another one is opened, and what is said in the end.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDawn } from "../../runtime/dawn.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { isLoss, RuntimeError } from "../../runtime/errors.ts";
import { ReplaceableDevice } from "../../runtime/replaceable-device.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("replaceable device");
const openNull = () => openDawn({ backend: "null" });

/** Finds the device lost so many times, then gives it. */
const losing = (times: number) => {
  let left = times;
  return async (open: OpenDevice): Promise<OpenDevice> => {
    if (left-- > 0) open.device.destroy();
    await open.check("a test");
    return open;
  };
};

test("loads on another device, and says so; after three losses in a row, that is said from then on", async () => {
  const told: string[] = [];
  const device = new ReplaceableDevice(openNull, ({ facts }) => told.push(facts));
  const kept = await device.load(losing(2));
  await kept.check("a test");
  assert.equal(told, Array(2).fill("the device was lost: device was destroyed"));
  const THREE =
    /^a test: the device was lost: 3 times in a row, with nothing computed between: device was destroyed\nhint: the driver's/;
  await rejects(device.load(losing(1)), THREE);
  await rejects(device.current(), THREE);
  await rejects(device.load(losing(0)), THREE);
  assert.is(told.length, 2);
  device.close();
});

test("counts from the beginning when something was computed", async () => {
  const device = new ReplaceableDevice(openNull);
  for (let i = 0; i < 3; i++) {
    await device.load(losing(2));
    device.progressed();
  }
  device.close();
});

test("opens one device for all who ask, and counts its loss once", async () => {
  let opened = 0;
  const device = new ReplaceableDevice(() => {
    opened++;
    return openNull();
  });
  const [a, b] = await Promise.all([device.current(), device.current()]);
  assert.is(a, b);
  a.device.destroy();
  const loss: unknown = await a.check("a test").catch((error: unknown) => error);
  if (!isLoss(loss)) throw loss;
  for (let i = 0; i < 5; i++) device.lose(a, loss);
  await Promise.all([device.load(losing(0)), device.load(losing(0)), device.load(losing(0))]);
  assert.is(opened, 2);
  device.close();
});

test("says that it is closed, closes a device that comes after that, and one that can't be replaced says why", async () => {
  const closed = new ReplaceableDevice(openNull);
  const opening = closed.current();
  closed.close();
  await rejects(opening, /^device: the model is closed/);
  await rejects(closed.current(), /^device: the model is closed/);
  let there = true;
  const device = new ReplaceableDevice(() =>
    there ? openNull() : Promise.reject(new RuntimeError("adapter", "WebGPU finds no adapter", "plug it in")),
  );
  await device.load(losing(0));
  there = false;
  const gone =
    /^adapter: the device was lost: device was destroyed; and of another one: WebGPU finds no adapter\nhint: plug it in$/;
  await rejects(device.load(losing(1)), gone);
  there = true;
  await device.load(losing(0));
  device.close();
});

test.run();
