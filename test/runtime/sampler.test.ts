import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  checkSampler,
  createRng,
  logSoftmax,
  pcg3d,
  type SamplerSettings,
  sample,
  topTokens,
} from "../../runtime/sampler.ts";

const test = suite("sampler");

/** Logits whose softmax at temperature 1 is `probabilities`. */
const logitsOf = (...probabilities: number[]): Float32Array => Float32Array.from(probabilities, (p) => Math.log(p));

/** How often each token is drawn in `draws` draws of one seeded sequence, as a share. */
function shares(logits: Float32Array, settings: SamplerSettings, draws = 20_000): number[] {
  const rng = createRng(1234);
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < draws; i++) {
    const id = sample(logits, settings, rng);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((n) => n / draws);
}

/** A share of 20,000 draws has a standard deviation of at most 0.0035; five of them. */
function closeTo(actual: readonly number[], expected: readonly number[]): void {
  assert.is(actual.length, expected.length);
  for (const [i, p] of expected.entries())
    assert.ok(p === 0 ? actual[i] === 0 : Math.abs((actual[i] ?? 0) - p) < 0.018, `[${actual}] for [${expected}]`);
}

const NEVER = { seed: 0, step: 0, next: () => assert.unreachable("greedy drew a number") as unknown as number };

test("takes the largest logit at temperature 0, the lowest id among equals, and draws nothing", () => {
  assert.is(sample(Float32Array.of(1, 3, 2), { temperature: 0 }, NEVER), 1);
  assert.is(sample(Float32Array.of(-5, -1, -1, -3, -1), { temperature: 0, topK: 2, topP: 0.1 }, NEVER), 1);
  assert.is(sample(Float32Array.of(Number.NEGATIVE_INFINITY, -1e38), { temperature: 0 }, NEVER), 1);
});

test("draws each token as often as its probability says", () => {
  closeTo(shares(logitsOf(0.5, 0.2, 0.2, 0.1), { temperature: 1 }), [0.5, 0.2, 0.2, 0.1]);
});

test("sharpens below temperature 1 and flattens above", () => {
  // p^(1/T), normalised: squares at T = 0.5, square roots at T = 2.
  closeTo(shares(logitsOf(0.8, 0.2), { temperature: 0.5 }), [0.64 / 0.68, 0.04 / 0.68]);
  closeTo(shares(logitsOf(0.8, 0.2), { temperature: 2 }), [2 / 3, 1 / 3]);
});

test("keeps the k largest, the lowest ids among equals at the border", () => {
  closeTo(shares(logitsOf(0.1, 0.5, 0.2, 0.2), { temperature: 1, topK: 2 }), [0, 5 / 7, 2 / 7, 0]);
  closeTo(shares(logitsOf(0.1, 0.5, 0.2, 0.2), { temperature: 1, topK: 1 }), [0, 1, 0, 0]);
  closeTo(shares(logitsOf(0.5, 0.5), { temperature: 1, topK: 9 }), [0.5, 0.5]);
});

test("keeps the smallest set that reaches p, and always one token", () => {
  const logits = logitsOf(0.1, 0.5, 0.25, 0.15);
  closeTo(shares(logits, { temperature: 1, topP: 0.7 }), [0, 2 / 3, 1 / 3, 0]);
  closeTo(shares(logits, { temperature: 1, topP: 0.76 }), [0, 5 / 9, 2.5 / 9, 1.5 / 9]);
  closeTo(shares(logits, { temperature: 1, topP: 1e-9 }), [0, 1, 0, 0]);
  closeTo(shares(logits, { temperature: 1, topP: 1 }), [0.1, 0.5, 0.25, 0.15]);
  closeTo(shares(Float32Array.of(0, 0, 0, 0), { temperature: 1, topP: 0.5 }), [0.5, 0.5, 0, 0]);
});

test("applies top-p to what temperature and top-k left", () => {
  // Of 0.4, 0.3, 0.2, 0.1 the two largest stay, as 4/7 and 3/7; the first alone reaches 0.55.
  closeTo(shares(logitsOf(0.4, 0.3, 0.2, 0.1), { temperature: 1, topK: 2, topP: 0.55 }), [1, 0, 0, 0]);
  // Squared, 0.6 and 0.4 are 9/13 and 4/13; the first alone reaches 0.65.
  closeTo(shares(logitsOf(0.6, 0.4), { temperature: 0.5, topP: 0.65 }), [1, 0]);
});

test("never draws a token whose logit is -Infinity", () => {
  const none = Number.NEGATIVE_INFINITY;
  closeTo(shares(Float32Array.of(none, 0, none, 0, none), { temperature: 1 }), [0, 0.5, 0, 0.5, 0]);
  const last = { seed: 0, step: 0, next: () => 1 - 2 ** -24 };
  assert.is(sample(Float32Array.of(none, 0, none), { temperature: 1 }, last), 1);
  assert.is(sample(Float32Array.of(none, 0, none), { temperature: 1 }, { ...last, next: () => 0 }), 1);
});

