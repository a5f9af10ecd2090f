// Input that nobody of good will writes: each reader refuses it in one line of its own, and at no great cost.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WgptError } from "../../base/index.ts";
import { compileEntries, compileGpt2, targetByName } from "../../codegen/index.ts";
import { hostTensor, interpret, parseGraph, printGraph, readGpt2Config } from "../../ir/index.ts";
import { type BundleFiles, readBundle } from "../../runtime/bundle.ts";
import { MOST_KEYS, MOST_VALUES, parseJson, parseJsonKeys } from "../../runtime/json.ts";
import { createTokenizer } from "../../runtime/tokenizer.ts";
import { gpt2TokenizerJson } from "../../runtime/tokenizer-json.ts";
import { parseSafetensorsHeader } from "../../runtime/weights/safetensors.ts";
import { parseWeightMap } from "../../runtime/weights/shards.ts";
import { tinyTexts } from "../codegen/emit/tiny-bundle.ts";
import { rawSafetensors } from "../support/make-safetensors.ts";

const test = suite("readers");

const DEEP = "[".repeat(20_000) + "]".repeat(20_000);
/** Text is meant, and `String(…)` of this fails. */
const NO_TEXT: unknown = JSON.parse('{"toString":1}');
const CONFIG = { n_layer: 1, n_head: 1, n_embd: 4, n_ctx: 4, n_vocab: 4 };

const bundle = (files: Readonly<Record<string, string>>): BundleFiles => ({
  place: "b",
  text: async (file) => files[file] ?? "",
  bytes: async (_, __, length) => new Uint8Array(length),
  close: async () => {},
});
const plan = (more: string) => readBundle(bundle({ "plan.json": `{"format":"wgpt-bundle",${more}}` }));
const TINY = Object.fromEntries(await tinyTexts());
const weights = (more: string) => readBundle(bundle({ ...TINY, "weights.json": `{"format":"wgpt-weights",${more}}` }));
const header = (text: string) => {
  const bytes = rawSafetensors(text);
  return parseSafetensorsHeader("f", bytes, bytes.length);
};
const tokenizer = (json: string) => createTokenizer("t", JSON.parse(json));

