import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pcg3d } from "../../base/random.ts";
import { createRng } from "../../runtime/rng.ts";

const test = suite("rng");

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

test("begins anywhere in its sequence, and refuses a seed that is no u32", () => {
  const all = createRng(42);
  const numbers = Array.from({ length: 20 }, () => all.next());
  const late = createRng(42, 12);
  assert.equal(
    Array.from({ length: 8 }, () => late.next()),
    numbers.slice(12),
  );
  assert.throws(() => createRng(-1), /seed: is -1/);
});

test.run();
