// What becomes of requests where the process answers, refuses, crashes or is gone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HelperProcess } from "../../../cli/isa/helper-process.ts";

const test = suite("helper-process");

const withProcess = async (use: (ask: (what: string) => Promise<unknown>) => Promise<void>) => {
  const odd = new HelperProcess<{ what: string }, unknown>("../../test/cli/isa/odd-process", "odd", process.env);
  try {
    await use((what) => odd.ask({ what }, `heard of ${what}`));
  } finally {
    odd.close();
  }
};

async function complaint(asked: Promise<unknown>): Promise<{ readonly code?: unknown; readonly message: string }> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it replies");
}

test("gives replies and refusals, one after the other", () =>
  withProcess(async (ask) => {
    assert.equal(await ask("a"), { said: "a" });
    const refused = await complaint(ask("refuse"));
    assert.equal([refused.code, refused.message], ["no-adapter", "here: there is none\nhint: get one"]);
    const failed = await complaint(ask("fail"));
    assert.match(failed.message, /^TypeError: a bug\n\s+at /);
    assert.equal(await ask("b"), { said: "b" });
  }));

test("says by which signal the process ended, amid what, and its last words; and so again", () =>
  withProcess(async (ask) => {
    const crashed = await complaint(ask("crash"));
    assert.is(crashed.code, "device");
    assert.match(crashed.message, /^odd: ended by SIGSEGV while it heard of crash; it said: last words\nhint: /);
    assert.match((await complaint(ask("a"))).message, /^odd: ended by SIGSEGV while it heard of a; /);
  }));

test("a process that is killed is no riddle either", () =>
  withProcess(async (ask) => {
    assert.match((await complaint(ask("leave"))).message, /^odd: ended by SIGKILL while it heard of leave\nhint: /);
  }));

test.run();
