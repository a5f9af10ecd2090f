// What a family of models may get wrong, each refused in one line that names the family and its member.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileModel, definePlugin, extend, standard } from "../../codegen/compile.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Family } from "../../ir/family.ts";
import { readFamilyConfig } from "../../ir/family-members.ts";
import { type Gpt2Config, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";

const test = suite("family mistakes");

const CONFIG = readGpt2Config({ n_layer: 1, n_head: 2, n_embd: 16, n_ctx: 8, vocab_size: 11 });
const familyOf = (members: Partial<Record<keyof Family, unknown>>): Family<Gpt2Config> => ({
  ...gpt2,
  name: "f",
  presets: {},
  ...(members as object),
});
const graph =
  (change: Partial<Gpt2Config>): Family<Gpt2Config>["graph"] =>
  (c, entry) =>
    gpt2.graph({ ...c, ...change }, entry);

const refuses = (run: () => unknown, message: RegExp): void => {
  try {
    run();
  } catch (error) {
    assert.instance(error, CompileError, String(error));
    const { place, facts } = error as CompileError;
    assert.match(`${place}: ${facts}`, message);
    assert.not.match(`${place}: ${facts}`, /\n|internal error/);
    return;
  }
  assert.unreachable("it passed");
};

const MEMBERS: readonly (readonly [what: string, members: Parameters<typeof familyOf>[0], message: RegExp])[] = [
  ["whose name is no word", { name: "a b" }, /^plugin p: family a b has "a b" for name, which must be a word/],
  ["without a list of presets", { presets: null }, /^plugin p: family f has null for presets, /],
  [
    "whose pattern is none",
    { names: { ignored: [{ name: "(" }] } },
    /for names.ignored, .* name \(a regular expression\)/,
  ],
  ["whose checkpoints have an unknown name", { names: { ignore: [] } }, /has names.ignore, but names are prefix, /],
  ["whose pair lacks its head", { names: { tied: { embedding: "a", key: "b" } } }, /has no names.tied.head$/],
  ["whose weights begin as text", { initialisation: { rules: [{ name: ".", std: "x" }] } }, /for initialisation.rules/],
  ["that names some of the roles", { roles: { tokens: "t" } }, /^plugin p: family f has no roles.settings$/],
  [
    "with a preset of another family's",
    { presets: { gpt2: CONFIG } },
    /^plugin p: family f has the preset gpt2, which is one of gpt2's$/,
  ],
];
for (const [what, members, message] of MEMBERS)
  test(`refuses a family ${what}`, () =>
    refuses(() => extend(standard, definePlugin({ name: "p", families: [familyOf(members) as never] })), message));

const CONFIGS: readonly (readonly [what: string, readConfig: () => unknown, message: RegExp])[] = [
  ["throws", () => at([], 2), /^family f: its readConfig throws Error: index 2 of 0$/],
  ["gives nothing", () => undefined, /^family f: its readConfig gives undefined, where n_layer is undefined$/],
  ["gives a length that is none", () => ({ ...CONFIG, n_ctx: Number.NaN }), /, where n_ctx is NaN$/],
  ["gives no end tokens", () => ({ ...CONFIG, eos_token_ids: undefined }), /, where eos_token_ids is undefined$/],
  ["is async", async () => CONFIG, /^family f: its readConfig gives a promise, where n_layer is undefined$/],
];
for (const [what, readConfig, message] of CONFIGS)
  test(`refuses a readConfig that ${what}`, () =>
    refuses(() => readFamilyConfig(familyOf({ readConfig }), {}, "config.json"), message));

const GRAPHS: readonly (readonly [what: string, graph: (...args: never[]) => unknown, message: RegExp])[] = [
  ["throws", () => at([], 2), /^family f: its graph throws Error: index 2 of 0$/],
  ["gives nothing", () => undefined, /^family f: its graph gives undefined$/],
  [
    "is narrower",
    graph({ n_vocab: 7 }),
    /^family f: its graph of prefill has logits: f32\[1, 7\], which is to be f32\[1, 11\]$/,
  ],
  ["is shorter", graph({ n_ctx: 7 }), /^family f: its graph of prefill has tokens: i32\[8\], which is to be i32\[9\]$/],
  [
    "gives every position's logits",
    (config: Gpt2Config) => gpt2.graph(config, "logits"),
    /^family f: its graph of prefill has logits: f32\[T, 11\], which is to be f32\[1, 11\]$/,
  ],
];
for (const [what, make, message] of GRAPHS)
  test(`refuses a graph that ${what}`, () => refuses(() => compileModel(familyOf({ graph: make }), CONFIG), message));

test.run();