test("keeps its head with extreme logits and temperatures", () => {
  closeTo(shares(Float32Array.of(3e38, -3e38, 3e38), { temperature: 1 }, 20_000), [0.5, 0, 0.5]);
  closeTo(shares(Float32Array.of(1, 2), { temperature: 1e-320 }, 100), [0, 1]);
  closeTo(shares(Float32Array.of(-1e30, 1e30), { temperature: 1e300 }), [0.5, 0.5]);
});

test("keeps exactly the tokens that a plain sort and sum would keep", () => {
  // Eighths: often equal, and different weights wherever the logits differ.
  const logit = fc.integer({ min: -64, max: 64 }).map((n) => n / 8);
  // No share of equal weights is one of these p, so that no last bit of a sum decides.
  const settings = fc.record({
    temperature: fc.constantFrom(0.5, 1, 2),
    topK: fc.integer({ min: 1, max: 14 }),
    topP: fc.constantFrom(0.1003, 0.5007, 0.9003, 0.9907),
  });
  fc.assert(
    fc.property(fc.array(logit, { minLength: 1, maxLength: 12 }), settings, (list, setting) => {
      const logits = Float32Array.from(list);
      const kept = keepSlowly(logits, setting);
      const drawn = new Set<number>();
      for (let i = 0; i <= 512; i++)
        drawn.add(sample(logits, setting, { seed: 0, step: 0, next: () => Math.min(i / 512, 1 - 2 ** -24) }));
      for (const id of drawn)
        assert.ok(
          kept.some((k) => k.id === id),
          `drew ${id} of [${list}]`,
        );
      // A token with more than 1/512 of the weight has a grid point in its share.
      for (const { id, share } of kept) if (share > 1 / 500) assert.ok(drawn.has(id), `never drew ${id} of [${list}]`);
    }),
    { seed: 1, numRuns: 500 },
  );
});

function keepSlowly(logits: Float32Array, { temperature, topK = logits.length, topP = 1 }: SamplerSettings) {
  const sorted = [...logits].map((x, id) => ({ id, weight: Math.exp(x / temperature) }));
  sorted.sort((a, b) => b.weight - a.weight || a.id - b.id);
  const top = sorted.slice(0, topK);
  const total = top.reduce((n, { weight }) => n + weight, 0);
  let before = 0;
  const kept = top.filter(({ weight }) => {
    const isWanted = before < topP * total;
    before += weight;
    return isWanted;
  });
  const keptTotal = kept.reduce((n, { weight }) => n + weight, 0);
  return kept.map(({ id, weight }) => ({ id, share: weight / keptTotal }));
}

test("gives the same token for the same seed and step, wherever it begins", () => {
  const logits = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i));
  const run = (rng: ReturnType<typeof createRng>, n: number) =>
    Array.from({ length: n }, () => sample(logits, { temperature: 1, topK: 50 }, rng));
  const all = run(createRng(42), 20);
  assert.equal(run(createRng(42), 20), all);
  assert.equal(run(createRng(42, 12), 8), all.slice(12));
  assert.not.equal(run(createRng(43), 20), all);
});

test("hashes as the published pcg3d does", () => {
  // From a transcription of the paper's shader into Python's integers, modulo 2^32.
  assert.is(pcg3d(0, 0, 0), 2611992518);
  assert.is(pcg3d(0, 1, 0), 450040476);
  assert.is(pcg3d(1, 0, 0), 2717828630);
  assert.is(pcg3d(1, 2, 3), 4204755366);
  assert.is(pcg3d(42, 7, 0), 201137412);
  assert.is(pcg3d(2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1), 2784268096);
});

test("draws uniform numbers that f32 holds exactly", () => {
  for (const seed of [0, 1, 2 ** 32 - 1]) {
    const rng = createRng(seed);
    const bins = new Array<number>(16).fill(0);
    for (let i = 0; i < 16_000; i++) {
      const u = rng.next();
      assert.ok(u >= 0 && u < 1 && Math.fround(u) === u);
      const bin = Math.floor(u * 16);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    assert.is(rng.step, 16_000);
    // Chi-square with 15 degrees of freedom exceeds 37.7 once in a thousand.
    assert.ok(bins.reduce((x, n) => x + (n - 1000) ** 2 / 1000, 0) < 37.7, `seed ${seed}: ${bins}`);
  }
});

test("refuses logits that are no distribution, naming where and what", () => {
  const refuses = (logits: number[], message: RegExp): void => {
    for (const temperature of [0, 1])
      assert.throws(() => sample(Float32Array.from(logits), { temperature }, createRng(0), "position 7"), message);
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
  ];
  for (const [settings, message] of cases) assert.throws(() => checkSampler(settings), message);
  for (const seed of [-1, 0.5, 2 ** 32, Number.NaN])
    assert.throws(() => createRng(seed), /seed: is .*, but must be a whole/);
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
  assert.throws(() => topTokens(logits, 0), /topK is 0/);
});

test.run();
