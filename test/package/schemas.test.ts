// The JSON Schemas that are shipped for plan.json and weights.json: every kind of bundle keeps them, and they are what the
// TypeScript types make.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { BundlePlan, BundleWeights } from "../../base/bundle.ts";
import { bundleTexts, compileBundle, compileModelBundle, definePlugin, extend, standard } from "../../codegen/index.ts";
import { type Gpt2Config, gpt2, PRESETS, parseGraph, readGpt2Config, shortenContext } from "../../ir/index.ts";
import { ROOT } from "../../tools/run-command.mjs";
import { formatted, schemaTexts } from "../../tools/schemas.ts";

interface Schema {
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const read = (name: string): Schema => JSON.parse(readFileSync(join(ROOT, "schemas", `${name}.schema.json`), "utf8"));
const PLAN = read("plan");
const WEIGHTS = read("weights");

const test = suite("schemas");

const small = readGpt2Config({ n_layer: 1, n_head: 2, n_embd: 8, n_ctx: 16, n_positions: 16, vocab_size: 20 });

/** Bundles that differ in what their files can have or lack. */
const BUNDLES: Readonly<Record<string, () => ReturnType<typeof compileModelBundle>>> = {
  "as simple as it gets": () => compileModelBundle(gpt2, small, { variants: ["base"] }),
  "all options and a tokenizer": () =>
    compileModelBundle(gpt2, small, {
      name: "x",
      weights: "f16",
      chunk: 4,
      disable: ["fuse-gelu"],
      toolkit: extend(standard, definePlugin({ name: "empty" })),
      tokenizer: new Map([["tokenizer.json", "{}"]]),
    }),
  "several tokens that end a text": () => compileModelBundle(gpt2, { ...small, eos_token_ids: [3, 1] }),
  "a context shorter than the table of positions": () =>
    compileModelBundle(gpt2, shortenContext(small, 9), { variants: ["base"] }),
  "weights in parts": () => compileModelBundle(gpt2, { ...preset("gpt2-xl"), n_layer: 1 }, { variants: ["base"] }),
  "graphs of any kind": () =>
    compileBundle([
      {
        name: "f",
        graph: parseGraph("graph f[P>=0](x: f32[T, 4], weight w: f32[4, 4]) { y = matmul(x, w) return y }"),
        maxima: { T: 8 },
      },
      { name: "g", graph: parseGraph("graph g(x: f32[T, 4]) { y = mul(x, x) return y }"), fixed: { T: 1 } },
    ]),
  "a published size": () => compileModelBundle(gpt2, { ...preset("gpt2"), n_layer: 2 }),
};
const SHARD = { file: "weights/00001-of-00001.safetensors", bytes: 8, sha256: ["0".repeat(64)] };

test("every kind of bundle keeps them", async () => {
  const ajv = new Ajv({ allErrors: true, strictTypes: false, strictTuples: false });
  const [checkPlan, checkWeights] = [ajv.compile(PLAN), ajv.compile(WEIGHTS)];
  let parts = 0;
  for (const [name, make] of Object.entries(BUNDLES)) {
    const { plan, weights } = await filesOf(make());
    assert.ok(checkPlan(plan), `${name}: plan.json ${ajv.errorsText(checkPlan.errors)}`);
    for (const map of [weights, { ...weights, shards: [SHARD] }])
      assert.ok(checkWeights(map), `${name}: weights.json ${ajv.errorsText(checkWeights.errors)}`);
    parts += weights.tensors.filter((t) => t.recipe?.kind === "slice").length;
  }
  assert.ok(parts > 0, "one of them has weights in parts");
});

test("they refuse a property too many or too few, and a value that is none", async () => {
  const ajv = new Ajv({ strictTypes: false, strictTuples: false });
  const [checkPlan, checkWeights] = [ajv.compile(PLAN), ajv.compile(WEIGHTS)];
  const { plan, weights } = await filesOf(compileModelBundle(gpt2, small, { variants: ["base"] }));
  const { symbols: _, ...short } = plan;
  assert.not.ok(checkPlan(short));
  assert.not.ok(checkPlan({ ...plan, colour: "red" }));
  assert.not.ok(checkPlan({ ...plan, version: 3 }));
  assert.not.ok(checkWeights({ ...weights, tensors: [{ ...weights.tensors[0], dtype: "q4" }] }));
  const recipe = { kind: "cast", of: { kind: "tensor", name: "w", dtype: "f32", shape: [2] }, to: "f16" };
  assert.ok(checkWeights({ ...weights, tensors: [{ ...weights.tensors[0], recipe }] }));
  assert.not.ok(
    checkWeights({ ...weights, tensors: [{ ...weights.tensors[0], recipe: { ...recipe, kind: "sort" } }] }),
  );
  assert.not.ok(checkWeights({ ...weights, shards: [{ ...SHARD, sha256: ["?"] }] }));
});

test("every property is described, and no object takes properties that are not", () => {
  for (const [file, schema] of Object.entries({ PLAN, WEIGHTS })) {
    const problems = everySchema(schema, file).flatMap(([path, s]) => [
      ...(s.properties && s.additionalProperties !== false ? [`${path} takes any property`] : []),
      ...Object.entries(s.properties ?? {}).flatMap(([name, p]) =>
        p.description ? [] : [`${path}.${name} says nothing`],
      ),
    ]);
    assert.equal(problems, []);
  }
});

test("they are what the types make", () => {
  for (const [path, text] of schemaTexts())
    assert.ok(readFileSync(join(ROOT, path), "utf8") === formatted(path, text), `${path} is stale: npm run schemas`);
});

test.run();

function preset(name: string): Gpt2Config {
  const config = PRESETS[name];
  if (!config) throw new Error(`there is no preset ${name}`);
  return config;
}

/** What a reader of the files gets. */
async function filesOf(bundle: ReturnType<typeof compileBundle>) {
  const texts = await bundleTexts(bundle);
  const read = <T>(file: string): T => JSON.parse(texts.get(file) ?? "");
  return { plan: read<BundlePlan>("plan.json"), weights: read<BundleWeights>("weights.json") };
}

/** All schemas within one, with a path to each. */
function everySchema(schema: Schema, path: string): readonly (readonly [path: string, schema: Schema])[] {
  const within = { ...schema.definitions, ...schema.properties, ...(schema.items && { items: schema.items }) };
  const all = [...Object.entries(within), ...(schema.anyOf ?? []).map((s, i) => [`${i}`, s] as const)];
  return [[path, schema], ...all.flatMap(([name, s]) => everySchema(s, `${path}.${name}`))];
}
