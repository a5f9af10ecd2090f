// What a config.json says besides GPT-2's hyper-parameters. Keys of another architecture are refused by name: published
// models carry GPT-2's model_type and compute something else. Keys that change no number are known and passed over; all
// others are named in a warning, for transformers' GPT-2 does not read them either.
import { shortJson, shortName } from "../../../base/short-json.ts";
import { type ConfigFile, flag, refuse } from "../config-keys.ts";

/** GPT-2's own classes that compute its logits, in each framework. */
const COMPUTED = /^(TF|Flax)?GPT2(LMHead|DoubleHeads)?Model$/;
/** The same layers below another head. */
const OTHER_HEAD = /^(TF|Flax)?GPT2For\w+$/;
/** What a repository's own code may replace without changing the model. */
const NOT_THE_MODEL = /^Auto(Tokenizer|Processor|FeatureExtractor|ImageProcessor)$/;

/**
 * Keys by which models depart from GPT-2, the values at which they do not, and what they ask for. An object without keys
 * counts as null.
 */
const DEPARTURES: readonly {
  readonly keys: readonly string[];
  readonly neutral: readonly unknown[];
  readonly what: string;
}[] = [
  { keys: ["position_embedding_type"], neutral: ["absolute", "learned"], what: "positions of another kind" },
  {
    keys: [
      ...["rope_theta", "rope_scaling", "rope_parameters", "rotary", "rotary_dim", "rotary_pct", "use_rotary"],
      ...["rotary_emb_base", "rotary_emb_fraction", "rotary_ndims"],
    ],
    neutral: [false, 0],
    what: "rotary positions",
  },
  { keys: ["alibi", "use_alibi"], neutral: [false], what: "positions by ALiBi" },
  { keys: ["multi_query", "multi_query_attention"], neutral: [false], what: "keys and values shared by heads" },
  {
    keys: ["sliding_window", "window_size", "attention_types", "attention_layers"],
    neutral: [0],
    what: "attention to a part of the text",
  },
  {
    keys: ["parallel_attn", "parallel_block", "parallel_residual", "use_parallel_residual"],
    neutral: [false],
    what: "attention and MLP side by side",
  },
  { keys: ["rms_norm", "use_rms_norm", "rms_norm_eps"], neutral: [false], what: "RMS norms" },
  { keys: ["prenorm"], neutral: [true], what: "norms behind the layers" },
  {
    keys: ["qkv_proj_bias", "out_proj_bias", "mlp_fc1_bias", "mlp_fc2_bias"],
    neutral: [true],
    what: "layers without bias",
  },
  { keys: ["pruned_heads"], neutral: [], what: "layers with fewer heads than others" },
];

