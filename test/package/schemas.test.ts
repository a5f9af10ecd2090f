// The JSON Schemas that are shipped for plan.json and weights.json: every kind of bundle keeps them, and they say what the
// TypeScript types say, so that a property which only one of them has is found.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileBundle, definePlugin, extend, standard } from "../../codegen/index.ts";
import { type Gpt2Config, PRESETS, readGpt2Config, shortenContext } from "../../ir/index.ts";
import { ROOT } from "../../tools/run-command.mjs";

interface Schema {
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const read = (name: string): Schema => JSON.parse(readFileSync(join(ROOT, "schemas", `${name}.schema.json`), "utf8"));
const PLAN = read("plan");
const WEIGHTS = read("weights");

const test = suite("schemas");

const small = readGpt2Config({ n_layer: 1, n_head: 2, n_embd: 8, n_ctx: 16, n_positions: 16, vocab_size: 20 });

/** Bundles that differ in what their files can have or lack. */
const BUNDLES: Readonly<Record<string, () => ReturnType<typeof compileBundle>>> = {
  "as simple as it gets": () => compileBundle(small, { variants: ["base"] }),
  "all options and a tokenizer": () =>
    compileBundle(small, {
      name: "x",
      weights: "f16",
      chunk: 4,
      disable: ["fuse-gelu"],
      toolkit: extend(standard, definePlugin({ name: "empty" })),
      tokenizer: ["tokenizer.json"],
    }),
  "several tokens that end a text": () => compileBundle({ ...small, eos_token_ids: [3, 1] }),
  "a context shorter than the table of positions": () =>
    compileBundle(shortenContext(small, 9), { variants: ["base"] }),
  "weights in parts": () => compileBundle({ ...preset("gpt2-xl"), n_layer: 1 }, { variants: ["base"] }),
  "a published size": () => compileBundle({ ...preset("gpt2"), n_layer: 2 }),
};
const SHARD = { file: "weights/00001-of-00001.safetensors", bytes: 8, sha256: "0".repeat(64) };

test("every kind of bundle keeps them", () => {
  const ajv = new Ajv2020({ allErrors: true, strictTypes: false, strictTuples: false });
  const [checkPlan, checkWeights] = [ajv.compile(PLAN), ajv.compile(WEIGHTS)];
  let parts = 0;
  for (const [name, make] of Object.entries(BUNDLES)) {
    const { plan, weights } = asJson(make());
    assert.ok(checkPlan(plan), `${name}: plan.json ${ajv.errorsText(checkPlan.errors)}`);
    for (const map of [weights, { ...weights, shards: [SHARD] }])
      assert.ok(checkWeights(map), `${name}: weights.json ${ajv.errorsText(checkWeights.errors)}`);
    parts += weights.tensors.filter((t) => t.part).length;
  }
  assert.ok(parts > 0, "one of them has weights in parts");
});

test("they refuse a property too many or too few, and a value that is none", () => {
  const ajv = new Ajv2020({ strictTypes: false, strictTuples: false });
  const [checkPlan, checkWeights] = [ajv.compile(PLAN), ajv.compile(WEIGHTS)];
  const { plan, weights } = asJson(compileBundle(small, { variants: ["base"] }));
  const { symbols: _, ...short } = plan;
  assert.not.ok(checkPlan(short));
  assert.not.ok(checkPlan({ ...plan, colour: "red" }));
  assert.not.ok(checkPlan({ ...plan, version: 3 }));
  assert.not.ok(checkWeights({ ...weights, tensors: [{ ...weights.tensors[0], dtype: "q4" }] }));
  assert.not.ok(checkWeights({ ...weights, shards: [{ ...SHARD, sha256: "?" }] }));
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

test("they have the properties, the optional ones and the words of the TypeScript types of the same names", () => {
  const types = typesOf(["base/bundle.ts", "base/plan.ts", "base/dtype.ts", "ir/models/gpt2/config.ts"]);
  const compared = [PLAN, WEIGHTS].flatMap((schema) =>
    Object.entries({ [schema.title ?? ""]: schema, ...schema.$defs }).filter(([name, s]) => {
      const type = types.get(name);
      if (!type || !(s.properties || s.enum)) return false;
      assert.equal(wordsOf(s), type, name);
      return true;
    }),
  );
  // Those without a type of the same name: products, counts and dims have no properties, and Options are the compiler's.
  assert.equal(compared.map(([name]) => name).sort(), [
    ...[
      "BundleKernel",
      "BundlePlan",
      "BundleShard",
      "BundleVariant",
      "BundleWeights",
      "DType",
      "DType",
      "Gpt2Config",
      "PlanAccess",
    ],
    ...["PlanBuffer", "PlanBufferKind", "PlanEntry", "PlanModel", "PlanStep"],
    ...["PlanSymbol", "PlanTensor", "PlanWeight"],
  ]);
});

test.run();

function preset(name: string): Gpt2Config {
  const config = PRESETS[name];
  if (!config) throw new Error(`there is no preset ${name}`);
  return config;
}

/** What a reader of the files gets: absent is what is undefined here. */
function asJson({ plan, weights }: ReturnType<typeof compileBundle>) {
  return JSON.parse(JSON.stringify({ plan, weights })) as Pick<ReturnType<typeof compileBundle>, "plan" | "weights">;
}

/** All schemas within one, with a path to each. */
function everySchema(schema: Schema, path: string): readonly (readonly [path: string, schema: Schema])[] {
  const within = { ...schema.$defs, ...schema.properties, ...(schema.items && { items: schema.items }) };
  const all = [...Object.entries(within), ...(schema.oneOf ?? []).map((s, i) => [`${i}`, s] as const)];
  return [[path, schema], ...all.flatMap(([name, s]) => everySchema(s, `${path}.${name}`))];
}

/** An object's properties, with a `?` behind the optional ones, or the words of an enumeration. */
const wordsOf = ({ properties = {}, required = [], enum: words }: Schema): readonly string[] =>
  (words ?? Object.keys(properties).map((name) => (required.includes(name) ? name : `${name}?`))).toSorted();

/** The same of the types that the files export, by name: for objects, and for unions of texts. */
function typesOf(files: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const program = ts.createProgram(
    files.map((file) => join(ROOT, file)),
    {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      strict: true,
      types: [],
      lib: ["lib.es2023.d.ts"],
    },
  );
  const checker = program.getTypeChecker();
  const exported = files.flatMap((file) => {
    const source = program.getSourceFile(join(ROOT, file));
    const module = source && checker.getSymbolAtLocation(source);
    return module ? checker.getExportsOfModule(module) : [];
  });
  return new Map(
    exported.map((symbol) => {
      const type = checker.getDeclaredTypeOfSymbol(symbol);
      return [symbol.name, type.isUnion() ? literalsOf(type) : propertiesOf(checker, type)];
    }),
  );
}

const literalsOf = (type: ts.UnionType): readonly string[] =>
  type.types.flatMap((t) => (t.isStringLiteral() ? [t.value] : [])).toSorted();

/** `x: T | undefined` is what JSON leaves out as well. */
const propertiesOf = (checker: ts.TypeChecker, type: ts.Type): readonly string[] =>
  type
    .getProperties()
    .map((property) => {
      const of = checker.getTypeOfSymbol(property);
      const absent = of.isUnion() && of.types.some((t) => t.flags & ts.TypeFlags.Undefined);
      return absent || property.flags & ts.SymbolFlags.Optional ? `${property.name}?` : property.name;
    })
    .toSorted();
