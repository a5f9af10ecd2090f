import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CompileError } from "../../ir/errors.ts";
import { type Gpt2Config, readGpt2Config } from "../../ir/models/gpt2/config.ts";

const test = suite("gpt2-config");

const SMALL = { model_type: "gpt2", n_layer: 2, n_head: 2, n_embd: 8, n_positions: 16, vocab_size: 30 };
type Change = Readonly<Record<string, unknown>>;

const read = (change: Change = {}, generation?: Change): { config: Gpt2Config; warnings: readonly string[] } => {
  const warnings: string[] = [];
  const config = readGpt2Config({ ...SMALL, ...change }, "m/config.json", {
    warn: (text) => warnings.push(text),
    ...(generation && { generation: { json: generation, place: "m/generation_config.json" } }),
  });
  return { config, warnings };
};

function refusal(change: Change, generation?: Change): CompileError {
  try {
    read(change, generation);
  } catch (error) {
    assert.instance(error, CompileError);
    return error as CompileError;
  }
  throw new Error(`${JSON.stringify(change)} was taken`);
}

/** What transformers writes of a GPT-2, with the keys of old versions and of new ones. */
const PUBLISHED = {
  _name_or_path: "gpt2",
  _num_labels: 1,
  activation_function: "gelu_new",
  architectures: ["GPT2LMHeadModel"],
  attn_pdrop: 0.1,
  bos_token_id: 29,
  dtype: "float32",
  embd_pdrop: 0.1,
  eos_token_id: 29,
  gradient_checkpointing: false,
  id2label: { 0: "LABEL_0" },
  initializer_range: 0.02,
  label2id: { LABEL_0: 0 },
  layer_norm_epsilon: 1e-5,
  n_ctx: 16,
  n_inner: null,
  n_special: 0,
  output_past: true,
  predict_special_tokens: true,
  pruned_heads: {},
  quantization_config: null,
  reorder_and_upcast_attn: true,
  resid_pdrop: 0.1,
  rope_scaling: null,
  scale_attn_by_inverse_layer_idx: false,
  scale_attn_weights: true,
  summary_activation: null,
  summary_first_dropout: 0.1,
  summary_proj_to_labels: true,
  summary_type: "cls_index",
  summary_use_proj: true,
  task_specific_params: { "text-generation": { do_sample: true, max_length: 50 } },
  tokenizer_class: "GPT2TokenizerFast",
  torch_dtype: "float16",
  transformers_version: "4.53.3",
  use_cache: true,
};

test("a config as transformers writes it is read without a word", () => {
  const { config, warnings } = read(PUBLISHED);
  assert.equal(warnings, []);
  assert.equal(config, { ...read().config, eos_token_ids: [29] });
});

test("what is read is read again as the same", () => {
  const { config } = read({ eos_token_id: [3, 4], n_inner: 12, tie_word_embeddings: false });
  assert.equal(readGpt2Config(JSON.parse(JSON.stringify(config))), config);
});

const ENDS: Readonly<Record<string, readonly [Change, Change | undefined, readonly number[]]>> = {
  "one id": [{ eos_token_id: 7 }, undefined, [7]],
  "a list, each once": [{ eos_token_id: [7, 3, 7] }, undefined, [7, 3]],
  "null, and an empty list": [{ eos_token_id: null }, { eos_token_id: [] }, []],
  "those of generation_config.json before the config's": [{ eos_token_id: 7 }, { eos_token_id: [4, 5] }, [4, 5]],
  "the config's where generation_config.json has none": [{ eos_token_id: 7 }, { bos_token_id: 1 }, [7]],
  "the config's where those of generation_config.json are no tokens": [{ eos_token_id: 7 }, { eos_token_id: 30 }, [7]],
};
for (const [name, [change, generation, ids]] of Object.entries(ENDS))
  test(`end tokens are ${name}`, () => assert.equal(read(change, generation).config.eos_token_ids, ids));

test("ids beyond the vocabulary are ignored, and named with their keys in one warning of each file", () => {
  const { config, warnings } = read(
    { eos_token_id: [50256, 3, -1], bos_token_id: 50256, pad_token_id: 2 },
    { eos_token_id: 99, bos_token_id: 99 },
  );
  assert.equal(config.eos_token_ids, [3]);
  assert.equal(warnings, [
    "m/generation_config.json: eos_token_id 99 ignored, for the vocabulary has ids 0 to 29 only",
    "m/config.json: eos_token_id 50256, eos_token_id -1, bos_token_id 50256 ignored, for the vocabulary has ids 0 to 29 only",
  ]);
});