/** GPT-2's own keys, and those that transformers writes of every model. */
const KNOWN = new Set([
  ...["n_layer", "num_hidden_layers", "n_head", "num_attention_heads", "n_embd", "hidden_size", "n_inner"],
  ...["n_positions", "max_position_embeddings", "n_ctx", "vocab_size", "n_vocab", "position_encoding"],
  ...["layer_norm_epsilon", "activation_function", "tie_word_embeddings", "scale_attn_weights"],
  ...["scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "initializer_range", "use_cache", "dropout"],
  ...["add_cross_attention", "cross_attention_hidden_size", "is_decoder", "is_encoder_decoder", "tie_encoder_decoder"],
  ...["lm_head_bias", "head_bias", "n_special", "predict_special_tokens", "eos_token_ids", "num_key_value_heads"],
  ...["architectures", "auto_map", "model_type", "name_or_path", "torch_dtype", "dtype", "torchscript"],
  ...["use_bfloat16", "tf_legacy_loss", "chunk_size_feed_forward", "gradient_checkpointing", "finetuning_task"],
  ...["id2label", "label2id", "num_labels", "problem_type", "task_specific_params", "tokenizer_class", "prefix"],
  ...["attn_implementation", "quantization_config", "return_dict", "use_return_dict", "license", "language"],
  // How text is drawn, which older versions wrote into this file: that is up to who draws.
  ...["do_sample", "early_stopping", "max_length", "max_new_tokens", "min_length", "num_beams", "num_beam_groups"],
  ...["num_return_sequences", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty"],
  ...["diversity_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "suppress_tokens"],
  ...["begin_suppress_tokens", "remove_invalid_values", "exponential_decay_length_penalty", "return_dict_in_generate"],
  ...DEPARTURES.flatMap(({ keys }) => keys),
]);
const KNOWN_PATTERNS = [/^_/, /^summary_/, /_p?drop(out)?$/, /^output_/, /_token_ids?$/, /_version$/, /^transformers/];

/**
 * Refuses a config of another model, and tells `warn` what is left out of this one.
 * @throws CompileError that names the key.
 */
export function checkExtras(file: ConfigFile, warn: (text: string) => void): void {
  const { json, place } = file;
  if (json["model_type"] !== undefined && json["model_type"] !== null && json["model_type"] !== "gpt2")
    refuse(file, `model_type is ${shorten(json["model_type"])}`, "wgpt compiles gpt2");
  checkArchitecture(file, warn);
  if (isSaid(json["quantization_config"]))
    refuse(
      file,
      `quantization_config is ${shorten(json["quantization_config"])}, but wgpt computes with floats`,
      "give the checkpoint that was not quantised; if the weights are floats after all, remove the key",
    );
  for (const key of ["add_cross_attention", "is_encoder_decoder"])
    if (flag(file, key, false)) refuse(file, `${key} is true, but the graph is a decoder alone`);
  for (const key of ["lm_head_bias", "head_bias"])
    if (flag(file, key, false)) refuse(file, `${key} is true, but the head is a matrix without bias`);
  for (const { keys, neutral, what } of DEPARTURES)
    for (const key of keys)
      if (isSaid(json[key]) && !neutral.includes(json[key]))
        refuse(
          file,
          `${key} is ${shorten(json[key])}, which asks for ${what}, but GPT-2 has none`,
          "if the model is GPT-2 all the same, as transformers would compute it, remove the key",
        );
  const unknown = Object.keys(json).filter((key) => !KNOWN.has(key) && !KNOWN_PATTERNS.some((p) => p.test(key)));
  if (unknown.length > 0)
    warn(
      `${place}: ${unknown.length === 1 ? "a key that GPT-2 does not have is" : "keys that GPT-2 does not have are"} ignored: ${unknown.slice(0, 8).map(shortName).join(", ")}${unknown.length > 8 ? ", …" : ""}`,
    );
}

function checkArchitecture(file: ConfigFile, warn: (text: string) => void): void {
  const { architectures: given, auto_map } = file.json;
  const names: readonly unknown[] = Array.isArray(given) ? given : isSaid(given) ? [given] : [];
  if (!names.every((name) => typeof name === "string"))
    refuse(file, `architectures is ${shorten(given)}`, "it must be a list of names", { unset: ["architectures"] });
  const foreign = names.find((name) => !COMPUTED.test(String(name)) && !OTHER_HEAD.test(String(name)));
  const code = isSaid(auto_map) ? Object.entries(auto_map ?? {}).find(([key]) => !NOT_THE_MODEL.test(key)) : undefined;
  if (foreign !== undefined || code !== undefined) {
    const facts = [
      ...(foreign === undefined ? [] : [`architectures names ${shortName(String(foreign))}`]),
      ...(code === undefined
        ? []
        : [`auto_map names ${typeof code[1] === "string" ? shortName(code[1]) : shorten(code[1])}, code of its own`]),
    ];
    refuse(
      file,
      `${facts.join(", and ")}, but wgpt computes GPT2LMHeadModel`,
      "the model is another one than GPT-2, and wgpt can't compute it",
    );
  }
  const headed = names.find((name) => OTHER_HEAD.test(String(name)));
  if (headed !== undefined)
    warn(
      `${file.place}: architectures names ${shortName(String(headed))}, but what is computed is the language model below its head`,
    );
}

const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== null && !(typeof value === "object" && Object.keys(value).length === 0);

const shorten = (value: unknown): string => {
  const text = shortJson(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
};
