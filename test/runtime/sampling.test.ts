import { suite } from "uvu";
import * as assert from "uvu/assert";
import { logSoftmax, topTokens } from "../../runtime/log-probabilities.ts";
import { checkSampler, checkSeed, type SamplerSettings } from "../../runtime/sampling.ts";

const test = suite("sampling");

test("refuses logits that are no distribution, naming where and what", () => {
  const refuses = (logits: number[], message: RegExp): void => {
    assert.throws(() => logSoftmax(Float32Array.from(logits), "position 7"), message);
  };
  refuses([1, Number.NaN, 2], /^position 7: the logit of token 1 of 3 is NaN, but probabilities need finite/);
  refuses([Number.NaN], /token 0 of 1 is NaN/);
  refuses([0, Number.POSITIVE_INFINITY], /token 1 of 2 is Infinity/);
  refuses([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY], /token 0 of 2 is -Infinity/);
  refuses([], /there are no logits/);
});

test("refuses settings out of range", () => {
  const cases: [SamplerSettings, RegExp][] = [
    [{ temperature: -1 }, /temperature is -1, but must be ≥ 0/],
    [{ temperature: Number.NaN }, /temperature is NaN/],
    [{ temperature: Number.POSITIVE_INFINITY }, /temperature is Infinity/],
    [{ temperature: 1, topK: 0 }, /topK is 0, but must be a whole number ≥ 1/],
    [{ temperature: 1, topK: 1.5 }, /topK is 1\.5/],
    [{ temperature: 1, topP: 0 }, /topP is 0, but must be > 0 and ≤ 1/],
    [{ temperature: 1, topP: 1.01 }, /topP is 1\.01/],
    [{ temperature: 1, topP: Number.NaN }, /topP is NaN/],
    [{ temperature: 1, minP: -0.1 }, /minP is -0\.1, but must be ≥ 0 and ≤ 1/],
    [{ temperature: 1, minP: 1.1 }, /minP is 1\.1/],
    [{ temperature: 1, repetitionPenalty: 0 }, /repetitionPenalty is 0, but must be from 0\.01 to 100/],
    [{ temperature: 1, repetitionPenalty: Number.NaN }, /repetitionPenalty is NaN/],
  ];
  for (const [settings, message] of cases) assert.throws(() => checkSampler(settings), message);
  for (const seed of [-1, 0.5, 2 ** 32, Number.NaN])
    assert.throws(() => checkSeed(seed), /seed: is .*, but must be a whole/);
});

test("gives log-probabilities that sum to one, without overflow", () => {
  const out = logSoftmax(Float32Array.of(1000, 1002, -1000));
  assert.ok(Math.abs((out[0] ?? 0) + Math.log(1 + Math.exp(2))) < 1e-12);
  assert.ok(Math.abs((out[1] ?? 0) + Math.log(1 + Math.exp(-2))) < 1e-12);
  assert.ok(Math.abs(out.reduce((n, x) => n + Math.exp(x), 0) - 1) < 1e-12);
  assert.is(logSoftmax(Float32Array.of(0, Number.NEGATIVE_INFINITY))[1], Number.NEGATIVE_INFINITY);
});

test("lists the most likely tokens, the lower id first among equals", () => {
  const logits = Float32Array.of(1, 3, 2, 3, -1);
  const top = topTokens(logits, 3);
  assert.equal(
    top.map(({ id, logit }) => [id, logit]),
    [
      [1, 3],
      [3, 3],
      [2, 2],
    ],
  );
  assert.ok(Math.abs((top[0]?.probability ?? 0) - Math.exp(logSoftmax(logits)[1] ?? 0)) < 1e-15);
  assert.equal(
    topTokens(logits, 9).map(({ id }) => id),
    [1, 3, 2, 0, 4],
  );
  assert.throws(() => topTokens(logits, 0), /0 tokens are asked for/);
});

test.run();