test("n_positions is the context, also as max_position_embeddings; n_ctx counts where both are absent", () => {
  const context = (change: Change) => {
    const { n_ctx, n_positions } = read({ n_positions: undefined, ...change }).config;
    return [n_ctx, n_positions];
  };
  assert.equal(context({ n_positions: 64, n_ctx: 8 }), [64, 64]);
  assert.equal(context({ n_positions: 8, n_ctx: 64 }), [8, 8]);
  assert.equal(context({ max_position_embeddings: 64, n_ctx: 8 }), [64, 64]);
  assert.equal(context({ n_ctx: 8 }), [8, 8]);
  assert.equal(context({ n_positions: null, n_ctx: 8 }), [8, 8]);
});

/** ACT2FN of transformers, by what its functions compute. */
const erf = (x: number): number => {
  // The series of erf, exact to f64 where it is used below.
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};
const tanhGelu = (x: number, c: number): number => 0.5 * x * (1 + Math.tanh(c * (x + 0.044715 * x ** 3)));
const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  gelu: (x) => x * 0.5 * (1 + erf(x / Math.sqrt(2))),
  gelu_new: (x) => tanhGelu(x, Math.sqrt(2 / Math.PI)),
  relu: (x) => Math.max(0, x),
  gelu_python: (x) => x * 0.5 * (1 + erf(x / Math.sqrt(2))),
  gelu_accurate: (x) => tanhGelu(x, Math.sqrt(2 / Math.PI)),
  gelu_python_tanh: (x) => tanhGelu(x, Math.sqrt(2 / Math.PI)),
  gelu_pytorch_tanh: (x) => tanhGelu(x, Math.SQRT2 * (2 / Math.sqrt(Math.PI)) * 0.5),
  gelu_fast: (x) => 0.5 * x * (1 + Math.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x))),
};

test("an activation's other names stand for the same function, to a hundredth of f32's rounding", () => {
  for (const [name, compute] of Object.entries(FUNCTIONS)) {
    const same = FUNCTIONS[read({ activation_function: name }).config.activation_function];
    assert.ok(same, name);
    for (let x = -4; x <= 4; x += 1 / 64) {
      const [got, want] = [compute(x), same?.(x) ?? Number.NaN];
      assert.ok(Math.abs(got - want) <= 2 ** -24 * 0.01 * Math.abs(want), `${name}(${x}) is ${got}, but ${want}`);
    }
  }
  assert.is(Math.fround(0.7978845608), Math.fround(Math.sqrt(2 / Math.PI)));
});

test("functions that are others are refused by name", () => {
  for (const name of ["quick_gelu", "gelu_10", "silu", "swish", "relu2", "relu6", "linear", "tanh", "toString"])
    assert.match(refusal({ activation_function: name }).facts, `activation_function is "${name}"`);
});

