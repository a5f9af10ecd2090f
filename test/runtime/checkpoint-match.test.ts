import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ITEM_SIZE, type StoredDType } from "../../base/dtype.ts";
import { GPT2_NAMES } from "../../ir/models/gpt2/checkpoint.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { matchWeights as match, refuseOtherHead } from "../../runtime/weights/match.ts";
import type { WeightSource } from "../../runtime/weights/source.ts";

/** As GPT-2's checkpoints are read. */
const matchWeights = (wanted: Parameters<typeof match>[0], source: Parameters<typeof match>[1]) =>
  match(wanted, source, GPT2_NAMES);

const test = suite("checkpoint-match");

/** A source that has these tensors and cannot be read. */
function holding(
  shapes: Readonly<Record<string, readonly number[]>>,
  dtype: StoredDType = "F32",
  aliases: Readonly<Record<string, string>> = {},
): WeightSource {
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const byteLength = shape.reduce((n, d) => n * d, ITEM_SIZE[dtype]);
    return [name, { name, dtype, shape, byteLength }] as const;
  });
  return {
    place: "gpt",
    tensors: new Map(tensors),
    aliases: new Map(Object.entries(aliases)),
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

const renamed = (change: (name: string) => string): Readonly<Record<string, readonly number[]>> =>
  Object.fromEntries(Object.entries(STORED).map(([name, shape]) => [change(name), shape]));

const PREFIXES = [
  ...["_orig_mod.", "_orig_mod.transformer.", "module.", "module.transformer.", "gpt2.", "gpt2.transformer."],
  ...["module._orig_mod.transformer.", "_orig_mod.module.model.", "a.b.c.transformer."],
];
for (const prefix of PREFIXES)
  test(`finds weights with ${prefix} before their names, and the head beside them or outside`, () => {
    const wanted = [...WANTED, { name: "lm_head.weight", shape: [10, 4] }];
    const outside = prefix.replace("transformer.", "");
    for (const head of new Set([`${prefix}lm_head.weight`, `${outside}lm_head.weight`])) {
      const stored = { ...renamed((name) => prefix + name), [head]: [10, 4], [`${prefix}h.0.attn.bias`]: [1, 1, 8, 8] };
      const { found, surplus } = matchWeights(wanted, holding(stored));
      assert.equal([...found.values()], [...Object.keys(renamed((name) => prefix + name)), head]);
      assert.equal(surplus, []);
    }
  });

test("finds weights of layers that were wrapped one by one", () => {
  const wrapped = (name: string) => name.replace("h.0.", "h.0._orig_mod._checkpoint_wrapped_module.");
  const { found } = matchWeights(WANTED, holding(renamed((name) => `transformer.${wrapped(name)}`)));
  assert.is(found.get("wte.weight"), "transformer.wte.weight");
  assert.is(found.get("h.0.attn.c_attn.bias"), "transformer.h.0._orig_mod._checkpoint_wrapped_module.attn.c_attn.bias");
});

test("takes the model itself where an average of it lies beside, and refuses to choose between two others", () => {
  const ema = renamed((name) => `ema.${name}`);
  for (const prefix of ["", "transformer."]) {
    const { found, surplus } = matchWeights(WANTED, holding({ ...ema, ...renamed((name) => prefix + name) }));
    assert.is(found.get("wte.weight"), `${prefix}wte.weight`);
    assert.equal(surplus, Object.keys(ema));
  }
  assert.throws(
    () => matchWeights(WANTED, holding({ ...ema, ...renamed((name) => `policy.${name}`) })),
    /gpt: holds 3 of the model's weights under \w+\. and as many under \w+\./,
  );
});

test("takes either name of a tied pair", () => {
  const { "wte.weight": embedding, ...others } = STORED;
  const { found, surplus } = matchWeights(WANTED, holding({ ...prefixed(others), "lm_head.weight": embedding }));
  assert.is(found.get("wte.weight"), "lm_head.weight");
  assert.equal(surplus, []);
});

test("takes the name that the metadata gives for one that is left out, tied or not", () => {
  const wanted = [...WANTED, { name: "lm_head.weight", shape: [10, 4] }];
  const { "wte.weight": embedding, ...others } = STORED;
  for (const [kept, left] of [
    ["lm_head.weight", "transformer.wte.weight"],
    ["transformer.wte.weight", "lm_head.weight"],
  ] as const)
    for (const weights of [WANTED, wanted]) {
      const source = holding({ ...prefixed(others), [kept]: embedding }, "F32", { [left]: kept });
      const { found, surplus, tied } = matchWeights(weights, source);
      assert.is(found.get("wte.weight"), kept);
      assert.equal([surplus, tied], [[], undefined]);
      if (weights === wanted) assert.is(found.get("lm_head.weight"), kept);
    }
});

test("an untied head is not taken for the embedding, and the refusal says what to change", () => {
  const wanted = [...WANTED, { name: "lm_head.weight", shape: [10, 4] }];
  const { "wte.weight": embedding, ...others } = STORED;
  for (const stored of [STORED, { ...others, "lm_head.weight": embedding }])
    assert.throws(
      () => matchWeights(wanted, holding(stored)),
      (error: RuntimeError) => {
        assert.match(error.facts, /1 are missing: (lm_head|wte)\.weight/);
        const set = { tie_word_embeddings: true };
        assert.equal(error.fix, { kind: "edit-json", file: "gpt/config.json", set });
        return true;
      },
    );
});

test("a head beside the embedding of a tied model has its values, or is refused", async () => {
  const values: Readonly<Record<string, number>> = { "wte.weight": 1, "lm_head.weight": 1, "other.lm_head.weight": 2 };
  const source = (shapes: Readonly<Record<string, readonly number[]>>): WeightSource => ({
    ...holding(shapes),
    read: async (name, _, length) => new Uint8Array(length).fill(values[name] ?? 0),
  });
  const same = source({ ...STORED, "lm_head.weight": [10, 4] });
  await refuseOtherHead(matchWeights(WANTED, same), same);
  const ownHead = { ...renamed((name) => `other.${name}`), "other.lm_head.weight": [10, 4] };
  for (const other of [source(ownHead), source({ ...STORED, "lm_head.weight": [11, 4] })]) {
    const error = await refuseOtherHead(matchWeights(WANTED, other), other).catch((thrown: RuntimeError) => thrown);
    assert.instance(error, RuntimeError);
    assert.match(
      (error as RuntimeError).facts,
      /differs from (other\.)?wte\.weight, but the config says that they are tied/,
    );
    const set = { tie_word_embeddings: false };
    assert.equal((error as RuntimeError).fix, { kind: "edit-json", file: "gpt/config.json", set });
  }
});

test("refuses tensors that change the result, and names a LoRA adapter", () => {
  for (const [name, message] of [
    ["lm_head.bias", /holds lm_head\.bias, but the graph is a decoder/],
    ["transformer.h.0.crossattention.c_attn.weight", /holds transformer\.h\.0\.crossattention/],
    ["h.0.attn.c_attn.lora_A.default.weight", /a LoRA adapter has to be merged into its base model first/],
  ] as const)
    assert.throws(() => matchWeights(WANTED, holding({ ...STORED, [name]: [4] })), message);
  const adapter = { "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight": [2, 4] };
  assert.throws(() => matchWeights(WANTED, holding(adapter)), /holds base_model.*lora_A.*a LoRA adapter/);
});

test("says that a file is one of several shards", () => {
  const source = { ...holding({ "wte.weight": [10, 4] }), place: "gpt/model-00001-of-00002.safetensors" };
  assert.throws(
    () => matchWeights(WANTED, source),
    /2 are missing.*\nhint: the file is one of 2 shards: give their folder/,
  );
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
  assert.throws(
    () => match(many, holding(STORED)),
    /\nhint: each weight is looked up by its name in the graph; it holds wte/,
    "a graph has no config.json",
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
