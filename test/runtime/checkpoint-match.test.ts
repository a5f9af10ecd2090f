import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { matchWeights } from "../../runtime/weights/match.ts";
import { ITEM_SIZE, type StoredDType, type WeightSource } from "../../runtime/weights/source.ts";

const test = suite("checkpoint-match");

/** A source that has these tensors and cannot be read. */
function holding(shapes: Readonly<Record<string, readonly number[]>>, dtype: StoredDType = "F32"): WeightSource {
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const byteLength = shape.reduce((n, d) => n * d, ITEM_SIZE[dtype]);
    return [name, { name, dtype, shape, byteLength }] as const;
  });
  return {
    place: "gpt",
    tensors: new Map(tensors),
    read: () => Promise.reject(new Error("matching reads no data")),
    close: () => Promise.resolve(),
  };
}

const WANTED = [
  { name: "wte.weight", shape: [10, 4] },
  { name: "h.0.attn.c_attn.weight", shape: [4, 12] },
  { name: "h.0.attn.c_attn.bias", shape: [12] },
];
const STORED = { "wte.weight": [10, 4], "h.0.attn.c_attn.weight": [4, 12], "h.0.attn.c_attn.bias": [12] };
const prefixed = (shapes: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`transformer.${name}`, shape]));

test("finds weights under their own names", () => {
  const { found, surplus } = matchWeights(WANTED, holding(STORED));
  assert.equal(
    [...found],
    WANTED.map(({ name }) => [name, name]),
  );
  assert.equal(surplus, []);
});

test("finds weights with transformer. before their names", () => {
  const { found, surplus } = matchWeights(WANTED, holding(prefixed(STORED)));
  assert.is(found.get("h.0.attn.c_attn.bias"), "transformer.h.0.attn.c_attn.bias");
  assert.equal(surplus, []);
});

test("finds an untied head beside prefixed names", () => {
  const wanted = [...WANTED, { name: "lm_head.weight", shape: [10, 4] }];
  const { found } = matchWeights(wanted, holding({ ...prefixed(STORED), "lm_head.weight": [10, 4] }));
  assert.is(found.get("lm_head.weight"), "lm_head.weight");
});

test("knows mask buffers and the copy of a tied head, and calls nothing else known", () => {
  const extras = {
    "h.0.attn.bias": [1, 1, 16, 16],
    "transformer.h.1.attn.bias": [1, 1, 16, 16],
    "h.0.attn.masked_bias": [],
    "lm_head.weight": [10, 4],
  };
  assert.equal(matchWeights(WANTED, holding({ ...STORED, ...extras })).surplus, []);
  const strange = { "h.7.attn.c_attn.bias": [1, 1, 4, 4], "h.0.attn.bias": [1, 1], "score.weight": [2, 4] };
  assert.equal(matchWeights(WANTED, holding({ ...STORED, ...strange })).surplus, Object.keys(strange));
});

test("names missing weights, five at most, and how many they are", () => {
  const many = Array.from({ length: 7 }, (_, i) => ({ name: `h.${i}.ln_1.weight`, shape: [4] }));
  assert.throws(
    () => matchWeights([...WANTED, ...many], holding(STORED)),
    (error: Error) =>
      error.message ===
      "gpt: the model wants 10 weights, but 7 are missing: h.0.ln_1.weight, h.1.ln_1.weight, h.2.ln_1.weight, " +
        "h.3.ln_1.weight, h.4.ln_1.weight, …\nhint: config.json and checkpoint must describe the same model; " +
        "it holds wte.weight, h.0.attn.c_attn.weight, h.0.attn.c_attn.bias, …",
  );
});

test("says how to tie the head when only the head is missing", () => {
  const wanted = [...WANTED, { name: "lm_head.weight", shape: [10, 4] }];
  assert.throws(
    () => matchWeights(wanted, holding(STORED)),
    /1 are missing: lm_head\.weight\nhint: .*tie_word_embeddings/,
  );
});

test("names both shapes of a weight that has another", () => {
  assert.throws(
    () => matchWeights(WANTED, holding({ ...STORED, "h.0.attn.c_attn.bias": [9] })),
    /gpt h\.0\.attn\.c_attn\.bias: has the shape \[9\], but the model wants \[12\].*\nhint: config\.json describes another/,
  );
});

test("recognises a transposed matrix", () => {
  assert.throws(
    () => matchWeights(WANTED, holding({ ...STORED, "h.0.attn.c_attn.weight": [12, 4] })),
    /has the shape \[12, 4\], but the model wants \[4, 12\].*\nhint: this is exactly the transpose/,
  );
});

test("refuses weights that are stored as integers", () => {
  assert.throws(
    () => matchWeights(WANTED, holding(STORED, "I8")),
    /gpt wte\.weight: is stored as I8, but a weight must be/,
  );
});

test("finds every weight of the embedded model, and nothing over", async () => {
  const layer = (n: number): [string, number[]][] => [
    [`h.${n}.ln_1.weight`, [128]],
    [`h.${n}.ln_1.bias`, [128]],
    [`h.${n}.attn.c_attn.weight`, [128, 384]],
    [`h.${n}.attn.c_attn.bias`, [384]],
    [`h.${n}.attn.c_proj.weight`, [128, 128]],
    [`h.${n}.attn.c_proj.bias`, [128]],
    [`h.${n}.ln_2.weight`, [128]],
    [`h.${n}.ln_2.bias`, [128]],
    [`h.${n}.mlp.c_fc.weight`, [128, 512]],
    [`h.${n}.mlp.c_fc.bias`, [512]],
    [`h.${n}.mlp.c_proj.weight`, [512, 128]],
    [`h.${n}.mlp.c_proj.bias`, [128]],
  ];
  const outside: [string, number[]][] = [
    ["wte.weight", [1024, 128]],
    ["wpe.weight", [256, 128]],
    ["ln_f.weight", [128]],
    ["ln_f.bias", [128]],
  ];
  const wanted = [...outside, ...[0, 1, 2, 3, 4, 5].flatMap(layer)].map(([name, shape]) => ({ name, shape }));
  const source = await openCheckpoint(fileURLToPath(new URL("../../models/shakespeare", import.meta.url)));
  const { found, surplus } = matchWeights(wanted, source);
  assert.is(found.size, 76);
  assert.equal(surplus, []);
  await source.close();
});

test.run();