test("keys of other models are refused by name", () => {
  const cases: readonly (readonly [Change, RegExp])[] = [
    [{ model_type: "llama" }, /^model_type is "llama"$/],
    [{ architectures: ["AraGPT2LMHeadModel"] }, /^architectures names AraGPT2LMHeadModel, but wgpt computes/],
    [{ architectures: ["GPT2LMHeadModel", "X"] }, /^architectures names X/],
    [
      { auto_map: { AutoModelForCausalLM: "modeling_x.GPT2LMHeadModel" } },
      /^auto_map names modeling_x\.GPT2LMHeadModel/,
    ],
    [{ auto_map: { AutoConfig: "configuration_x.X" } }, /^auto_map names configuration_x\.X/],
    [{ quantization_config: { quant_method: "gptq", bits: 4 } }, /^quantization_config is \{"quant_method":"gptq"/],
    [{ rope_theta: 10000 }, /^rope_theta is 10000, which asks for rotary positions/],
    [{ rope_parameters: { rope_type: "default" } }, /^rope_parameters is/],
    [{ position_embedding_type: "alibi" }, /^position_embedding_type is "alibi"/],
    [{ alibi: true }, /ALiBi/],
    [{ multi_query: true }, /^multi_query is true/],
    [{ num_key_value_heads: 1 }, /^num_key_value_heads is 1, but n_head is 2/],
    [{ parallel_attn: true }, /^parallel_attn is true/],
    [{ pruned_heads: { 0: [1] } }, /^pruned_heads is \{"0":\[1\]\}/],
    [{ rms_norm: true }, /RMS norms/],
    [{ add_cross_attention: true }, /^add_cross_attention is true/],
    [{ is_encoder_decoder: true }, /^is_encoder_decoder is true/],
    [{ lm_head_bias: true }, /^lm_head_bias is true/],
  ];
  for (const [change, facts] of cases) {
    const error = refusal(change);
    assert.match(error.facts, facts);
    assert.is(error.place, "m/config.json");
    assert.is(error.fix, undefined, "which model is meant is for the user to say");
  }
});

test("the same keys at the values that GPT-2 has are taken", () => {
  const change = {
    architectures: ["GPT2LMHeadModel", "TFGPT2LMHeadModel"],
    auto_map: { AutoTokenizer: ["tokenization_x.X", null] },
    rope_theta: null,
    alibi: false,
    multi_query: false,
    num_key_value_heads: 2,
    position_embedding_type: "absolute",
    prenorm: true,
    rotary_emb_fraction: 0.0,
  };
  const { config, warnings } = read(change);
  assert.equal([config, warnings], [read().config, []]);
});

test("keys that nobody knows, and a head above the model, are named in a warning", () => {
  assert.equal(read({ scale_attn_by_layer_idx: true, colour: 1 }).warnings, [
    "m/config.json: keys that GPT-2 does not have are ignored: scale_attn_by_layer_idx, colour",
  ]);
  assert.match(read({ architectures: ["GPT2ForSequenceClassification"] }).warnings.join(), /below its head/);
});

test("a value of a type that is not understood is refused by name, with the edit that mends it", () => {
  const cases: readonly (readonly [Change, string, object | undefined])[] = [
    [{ eos_token_id: "29" }, 'eos_token_id is "29"', { set: { eos_token_id: 29 } }],
    [{ eos_token_id: [1, "2"] }, 'eos_token_id is [1,"2"]', { set: { eos_token_id: [1, 2] } }],
    [{ eos_token_id: "<|end|>" }, 'eos_token_id is "<|end|>"', { unset: ["eos_token_id"] }],
    [{ eos_token_id: [[1]] }, "eos_token_id is [[1]]", { unset: ["eos_token_id"] }],
    [{ eos_token_id: 1.5 }, "eos_token_id is 1.5", { unset: ["eos_token_id"] }],
    [{ eos_token_id: true }, "eos_token_id is true", { unset: ["eos_token_id"] }],
    [{ bos_token_id: {} }, "bos_token_id is {}", { unset: ["bos_token_id"] }],
    [{ tie_word_embeddings: "false" }, 'tie_word_embeddings is "false"', { set: { tie_word_embeddings: false } }],
    [{ tie_word_embeddings: 1 }, "tie_word_embeddings is 1", { set: { tie_word_embeddings: true } }],
    [{ tie_word_embeddings: null }, "tie_word_embeddings is null", { set: { tie_word_embeddings: false } }],
    [{ scale_attn_weights: [] }, "scale_attn_weights is []", undefined],
    [{ layer_norm_epsilon: "1e-5" }, 'layer_norm_epsilon is "1e-5"', { set: { layer_norm_epsilon: 1e-5 } }],
    [{ layer_norm_epsilon: null }, "layer_norm_epsilon is null", { unset: ["layer_norm_epsilon"] }],
    [{ layer_norm_epsilon: -1 }, "layer_norm_epsilon is -1", undefined],
    [{ layer_norm_epsilon: 1e300 }, "layer_norm_epsilon is 1e+300", undefined],
    [{ activation_function: null }, "activation_function is null", undefined],
    [{ n_layer: "2" }, 'n_layer is "2"', { set: { n_layer: 2 } }],
    [{ n_layer: undefined }, "n_layer or num_hidden_layers is missing", { set: { n_layer: 12 } }],
    [{ n_layer: 1e300 }, "n_layer is 1e+300", undefined],
    [{ n_inner: [8] }, "n_inner is [8]", undefined],
    [{ hidden_size: 16 }, "n_embd is 8, but hidden_size is 16", undefined],
    [{ n_vocab: 31 }, "vocab_size is 30, but n_vocab is 31", undefined],
    [{ architectures: [3] }, "architectures is [3]", { unset: ["architectures"] }],
  ];
  for (const [change, facts, edit] of cases) {
    const error = refusal(change);
    assert.is(error.facts, facts);
    assert.equal(error.fix, edit && { kind: "edit-json", file: "m/config.json", ...edit });
    if (edit) assert.not.throws(() => read({ ...change, ...edited(edit) }));
  }
  const error = refusal({}, { eos_token_id: "7" });
  assert.is(error.place, "m/generation_config.json");
  assert.equal(error.fix, { kind: "edit-json", file: error.place, set: { eos_token_id: 7 } });
});

/** What an edit changes. */
function edited(edit: object): Change {
  const { set = {}, unset = [] } = edit as { readonly set?: Change; readonly unset?: readonly string[] };
  return { ...Object.fromEntries(unset.map((key) => [key, undefined])), ...set };
}

test("what is no file of its own has no edit", () => {
  assert.throws(
    () => readGpt2Config({ ...SMALL, n_layer: "2" }, "b/plan.json source.config"),
    (error: CompileError) => error.fix === undefined,
  );
});

test.run();
