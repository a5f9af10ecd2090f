// What `sample_token` draws, against probabilities computed by hand.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pcg3d } from "../../base/random.ts";
import { drawByReference, type Settings } from "../support/sample-token.ts";

const test = suite("sample_token");

/** Logits whose softmax at temperature 1 is `probabilities`. */
const logitsOf = (...probabilities: number[]): number[] => probabilities.map((p) => Math.log(p));

/** How often each token is drawn at the first `draws` steps of one seed, as a share. */
function shares(logits: readonly number[], settings: Settings, draws = 4000): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  for (let step = 0; step < draws; step++) {
    const id = drawByReference(logits, settings, 1234, step);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((n) => n / draws);
}

/** A share of 4,000 draws has a standard deviation of at most 0.008; five of them. */
function closeTo(actual: readonly number[], expected: readonly number[]): void {
  assert.is(actual.length, expected.length);
  for (const [i, p] of expected.entries())
    assert.ok(p === 0 ? actual[i] === 0 : Math.abs((actual[i] ?? 0) - p) < 0.04, `[${actual}] for [${expected}]`);
}

test("takes the largest logit at temperature 0, the lowest id among equals", () => {
  assert.is(drawByReference([1, 3, 2], { temperature: 0 }, 0), 1);
  assert.is(drawByReference([-5, -1, -1, -3, -1], { temperature: 0, topK: 2, topP: 0.1 }, 0), 1);
  assert.is(drawByReference([Number.NEGATIVE_INFINITY, -1e38], { temperature: 0 }, 0), 1);
});

test("draws each token as often as its probability says", () => {
  closeTo(shares(logitsOf(0.5, 0.2, 0.2, 0.1), { temperature: 1 }), [0.5, 0.2, 0.2, 0.1]);
});

test("sharpens below temperature 1 and flattens above", () => {
  // p^(1/T), normalised: squares at T = 0.5, square roots at T = 2.
  closeTo(shares(logitsOf(0.8, 0.2), { temperature: 0.5 }), [0.64 / 0.68, 0.04 / 0.68]);
  closeTo(shares(logitsOf(0.8, 0.2), { temperature: 2 }), [2 / 3, 1 / 3]);
});

test("keeps the k largest, and what equals the smallest of them", () => {
  closeTo(shares(logitsOf(0.1, 0.5, 0.3, 0.1), { temperature: 1, topK: 2 }), [0, 5 / 8, 3 / 8, 0]);
  closeTo(shares(logitsOf(0.1, 0.5, 0.2, 0.2), { temperature: 1, topK: 2 }), [0, 5 / 9, 2 / 9, 2 / 9]);
  closeTo(shares(logitsOf(0.1, 0.5, 0.2, 0.2), { temperature: 1, topK: 1 }), [0, 1, 0, 0]);
  closeTo(shares(logitsOf(0.5, 0.5), { temperature: 1, topK: 9 }), [0.5, 0.5]);
});

test("leaves suppressed ids out before the filters, as if their logits were -Infinity", () => {
  const logits = logitsOf(0.5, 0.2, 0.2, 0.1);
  closeTo(shares(logits, { temperature: 1, suppressed: [0] }), [0, 0.4, 0.4, 0.2]);
  closeTo(shares(logits, { temperature: 1, topK: 2, suppressed: [0, 2] }), [0, 2 / 3, 0, 1 / 3]);
  closeTo(shares(logits, { temperature: 1, topP: 0.5, suppressed: [0] }), [0, 0.5, 0.5, 0]);
  assert.is(drawByReference(logits, { temperature: 0, suppressed: [0, 1] }, 0), 2);
  assert.is(drawByReference([1, Number.NaN], { temperature: 0, suppressed: [1] }, 0), 0);
  assert.is(drawByReference(logits, { temperature: 0, suppressed: [0, 1, 2, 3] }, 0), -1);
});

test("keeps the fewest that reach p, and always one token", () => {
  const logits = logitsOf(0.1, 0.5, 0.25, 0.15);
  closeTo(shares(logits, { temperature: 1, topP: 0.7 }), [0, 2 / 3, 1 / 3, 0]);
  closeTo(shares(logits, { temperature: 1, topP: 0.76 }), [0, 5 / 9, 2.5 / 9, 1.5 / 9]);
  closeTo(shares(logits, { temperature: 1, topP: 1e-9 }), [0, 1, 0, 0]);
  closeTo(shares(logits, { temperature: 1, topP: 1 }), [0.1, 0.5, 0.25, 0.15]);
});

test("applies top-p to what temperature and top-k left", () => {
  // Of 0.4, 0.3, 0.2, 0.1 the two largest stay, as 4/7 and 3/7; the first alone reaches 0.55.
  closeTo(shares(logitsOf(0.4, 0.3, 0.2, 0.1), { temperature: 1, topK: 2, topP: 0.55 }), [1, 0, 0, 0]);
  // Squared, 0.6 and 0.4 are 9/13 and 4/13; the first alone reaches 0.65.
  closeTo(shares(logitsOf(0.6, 0.4), { temperature: 0.5, topP: 0.65 }), [1, 0]);
});

