// Turns: what may run on a model at once, in which order, and what ends a turn. The whole of it on a model: sequence.test.ts.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Turns } from "../../runtime/turns.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("turns");
const nothing = () => undefined;
const turnOfEventLoop = () => new Promise((resolve) => setImmediate(resolve));

async function* three(): AsyncGenerator<number, string> {
  yield 1;
  yield 2;
  return "end";
}

test("runs at once what nothing stands before, and else in the order of the calls", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const first = turns.run("a", undefined, () => order.push("a"));
  assert.equal(order, ["a"], "a call on a free model needs not even a turn of the event loop");
  const end = await turns.take("b", undefined);
  const calls = ["c", "d", "e"].map((call) => turns.run(call, undefined, () => order.push(call)));
  await turnOfEventLoop();
  assert.equal(order, ["a"]);
  end();
  await Promise.all([first, ...calls]);
  assert.equal(order, ["a", "c", "d", "e"]);
  end();
  await turns.run("f", undefined, nothing);
});

test("refuses, where told to, and names what has the turn", async () => {
  const turns = new Turns();
  const end = await turns.take("generate", undefined);
  await rejects(
    turns.run("feed", { busy: "refuse" }, nothing),
    /^feed: the session is busy with generate.*wait until that has ended/s,
  );
  end();
  await turns.run("feed", { busy: "refuse" }, nothing);
  const always = new Turns({ busy: "refuse" });
  const stream = always.generator("drawAhead", undefined, nothing, three);
  await stream.next();
  await rejects(always.take("score", undefined), /score: the session is busy with drawAhead/);
  const waits = always.run("reset", { busy: "wait" }, () => "done");
  await stream.return("");
  assert.is(await waits, "done");
});

test("a generator's turn begins with its first step and ends however it ends", async () => {
  const turns = new Turns();
  const free = () => turns.run("reset", { busy: "refuse" }, nothing);
  turns.generator("never started", undefined, nothing, three);
  await turns.generator("returned before", undefined, nothing, three).return("");
  await free();
  for await (const _ of turns.generator("left", undefined, nothing, three)) {
    await rejects(free(), /busy with left/);
    break;
  }
  await free();
  const thrown = turns.generator("thrown", undefined, nothing, three);
  await thrown.next();
  await thrown.throw(new Error("the caller's")).catch(nothing);
  await free();
  const failing = turns.generator("failing", undefined, nothing, async function* () {
    yield 1;
    throw new Error("its own");
  });
  await failing.next();
  await failing.next().catch(nothing);
  await free();
  const whole = turns.generator("whole", undefined, nothing, three);
  const steps = [await whole.next(), await whole.next(), await whole.next()];
  assert.equal(
    steps.map(({ value }) => value),
    [1, 2, "end"],
  );
  await free();
});

test("a wrong call is refused before its turn", async () => {
  const turns = new Turns();
  const end = await turns.take("generate", undefined);
  const wrong = () => {
    throw new Error("wrong");
  };
  assert.is(
    await turns
      .generator("b", undefined, wrong, three)
      .next()
      .catch((e: Error) => e.message),
    "wrong",
  );
  const failing = turns.run("c", undefined, wrong).catch((e: Error) => e.message);
  end();
  assert.is(await failing, "wrong");
  await turns.run("d", { busy: "refuse" }, nothing);
});

test("a generator that is dropped half-way gives its turn back when it is collected", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const turns = new Turns();
  await (async () => {
    assert.is((await turns.generator("dropped", undefined, nothing, three).next()).value, 1);
  })();
  await rejects(turns.run("reset", { busy: "refuse" }, nothing), /busy with dropped/);
  let free = false;
  const waiting = turns.run("reset", undefined, () => {
    free = true;
  });
  for (let i = 0; i < 50 && !free; i++) {
    await turnOfEventLoop();
    collect();
  }
  assert.ok(free, "the turn of a generator that nobody can reach has ended");
  await waiting;
});

test("closed, it refuses what waits and what comes", async () => {
  const turns = new Turns();
  const end = await turns.take("score", undefined);
  const waiting = [turns.run("feed", undefined, nothing), turns.take("generate", undefined)];
  turns.close();
  turns.close();
  await rejects(waiting[0] ?? Promise.resolve(), /^feed: the session is closed/);
  await rejects(waiting[1] ?? Promise.resolve(), /^generate: the session is closed/);
  await rejects(turns.run("reset", undefined, nothing), /^reset: the session is closed\nhint: open another one/);
  end();
  await rejects(turns.run("reset", undefined, nothing), /^reset: the session is closed/);
});

test.run();