/** What each of them says; its first line is short, whatever it was given. */
const REFUSED: readonly (readonly [name: string, read: () => unknown, says: RegExp])[] = [
  [
    "an activation that is no text",
    () => readGpt2Config({ ...CONFIG, activation_function: NO_TEXT }),
    /activation_function is \{"toString":1\}/,
  ],
  [
    "an activation that every object has",
    () => readGpt2Config({ ...CONFIG, activation_function: "constructor" }),
    /activation_function is "constructor"/,
  ],
  [
    "a number of layers that is nested",
    () => readGpt2Config({ ...CONFIG, n_layer: JSON.parse(DEEP) }),
    /n_layer is \[\[\[/,
  ],
  ["half an end token", () => readGpt2Config({ ...CONFIG, eos_token_id: 1.5 }), /eos_token_id is 1.5/],
  [
    "a class that is no text",
    () => readGpt2Config({ ...CONFIG, auto_map: { AutoModel: NO_TEXT } }),
    /auto_map names \{"toString":1\}/,
  ],
  ["a nested tensor", () => header(`{"a":${DEEP}}`), /nested more than 200 deep/],
  [
    "a name of ten million escapes",
    () => header(`{"${"\\n".repeat(1e7)}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`),
    /is a name of 10000000 characters, but at most 1000/,
  ],
  [
    "a shape of a thousand axes",
    () => header(`{"a":{"dtype":"F32","shape":[${Array(1000).fill(1)}],"data_offsets":[0,4]}}`),
    /has 1000 axes, but at most 32/,
  ],
  [
    "an id that is no number",
    () => tokenizer('{"model":{"type":"BPE","vocab":{"a":{"toString":1}},"merges":[]},"decoder":{"type":"ByteLevel"}}'),
    /the id of "a" must be .*, but is \{"toString":1\}/,
  ],
  [
    "a kind of model that is no text",
    () => tokenizer('{"model":{"type":{"toString":1},"vocab":{},"merges":[]}}'),
    /of the type \{"toString":1\}/,
  ],
  [
    "a kind of model that every object has",
    () => tokenizer('{"model":{"type":"constructor","vocab":{},"merges":[]}}'),
    /of the type "constructor"/,
  ],
  [
    "an id in vocab.json that is no number",
    () => createTokenizer("t", gpt2TokenizerJson({ a: NO_TEXT }, "")),
    /the id of "a" must be/,
  ],
  [
    "an id that is nested",
    () => tokenizer(`{"model":{"vocab":{"a":${DEEP}},"merges":[]},"decoder":{"type":"ByteLevel"}}`),
    /the id of "a" must be .* but is \[\[\[/,
  ],
  [
    "an added token of a megabyte",
    () =>
      createTokenizer("t", {
        model: { vocab: {}, merges: [] },
        decoder: { type: "ByteLevel" },
        added_tokens: [{ id: 0, content: "a".repeat(2 ** 20) }],
      }),
    /has 1048576 characters, but at most 1000/,
  ],
  ["a plan that says nothing", () => plan('"version":2'), /plan\.json/],
  ["a version that is no text", () => plan('"version":{"toString":1}'), /is version \{"toString":1\}, but/],
  ["variants that are no list", () => plan('"version":2,"variants":{}'), /plan\.json/],
  ["a key that is no text", () => plan('"version":2,"variants":[{"\\ud800":1}]'), /plan\.json/],
  ["shards that are no list", () => weights('"version":2,"tensors":[],"shards":{}'), /weights\.json shards/],
  [
    "a shard of −1 bytes",
    () => weights('"version":2,"tensors":[],"shards":[{"file":"x","bytes":-1,"sha256":["x"]}]'),
    /weights\.json/,
  ],
  ["an index that is nested", () => parseWeightMap("i", `{"weight_map":${DEEP}}`), /nested more than 200 deep/],
  [
    "a recipe that is nested",
    () => parseGraph(`graph g(weight w: f32[2] = ${"cast(".repeat(20_000)}`),
    /^line 1, column \d+: is nested more than 64 deep/,
  ],
  [
    "a body that is nested",
    () => parseGraph(`graph g(x: f32[2]) { ${"y = fused pointwise(x) {".repeat(20_000)}`),
    /is nested more than 64 deep/,
  ],
  ["a target that every object has", () => targetByName("constructor"), /there is no target constructor/],
  [
    "a cache that is updated past its end",
    () =>
      interpret(
        parseGraph("graph g[P>=0](state k: f32[2, 1], x: f32[2, 1]) { u = cache_update(k, x, start=P) return u }"),
        new Map([
          ["k", hostTensor("f32", [2, 1], [0, 0])],
          ["x", hostTensor("f32", [2, 1], [1, 1])],
        ]),
        { P: 1 },
      ),
    /interpret g: .*P/,
  ],
];

for (const [name, read, says] of REFUSED)
  test(`refuses ${name}`, async () => {
    let error: unknown;
    let ms = Number.POSITIVE_INFINITY;
    // Other work on the machine slows one run, and seldom each of three.
    for (let run = 0; ms >= 1000 && run < 3; run++) {
      const began = performance.now();
      error = await Promise.resolve()
        .then(read)
        .then(
          () => undefined,
          (e: unknown) => e,
        );
      ms = performance.now() - began;
    }
    assert.instance(error, WgptError, `it says ${error instanceof Error ? error.stack?.slice(0, 500) : error}`);
    const [first = ""] = error instanceof Error ? error.message.split("\n") : [];
    assert.match(first, says);
    assert.ok(first.length < 500, `its first line has ${first.length} characters`);
    assert.ok(ms < 1000, `it took ${ms} ms`);
  });

test("98 MB of brackets cost no more than they take", () => {
  const bytes = rawSafetensors(`{"a":${"[".repeat(98e6)}}`);
  const before = process.memoryUsage().rss;
  const began = performance.now();
  assert.throws(() => parseSafetensorsHeader("f", bytes, bytes.length), /nested more than 200 deep/);
  assert.ok(performance.now() - began < 5000);
  assert.ok(process.memoryUsage().rss - before < 500e6);
});

test("JSON of more values or keys than any file needs is refused before it is made", () => {
  assert.throws(() => parseJson(`[${"[],".repeat(MOST_VALUES)}0]`), /holds more than 4000000 values/);
  const keys = Array.from({ length: MOST_KEYS + 1 }, (_, i) => `"${i}":0`);
  assert.throws(() => parseJsonKeys(`{${keys}}`), /more than 200000 keys/);
  assert.equal(parseJsonKeys('{"a":"\\"b\\\\","a\\u0062":{"c":1,"c":2},"ab":[{}]}').twice, "ab");
  assert.equal(parseJson(' [{"a]":"}"}, 1e3, null]'), [{ "a]": "}" }, 1000, null]);
  assert.throws(() => parseJson('{"a\nb'), /^(?!.*\n)/);
});

for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
  const graph = (text: string) => parseGraph(`graph g(x: f32[2]) { ${text} return y }`);
  test(`${name} is a name like others`, () => {
    assert.throws(() => graph(`y = ${name}(x)`), new RegExp(`${name} is no op`));
    assert.throws(() => graph(`y = tanh(x, ${name}=1)`), new RegExp(`attribute ${name} is not one of tanh's`));
    assert.throws(() => targetByName(name), new RegExp(`no target ${name}`));
    assert.match(printGraph(parseGraph(`graph ${name}(${name}: f32[2]) { y = tanh(${name}) return y }`)), /tanh/);
    assert.throws(() => compileGpt2(readGpt2Config(CONFIG), { disable: [name] }), new RegExp(name));
    const { tensors } = (() => {
      const bytes = rawSafetensors(`{"${name}":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4);
      return parseSafetensorsHeader("f", bytes, bytes.length);
    })();
    assert.equal([...tensors.keys()], [name]);
    assert.throws(() => header(`{"a":{"dtype":"${name}","shape":[0],"data_offsets":[0,0]}}`), /its dtype is/);
    assert.equal([...parseWeightMap("i", `{"weight_map":{"${name}":"${name}"}}`)], [[name, name]]);
    const vocab = JSON.parse(`{"${name}":0,"a":1}`);
    assert.is(createTokenizer("t", gpt2TokenizerJson(vocab, "")).decode([0, 1]), `${name}a`);
    if (name === "__proto__") return;
    const symbolic = parseGraph(`graph g(x: f32[${name}]) { y = tanh(x) return y }`);
    const specs = [{ name: "g", graph: symbolic }];
    assert.throws(() => compileEntries("g", specs), new RegExp(`the symbol ${name}, which has no largest value`));
    const { plan } = compileEntries("g", [{ name: "g", graph: symbolic, maxima: { [name]: 4 } }]);
    assert.equal(plan.symbols, [{ name, min: 1, max: 4 }]);
  });
}

test.run();