test("keeps what is at least so likely as a share of the likeliest, after top-k and top-p", () => {
  const logits = logitsOf(0.5, 0.3, 0.15, 0.05);
  closeTo(shares(logits, { temperature: 1, minP: 0.29 }), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]);
  closeTo(shares(logits, { temperature: 1, minP: 0.31 }), [5 / 8, 3 / 8, 0, 0]);
  closeTo(shares(logits, { temperature: 1, minP: 1 }), [1, 0, 0, 0]);
  closeTo(shares(logits, { temperature: 1, topK: 2, minP: 0.1 }), [5 / 8, 3 / 8, 0, 0]);
  // Squares at T = 0.5: 0.25, 0.09, 0.0225, 0.0025.
  closeTo(shares(logits, { temperature: 0.5, minP: 0.3 }), [0.25 / 0.34, 0.09 / 0.34, 0, 0]);
});

test("makes what stands in the sequence less likely, whatever its logit's sign, once however often it stands there", () => {
  const settings = { temperature: 0, repetitionPenalty: 2 };
  // 6 / 2 = 3 < 4, and −1 · 2 = −2 < −1.5.
  assert.is(drawByReference([6, 4, 0], { ...settings, sequence: [0, 0, 0] }, 0, 3), 1);
  assert.is(drawByReference([6, 4, 0], { ...settings, sequence: [2, 2, 0] }, 0, 2), 0, "a later one does not count");
  assert.is(drawByReference([-1, -1.5, -9], { ...settings, sequence: [0] }, 0, 1), 1);
  assert.is(drawByReference([6, 4, 0], { ...settings, sequence: [0, 1] }, 0, 2), 0, "both: 3 and 2");
  assert.is(drawByReference([6, 4, 0], { temperature: 0, repetitionPenalty: 1, sequence: [0] }, 0, 1), 0);
  // p = 0.5 and 0.5 as logits of −0.69 each, one of them twice that: 0.25 against 0.5.
  const zeros = new Array<number>(12).fill(0);
  const drawn = shares(logitsOf(0.5, 0.5), { temperature: 1, repetitionPenalty: 2, sequence: zeros });
  closeTo(drawn, [1 / 3, 2 / 3]);
});

test("never draws a token whose logit is -Infinity", () => {
  const none = Number.NEGATIVE_INFINITY;
  closeTo(shares([none, 0, none, 0, none], { temperature: 1 }), [0, 0.5, 0, 0.5, 0]);
});

test("gives -1 for logits that are no distribution, at any temperature", () => {
  const none = Number.NEGATIVE_INFINITY;
  for (const temperature of [0, 1])
    for (const logits of [
      [1, Number.NaN, 2],
      [Number.NaN, 1],
      [0, Number.POSITIVE_INFINITY],
      [none, none],
    ])
      assert.is(drawByReference(logits, { temperature }, 3), -1, `[${logits}] at ${temperature}`);
});

test("keeps exactly the tokens that a plain sort and sum would keep", () => {
  // Eighths, all different: which of two equals stays is another test's question.
  const logits = fc.uniqueArray(
    fc.integer({ min: -40, max: 40 }).map((n) => n / 8),
    { minLength: 1, maxLength: 10 },
  );
  const settings = fc.record({
    temperature: fc.constantFrom(0.5, 1, 2),
    topK: fc.integer({ min: 1, max: 12 }),
    topP: fc.constantFrom(0.1003, 0.5007, 0.9003, 0.9907),
  });
  fc.assert(
    fc.property(logits, settings, (list, setting) => {
      const kept = keepSlowly(list, setting);
      const drawn = new Set(Array.from({ length: 200 }, (_, step) => drawByReference(list, setting, 9, step)));
      for (const id of drawn) assert.ok(kept.has(id), `drew ${id} of [${list}]`);
      // 200 draws miss a token of this share once in 10⁹ times.
      for (const [id, share] of kept) if (share > 0.1) assert.ok(drawn.has(id), `never drew ${id} of [${list}]`);
    }),
    { seed: 1, numRuns: 200 },
  );
});

function keepSlowly(logits: readonly number[], { temperature, topK = 0, topP = 1 }: Settings): Map<number, number> {
  const sorted = logits.map((x, id) => ({ id, weight: Math.exp(x / temperature) }));
  sorted.sort((a, b) => b.weight - a.weight);
  const top = sorted.slice(0, topK);
  const total = top.reduce((n, { weight }) => n + weight, 0);
  let before = 0;
  const kept = top.filter(({ weight }) => {
    const isWanted = before < topP * total;
    before += weight;
    return isWanted;
  });
  const keptTotal = kept.reduce((n, { weight }) => n + weight, 0);
  return new Map(kept.map(({ id, weight }) => [id, weight / keptTotal]));
}

test("depends on seed and step alone", () => {
  const logits = Array.from({ length: 100 }, (_, i) => Math.sin(i));
  const run = (seed: number, from: number, n: number) =>
    Array.from({ length: n }, (_, i) => drawByReference(logits, { temperature: 1, topK: 50 }, seed, from + i));
  assert.equal(run(42, 12, 8), run(42, 0, 20).slice(12));
  assert.not.equal(run(43, 0, 20), run(42, 0, 20));
});

test("hashes as the published pcg3d does", () => {
  // From a transcription of the paper's shader into Python's integers, modulo 2^32.
  assert.is(pcg3d(0, 0, 0), 2611992518);
  assert.is(pcg3d(1, 2, 3), 4204755366);
  assert.is(pcg3d(2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1), 2784268096);
});

test.run();
