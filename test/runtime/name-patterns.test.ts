// The patterns by which a plan says what its checkpoints hold: plain ones as JavaScript has them, any other in linear time.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { nativePattern, planPatterns } from "../../runtime/weights/name-patterns.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("name patterns");

test("GPT-2's run in JavaScript's engine", async () => {
  assert.is(await planPatterns("plan p", gpt2.names), nativePattern);
  assert.is(await planPatterns("plan p", undefined), nativePattern);
});

test("what would take JavaScript's engine for ever takes no time, and says the same", async () => {
  const name = `${"h".repeat(5000)}!`;
  const sources = [
    "^(h+)+$",
    "^(h|h)*$",
    "^(h+)+!$",
    "layers\\.(\\d+)\\.",
    "(h|h)(h|h)(h|h)(h|h)(h|h)(h|h)(h|h)(h|h)(h|h)$",
  ];
  const patternOf = await planPatterns("plan p", { ignored: sources.map((source) => ({ name: source })) });
  assert.is.not(patternOf, nativePattern);
  const began = performance.now();
  assert.equal(
    sources.map((source) => patternOf(source)(name)),
    [false, false, true, false, false],
  );
  assert.ok(patternOf(sources[3] ?? "")("model.layers.12.mlp"));
  assert.ok(performance.now() - began < 2000);
});

test("refuses what is no expression, or looks around", async () => {
  for (const name of ["(", "a(?=b)"])
    await rejects(
      planPatterns("plan p", { refused: [{ name, why: "", hint: "" }] }),
      /^plan p: its pattern .* can't be run in linear time: .*\nhint: names of tensors are told by expressions/,
    );
});

test.run();
