// The reference that measurements are compared with: is it GPT-2, and does it round as f16 storage does?
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { referenceLogits } from "../../bench/gpt2-f64.ts";
import { seededCheckpoint } from "../support/made-models.ts";
import { f32, inFolder } from "../support/make-safetensors.ts";
import { assertWithin, EMBEDDED, readReference, TINY_RANDOM } from "../support/models.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("gpt2-f64");

/** The published logits are rounded to 9 digits at least, of numbers up to 14. */
const PRINTED = 6e-8;

const check = (folder: string) => {
  for (const { ids, logits } of readReference(folder).cases) {
    const got = referenceLogits(folder, ids);
    const n_vocab = got.length / ids.length;
    logits.forEach((row, i) => {
      const position = ids.length - logits.length + i;
      assertWithin(got.subarray(position * n_vocab, (position + 1) * n_vocab), row, PRINTED, `position ${position}`);
    });
  }
};
test("gives the published logits of the embedded model", () => check(EMBEDDED));
skipUnless(
  test,
  TINY_RANDOM,
  "no ../shared/data/models/tiny-random-gpt2",
)("gives the published logits of tiny-random-gpt2", () => check(TINY_RANDOM ?? ""));

const CONFIG = { n_layer: 1, n_head: 2, n_embd: 8, n_ctx: 8, vocab_size: 11 };
/** Beside ordinary numbers a tie to each side, the smallest of f16, and what is too small for it. */
const TRICKY = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -24, 2 ** -26, 3 * 2 ** -25, 0.1, -0.3, 2 ** -14 - 2 ** -26];
const ROUNDED = [1, 1 + 2 * 2 ** -10, 2 ** -24, 0, 2 * 2 ** -24, 0.0999755859375, -0.300048828125, 2 ** -14];

test("rounds tables and matrices to f16, ties to even, and leaves vectors alone", () =>
  inFolder(withRow(TRICKY), (tricky) =>
    inFolder(withRow(ROUNDED), async (rounded) => {
      assert.equal(referenceLogits(tricky, [3], { half: true }), referenceLogits(rounded, [3], { half: true }));
      assert.not.equal(referenceLogits(tricky, [3]), referenceLogits(rounded, [3]));
    }),
  ));

function withRow(row: readonly number[]) {
  return seededCheckpoint(CONFIG, {
    change: (name, tensor) => {
      if (name !== "wte.weight") return tensor;
      const values = new Float32Array(tensor.data.buffer).slice();
      values.set(row, 3 * CONFIG.n_embd);
      return f32(tensor.shape, values);
    },
  });
}

test("reads the same from shards, and names what it does not compute", () =>
  inFolder(seededCheckpoint(CONFIG, { shards: 3, prefix: "transformer." }), (shards) =>
    inFolder(seededCheckpoint(CONFIG), async (single) => {
      assert.equal(referenceLogits(shards, [1, 2, 3]), referenceLogits(single, [1, 2, 3]));
      const path = join(single, "config.json");
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), activation_function: "relu" }));
      assert.throws(() => referenceLogits(single, [1]), /activation_function is relu: the reference has no such model/);
    }),
  ));

test.run();
