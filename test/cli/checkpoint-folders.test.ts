// Checkpoint folders as people have them, one a line: what differs from a folder that works, and what becomes of it. Every
// `fix` of a refusal is followed: it ends in a run, or in another refusal.
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WgptError } from "../../base/index.ts";
import { printError } from "../../cli/errors.ts";
import { loadBundle } from "../../runtime/index.ts";
import {
  addedToken,
  checkpointFolder,
  type FolderChange,
  MERGES_TXT,
  tokenizerJson,
  VOCAB,
} from "../support/checkpoint-folders.ts";
import { followFix } from "../support/follow-fix.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { f32, inFolder } from "../support/make-safetensors.ts";
import { rejects } from "../support/rejects.ts";
import { type InProcessResult, runInProcess } from "../support/run-in-process.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("checkpoint-folders");

/** One of `loads`, `warns` and `refuses`. */
interface Case extends FolderChange {
  readonly name: string;
  /** The command; FOLDER stands for the folder. A generation of eight tokens when absent. */
  readonly run?: readonly string[];
  /** Succeeds without a warning; stdout matches. */
  readonly loads?: RegExp;
  /** Succeeds; the one line of warning matches. */
  readonly warns?: RegExp;
  /** What stdout has beside a warning. */
  readonly prints?: RegExp;
  /** Fails with this, as one line. */
  readonly refuses?: RegExp;
  /** The refusal has a `fix`: which kind. */
  readonly fix?: "edit-json" | "rename" | "remove" | "options" | "command";
}

const GENERATE = "generate --model FOLDER --max-new-tokens 8 --seed 1 --json".split(" ");
const generate = (...more: readonly string[]): readonly string[] => [...GENERATE, ...more];
/** Eight tokens that the tokenizer has a text for: 0 to 261. */
const TEXTS = /"tokens":\[((\d\d?|1\d\d|2[0-5]\d|26[01])(,|(?=\]))){8}\]/;
/** The same, and 1999. */
const OR_LAST = new RegExp(TEXTS.source.replace("26[01]", "26[01]|1999"));
const EIGHT = /"tokens":\[(\d+,){7}\d+\]/;

const PAD = addedToken(262, "[PAD]");
const USER = addedToken(262, "<user>", { special: false });
const DECODER = { 262: { content: "<user>", special: false }, 263: { content: "<sep>", special: true } };
const BOM = "\ufeff";
const WORDPIECE = { model: { type: "WordPiece", vocab: { "[UNK]": 0, the: 1 } }, decoder: { type: "WordPiece" } };
const TOKENS = ["--tokens", "1,2"];
/** What needs no tokenizer runs beside one that can't be read. */
const BENCH = "bench FOLDER --runs 1 --max-new-tokens 2 --prefill 4".split(" ");
const NO_TEXT = /: tokens are ids without text/;
/** Reads config and headers alone, which takes a tenth of the time. */
const INSPECT = ["inspect", "FOLDER"];
const INSPECTED = /entry decode/;
/** Another head than the embedding. */
const HEAD = {
  "lm_head.weight": f32(
    [262, 8],
    Array.from({ length: 262 * 8 }, (_, i) => Math.sin(i)),
  ),
};
const WEIGHTS = checkpointFolder()["model.safetensors"];

// biome-ignore format: a case is a line
const CASES: readonly Case[] = [
  { name: "a folder with tokenizer.json", loads: EIGHT },
  { name: "a folder with vocab.json and merges.txt", tokenizer: "pair", loads: /"prompt_tokens":\[259,258\]/ },
  { name: "a folder with encoder.json and vocab.bpe", tokenizer: "none", files: { "encoder.json": VOCAB, "vocab.bpe": MERGES_TXT }, loads: /"prompt_tokens":\[259,258\]/ },

  { name: "a vocabulary padded far beyond the tokenizer, greedily", config: { vocab_size: 2000 }, run: generate("in", "--temperature", "0"), loads: TEXTS },
  { name: "a vocabulary padded far beyond the tokenizer, at a high temperature", config: { vocab_size: 2000 }, run: generate("in", "--temperature", "9"), loads: TEXTS },
  { name: "a vocabulary padded far beyond the tokenizer, with every filter", config: { vocab_size: 2000 }, run: generate("in", "--top-k", "1500", "--top-p", "0.99"), loads: TEXTS },
  { name: "a padded vocabulary, and a prompt of an id that has no text", config: { vocab_size: 2000 }, run: generate("--tokens", "1999"), loads: TEXTS },
  { name: "a hole in the vocabulary", config: { vocab_size: 2000 }, files: { "tokenizer.json": tokenizerJson([addedToken(1999, "<last>")]) }, run: generate("in", "--temperature", "9"), loads: OR_LAST },
  { name: "a padded vocabulary that is scored", config: { vocab_size: 2000 }, run: ["score", "in the", "--model", "FOLDER", "--top", "2000", "--json"], loads: /"token":1999,"logit"/ },
  { name: "a hole in the vocabulary that is scored", config: { vocab_size: 300 }, files: { "tokenizer.json": tokenizerJson([addedToken(299, "<last>")]) }, run: ["score", "in the", "--model", "FOLDER", "--top", "300"], loads: /298 +"" / },
  { name: "a padded vocabulary whose end token has no text", config: { vocab_size: 300, eos_token_id: 299 }, loads: EIGHT },

  { name: "a tokenizer with a token more than the model", files: { "tokenizer.json": tokenizerJson([PAD]) }, warns: /model's vocabulary has 262 ids, but the tokenizer's go up to 262 \("\[PAD\]"\)/, prints: EIGHT },
  { name: "a prompt that needs a token that the model lacks", files: { "tokenizer.json": tokenizerJson([PAD]) }, run: generate("a[PAD]", "--special"), refuses: /text: token 262 \("\[PAD\]"\) is not in the vocabulary of 262/ },
  { name: "a scored text that needs a token that the model lacks", files: { "tokenizer.json": tokenizerJson([USER]) }, run: ["score", "a<user>", "--model", "FOLDER"], refuses: /text: token 262 \("<user>"\) is not in the vocabulary of 262/ },
  { name: "an id that neither model nor tokenizer has", run: generate("--tokens", "9999"), refuses: /--tokens: token 9999 is not in the vocabulary of 262/ },
  { name: "an end token that only the tokenizer has", configOnly: { eos_token_id: null }, files: { "tokenizer.json": tokenizerJson([PAD]), "tokenizer_config.json": { eos_token: "[PAD]" } }, warns: /go up to 262/, prints: EIGHT },
  { name: "an end token beyond the vocabulary", config: { eos_token_id: 50256 }, warns: /config\.json: eos_token_id 50256 ignored, for the vocabulary has ids 0 to 261 only/, prints: EIGHT },
  { name: "an end token beyond the vocabulary, and no prompt", config: { eos_token_id: 50256 }, run: generate(), warns: /eos_token_id 50256 ignored/, prints: /"prompt_tokens":\[261\]/ },
  { name: "an end token beyond the vocabulary, and no tokenizer", config: { eos_token_id: -1 }, tokenizer: "none", run: generate(...TOKENS), warns: /eos_token_id -1 ignored/, prints: EIGHT },
  { name: "no end token, no tokenizer and no prompt", config: { eos_token_id: null }, tokenizer: "none", run: generate(), refuses: /prompt: is missing/, fix: "options" },

  { name: "added_tokens.json", config: { vocab_size: 264 }, tokenizer: "pair", files: { "added_tokens.json": { "<user>": 262, "<sep>": 263 } }, run: generate("a<user><sep>"), loads: /"prompt_tokens":\[97,262,263\]/ },
  { name: "added_tokens.json with a special token of special_tokens_map.json", config: { vocab_size: 264 }, tokenizer: "pair", files: { "added_tokens.json": { "<user>": 262, "<sep>": 263 }, "special_tokens_map.json": { sep_token: { content: "<sep>" } } }, run: generate("a<user><sep>", "--special"), loads: /"prompt_tokens":\[97,262,263\]/ },
  { name: "a special token of added_tokens.json in a prompt without --special", config: { vocab_size: 263 }, tokenizer: "pair", files: { "added_tokens.json": { "<s>": 262 }, "special_tokens_map.json": { bos_token: "<s>" } }, run: generate("<s>a"), warns: /the text spells <s>, which is read as ordinary text; give --special/, prints: /"prompt_tokens":\[60,115,62,97\]/ },
  { name: "added_tokens.json beside tokenizer.json", config: { vocab_size: 263 }, files: { "added_tokens.json": { "<user>": 262 } }, run: generate("a<user>"), loads: /"prompt_tokens":\[97,262\]/ },
  { name: "added_tokens_decoder in tokenizer_config.json", config: { vocab_size: 264 }, tokenizer: "pair", files: { "tokenizer_config.json": { added_tokens_decoder: DECODER } }, run: generate("a<user><sep>", "--special"), loads: /"prompt_tokens":\[97,262,263\]/ },
  { name: "the end token of special_tokens_map.json", config: { vocab_size: 263, eos_token_id: null }, tokenizer: "pair", files: { "added_tokens.json": { "</s>": 262 }, "special_tokens_map.json": { eos_token: "</s>" } }, run: generate(), loads: /"prompt_tokens":\[262\]/ },
  { name: "added_tokens.json with another id for a token of the vocabulary", config: { vocab_size: 263 }, tokenizer: "pair", files: { "added_tokens.json": { "<|endoftext|>": 262 } }, warns: /added_tokens\.json: gives "<\|endoftext\|>" the id 262, but the vocabulary 261, which is used/, prints: EIGHT },
  { name: "added_tokens.json with the id of another token", tokenizer: "pair", files: { "added_tokens.json": { "<user>": 5 } }, refuses: /added_tokens\.json: gives the id 5 to the added token "<user>", but it belongs to/, fix: "edit-json" },
  { name: "added_tokens.json that is a list", tokenizer: "pair", files: { "added_tokens.json": ["<user>"] }, refuses: /added_tokens\.json: must be a JSON object/, fix: "remove" },
  { name: "special_tokens_map.json with a number", tokenizer: "pair", files: { "special_tokens_map.json": { eos_token: 7 } }, refuses: /special_tokens_map\.json eos_token: is 7/, fix: "edit-json" },
  { name: "tokenizer_config.json with a flag that is none", tokenizer: "pair", files: { "tokenizer_config.json": { add_prefix_space: "yes" } }, refuses: /tokenizer_config\.json add_prefix_space: is "yes"/, fix: "edit-json" },
  { name: "tokenizer_config.json with add_prefix_space", tokenizer: "pair", files: { "tokenizer_config.json": { add_prefix_space: true } }, run: generate("the"), loads: /"prompt_tokens":\[258\]/ },

  { name: "vocab.txt alone", tokenizer: "none", files: { "vocab.txt": "[PAD]\nthe\n" }, refuses: /vocab\.txt: is the vocabulary of a WordPiece tokenizer, as BERT has.*give --tokens/, fix: "options" },
  { name: "vocab.txt alone, and token ids", tokenizer: "none", files: { "vocab.txt": "[PAD]\nthe\n" }, run: generate(...TOKENS), warns: NO_TEXT, prints: EIGHT },
  { name: "vocab.txt alone, scored by token ids", tokenizer: "none", files: { "vocab.txt": "[PAD]\nthe\n" }, run: ["score", "--model", "FOLDER", ...TOKENS, "--json"], warns: NO_TEXT, prints: /"tokens":\[1,2\]/ },
  { name: "vocab.txt alone, in a bench", tokenizer: "none", files: { "vocab.txt": "[PAD]\nthe\n" }, run: BENCH, loads: /decode/ },
  { name: "vocab.txt alone, inspected", tokenizer: "none", files: { "vocab.txt": "[PAD]\nthe\n" }, run: ["inspect", "FOLDER"], loads: /entry decode/ },
  { name: "spiece.model alone", tokenizer: "none", files: { "spiece.model": "\n\u000e" }, refuses: /spiece\.model: is the model of a SentencePiece tokenizer.*give --tokens/, fix: "options" },
  { name: "spiece.model alone, and token ids", tokenizer: "none", files: { "spiece.model": "\n\u000e" }, run: generate(...TOKENS), warns: NO_TEXT, prints: EIGHT },
  { name: "a tokenizer.json of WordPiece", files: { "tokenizer.json": tokenizerJson([], WORDPIECE) }, refuses: /tokenizer\.json: it is a WordPiece tokenizer, as BERT has.*give --tokens/, fix: "options" },
  { name: "a tokenizer.json of WordPiece, and a file to score", files: { "tokenizer.json": tokenizerJson([], WORDPIECE), "a.txt": "the" }, run: ["score", "--file", "FOLDER/a.txt", "--model", "FOLDER"], refuses: /a WordPiece tokenizer/, fix: "options" },
  { name: "a tokenizer.json of WordPiece, and token ids", files: { "tokenizer.json": tokenizerJson([], WORDPIECE) }, run: generate(...TOKENS), warns: NO_TEXT, prints: EIGHT },
  { name: "a tokenizer.json of WordPiece, in a bench", files: { "tokenizer.json": tokenizerJson([], WORDPIECE) }, run: BENCH, loads: /decode/ },
  { name: "a tokenizer.json that is no JSON, and token ids", files: { "tokenizer.json": "{" }, run: generate(...TOKENS), warns: NO_TEXT, prints: EIGHT },
  { name: "a tokenizer.json that is no JSON", files: { "tokenizer.json": "{" }, refuses: /tokenizer\.json: must be JSON, but is not/, fix: "options" },
  { name: "an unrelated vocab.json without merges", tokenizer: "none", files: { "vocab.json": { a: 0 } }, refuses: /has vocab\.json, but not merges\.txt/, fix: "options" },
  { name: "an unrelated vocab.json without merges, and token ids", tokenizer: "none", files: { "vocab.json": { a: 0 } }, run: generate(...TOKENS), warns: NO_TEXT, prints: EIGHT },
  { name: "an unrelated vocab.json without merges, in a bench", tokenizer: "none", files: { "vocab.json": { a: 0 } }, run: BENCH, loads: /decode/ },
  { name: "no tokenizer at all", tokenizer: "none", refuses: /text: is given, but the model has no tokenizer.*give --tokens/, fix: "options" },

  { name: "a prompt that spells a special token", run: generate("a<|endoftext|>"), warns: /the text spells <\|endoftext\|>, which is read as ordinary text; give --special/ },
  { name: "a prompt that spells a special token, with --special", run: generate("a<|endoftext|>", "--special"), loads: /"prompt_tokens":\[97,261\]/ },
  { name: "a scored text that spells a special token", run: ["score", "a<|endoftext|>", "--model", "FOLDER"], warns: /the text spells <\|endoftext\|>/ },
  { name: "an added token that is a single word", config: { vocab_size: 263 }, files: { "tokenizer.json": tokenizerJson([addedToken(262, "zqx", { single_word: true, special: false })]) }, run: generate("azqx zqx"), loads: /"prompt_tokens":\[97,122,113,120,32,262\]/ },
  { name: "an added token that strips its left side", config: { vocab_size: 263 }, files: { "tokenizer.json": tokenizerJson([addedToken(262, "<m>", { lstrip: true, special: false })]) }, run: generate("a <m>"), loads: /"prompt_tokens":\[97,262\]/ },
  { name: "an added token with a flag that is none", files: { "tokenizer.json": tokenizerJson([addedToken(262, "<m>", { rstrip: 1 })]) }, refuses: /rstrip of the added token "<m>" is 1.*true or false/, fix: "options" },
  { name: "byte-order marks in vocab.json and merges.txt", tokenizer: "pair", files: { "vocab.json": BOM + JSON.stringify(VOCAB), "merges.txt": BOM + MERGES_TXT }, loads: /"prompt_tokens":\[259,258\]/ },
  { name: "byte-order marks in tokenizer.json and tokenizer_config.json", files: { "tokenizer.json": BOM + JSON.stringify(tokenizerJson()), "tokenizer_config.json": `${BOM}{}` }, loads: /"prompt_tokens":\[259,258\]/ },

  { name: "a list of end tokens", config: { eos_token_id: [261, 10] }, run: generate(), loads: /"prompt_tokens":\[261\]/ },
  { name: "end tokens of generation_config.json", files: { "generation_config.json": { eos_token_id: [5, 261] } }, run: generate(), loads: /"prompt_tokens":\[5\]/ },
  { name: "generation_config.json without end tokens", files: { "generation_config.json": { _from_model_config: true, max_length: 50 } }, run: generate(), loads: /"prompt_tokens":\[261\]/ },
  { name: "generation_config.json with an end token beyond the vocabulary", files: { "generation_config.json": { eos_token_id: 50256 } }, run: generate(), warns: /generation_config\.json: eos_token_id 50256 ignored/, prints: /"prompt_tokens":\[261\]/ },
  { name: "generation_config.json that is no JSON", files: { "generation_config.json": "{" }, refuses: /generation_config\.json: is no JSON.*remove it/, fix: "remove" },
  { name: "generation_config.json that is a list", files: { "generation_config.json": [] }, run: INSPECT, refuses: /generation_config\.json: is not a JSON object/, fix: "remove" },
  { name: "generation_config.json with an end token as text", files: { "generation_config.json": { eos_token_id: "261" } }, run: INSPECT, refuses: /generation_config\.json: eos_token_id is "261"/, fix: "edit-json" },
  { name: "an end token as text", configOnly: { eos_token_id: "261" }, run: INSPECT, refuses: /config\.json: eos_token_id is "261"/, fix: "edit-json" },
  { name: "an end token that is an object", configOnly: { eos_token_id: { id: 261 } }, run: INSPECT, refuses: /config\.json: eos_token_id is \{"id":261\}/, fix: "edit-json" },
  { name: "a beginning and a padding beyond the vocabulary", configOnly: { bos_token_id: 50256, pad_token_id: 50257 }, run: INSPECT, warns: /bos_token_id 50256, pad_token_id 50257 ignored, for the vocabulary has ids 0 to 261 only/, prints: INSPECTED },
  { name: "token ids alone, and a beginning beyond the vocabulary", tokenizer: "none", configOnly: { bos_token_id: 50256 }, run: generate("--tokens", "1,2"), warns: /bos_token_id 50256 ignored/, prints: EIGHT },

  { name: "n_ctx smaller than n_positions", config: { n_ctx: 2 }, loads: EIGHT },
  { name: "n_ctx larger than n_positions", config: { n_ctx: 99 }, run: generate("in", "--max-new-tokens", "99"), loads: /"finish":"context"/ },
  { name: "n_ctx alone", config: { n_positions: undefined, n_ctx: 16 }, run: INSPECT, loads: INSPECTED },
  { name: "a missing size", configOnly: { n_layer: undefined }, run: INSPECT, refuses: /n_layer or num_hidden_layers is missing/, fix: "edit-json" },
  { name: "a config of another vocabulary than the weights", configOnly: { vocab_size: 270 }, run: INSPECT, refuses: /wte\.weight: has the shape \[262, 8\], but the model wants \[270, 8\]/, fix: "edit-json" },
  { name: "a config of more positions, more layers and another width", configOnly: { n_positions: 64, n_layer: 2, n_embd: 4, n_head: 1 }, run: INSPECT, refuses: /the model wants 28 weights, but 12 are missing/, fix: "edit-json" },
  { name: "a config of more layers than anyone can build", configOnly: { n_layer: 1e6 }, run: INSPECT, refuses: /holds 16 tensors, but the config has 1000000 layers/, fix: "edit-json" },
  { name: "a config of another MLP", configOnly: { n_inner: 5 }, run: INSPECT, refuses: /c_fc\.weight: has the shape \[8, 32\]/, fix: "edit-json" },
  { name: "a size as text", configOnly: { n_layer: "1" }, run: INSPECT, refuses: /n_layer is "1"/, fix: "edit-json" },
  { name: "two names of one size that disagree", configOnly: { hidden_size: 16 }, run: INSPECT, refuses: /n_embd is 8, but hidden_size is 16/ },
  { name: "a missing tensor of a config that differs too", configOnly: { vocab_size: 270 }, weights: { change: (name, t) => (name === "ln_f.bias" ? undefined : t) }, run: INSPECT, refuses: /1 are missing: ln_f\.bias/ },

  { name: "names with transformer. before them", weights: { prefix: "transformer." }, loads: EIGHT },
  { name: "names with _orig_mod. before them", weights: { prefix: "_orig_mod.transformer." }, loads: EIGHT },
  { name: "names with module. before them, in shards", weights: { prefix: "module.", shards: 2 }, run: INSPECT, loads: INSPECTED },
  { name: "names with three parts before them, untied", config: { tie_word_embeddings: false }, weights: { prefix: "module._orig_mod.gpt2." }, loads: EIGHT },
  { name: "a tied pair kept as the head", weights: { change: (name, t) => (name === "wte.weight" ? undefined : t), extra: HEAD }, loads: EIGHT },
  { name: "a head that is not the embedding of a tied model", weights: { extra: HEAD }, refuses: /lm_head\.weight: differs from wte\.weight, but the config says that they are tied/, fix: "edit-json" },
  { name: "an untied config whose head is the embedding", configOnly: { tie_word_embeddings: false }, run: INSPECT, refuses: /1 are missing: lm_head\.weight/, fix: "edit-json" },
  { name: "a flag as text", configOnly: { tie_word_embeddings: "true" }, run: INSPECT, refuses: /tie_word_embeddings is "true"/, fix: "edit-json" },
  { name: "a bias of the head", weights: { extra: { "lm_head.bias": f32([262]) } }, run: INSPECT, refuses: /holds lm_head\.bias, but the graph is a decoder whose head has no bias/ },
  { name: "weights with a LoRA adapter in them", weights: { extra: { "h.0.attn.c_attn.lora_A.default.weight": f32([2, 8]) } }, run: INSPECT, refuses: /holds h\.0\.attn\.c_attn\.lora_A.*a LoRA adapter has to be merged/ },
  { name: "an adapter beside the weights", files: { "adapter_config.json": {} }, run: INSPECT, warns: /holds an adapter besides the model, which is not applied/, prints: INSPECTED },
  { name: "an adapter alone", files: { "model.safetensors": undefined, "config.json": undefined, "adapter_config.json": { base_model_name_or_path: "gpt2" }, "adapter_model.safetensors": "" }, run: INSPECT, refuses: /holds a LoRA adapter of gpt2, but no model/ },
  { name: "the activation gelu_python", config: { activation_function: "gelu_python" }, loads: EIGHT },
  { name: "the activation quick_gelu", configOnly: { activation_function: "quick_gelu" }, run: INSPECT, refuses: /activation_function is "quick_gelu"/ },

  { name: "weights of another name", files: { "model.fp16.safetensors": WEIGHTS, "model.safetensors": undefined }, loads: /"prompt_tokens":\[259,258\]/ },
  { name: "weights of another name, given as a file", files: { "model.fp16.safetensors": WEIGHTS, "model.safetensors": undefined }, run: ["generate", "in the", "--model", "FOLDER/model.fp16.safetensors", "--json", "--max-new-tokens", "8"], loads: /"prompt_tokens":\[259,258\]/ },
  { name: "weights of two other names", files: { "a.safetensors": WEIGHTS, "b.safetensors": WEIGHTS, "model.safetensors": undefined }, refuses: /has no model\.safetensors.*give the file itself, such as .*a\.safetensors/ },
  { name: "pytorch_model.bin alone", files: { "pytorch_model.bin": "PK", "model.safetensors": undefined }, refuses: /but config\.json, pytorch_model\.bin.*convert pytorch_model\.bin.*no network/ },
  { name: "pytorch_model.bin, given as a file", files: { "pytorch_model.bin": "PK" }, run: ["generate", "a", "--model", "FOLDER/pytorch_model.bin"], refuses: /pytorch_model\.bin: is of another format/ },
  { name: "weights of another name, inspected", files: { "model.fp16.safetensors": WEIGHTS, "model.safetensors": undefined }, run: ["inspect", "FOLDER/model.fp16.safetensors"], loads: /entry decode/ },

  { name: "code of its own", configOnly: { architectures: ["AraGPT2LMHeadModel"], auto_map: { AutoModelForCausalLM: "m.AraGPT2LMHeadModel" } }, run: INSPECT, refuses: /config\.json: architectures names AraGPT2LMHeadModel, and auto_map names m\.AraGPT2LMHeadModel/ },
  { name: "a tokenizer of its own code", configOnly: { auto_map: { AutoTokenizer: ["m.T", null] } }, run: INSPECT, loads: INSPECTED },
  { name: "a classifier", configOnly: { architectures: ["GPT2ForSequenceClassification"] }, run: INSPECT, warns: /architectures names GPT2ForSequenceClassification, but what is computed is the language model/, prints: INSPECTED },
  { name: "a quantised model", configOnly: { quantization_config: { quant_method: "gptq" } }, run: INSPECT, refuses: /quantization_config is \{"quant_method":"gptq"\}/ },
  { name: "rotary positions", configOnly: { rope_theta: 10000 }, run: INSPECT, refuses: /rope_theta is 10000, which asks for rotary positions/ },
  { name: "a key that nobody knows", configOnly: { scale_attn_by_layer_idx: true }, run: INSPECT, warns: /a key that GPT-2 does not have is ignored: scale_attn_by_layer_idx/, prints: INSPECTED },
  { name: "config.json with a byte-order mark", files: { "config.json": `\ufeff${checkpointFolder()["config.json"]}` }, run: INSPECT, loads: INSPECTED },
  { name: "config.json that is no JSON", files: { "config.json": "n_layer: 1" }, run: INSPECT, refuses: /config\.json: is no JSON/ },
];

skipUnless(
  test,
  adapter,
  "no Vulkan adapter",
)("a case is one of loads, warns and refuses", () => {
  for (const { name, loads, warns, refuses } of CASES)
    assert.is([loads, warns, refuses].filter(Boolean).length, 1, name);
  assert.is(new Set(CASES.map((c) => c.name)).size, CASES.length);
});

for (const wanted of CASES)
  skipUnless(
    test,
    adapter,
    "no Vulkan adapter",
  )(`${wanted.name} ${outcome(wanted)}`, () =>
    inFolder(checkpointFolder(wanted), async (folder) => {
      const args = (wanted.run ?? generate("in the")).map((arg) => arg.replace("FOLDER", folder));
      const result = await runInProcess(args);
      if (wanted.refuses) return checkRefusal(wanted, args, result);
      assert.is(result.error, undefined, `${printError(result.error)}\n${result.stderr}`);
      const warnings = result.stderr.split("\n").filter((line) => line.startsWith("wgpt: warning: "));
      assert.is(warnings.length, wanted.warns ? 1 : 0, result.stderr);
      if (wanted.warns) assert.match(String(warnings[0]), wanted.warns);
      assert.match(result.stdout, wanted.loads ?? wanted.prints ?? /./);
    }),
  );

/** What `compile --pack-weights` writes of a folder, `load` takes. */
interface BundleCase extends FolderChange {
  readonly name: string;
  readonly warns?: RegExp;
  /** For the loaded bundle, and what it may draw: ids below this. */
  readonly prompt: string | readonly number[];
  readonly below: number;
  readonly eos?: number;
}

// biome-ignore format: a case is a line
const BUNDLES: readonly BundleCase[] = [
  { name: "a padded vocabulary, and an end token beyond it", config: { vocab_size: 2000, eos_token_id: 50256 }, warns: /eos_token_id 50256 ignored/, prompt: "in the", below: 262, eos: 261 },
  { name: "added_tokens.json, and an end token that only special_tokens_map.json names", config: { vocab_size: 264, eos_token_id: null }, tokenizer: "pair", files: { "added_tokens.json": { "<user>": 262, "</s>": 263 }, "special_tokens_map.json": { eos_token: "</s>" } }, prompt: "a<user>", below: 264, eos: 263 },
  { name: "a tokenizer with a token more than the model", files: { "tokenizer.json": tokenizerJson([PAD]) }, warns: /go up to 262/, prompt: "in", below: 262, eos: 261 },
  { name: "a tokenizer of WordPiece", config: { vocab_size: 300 }, files: { "tokenizer.json": tokenizerJson([], WORDPIECE) }, warns: /it is a WordPiece tokenizer, as BERT has.*: the bundle has no tokenizer/, prompt: [1, 2], below: 300, eos: 261 },
  { name: "an unrelated vocab.json without merges", tokenizer: "none", files: { "vocab.json": { a: 0 } }, warns: /but not merges\.txt.*: the bundle has no tokenizer/, prompt: [1], below: 262, eos: 261 },
];

for (const { name, warns, prompt, below, eos, ...change } of BUNDLES)
  onGpu(test)(`a bundle of ${name} is one that loads`, (gpu) =>
    inFolder(checkpointFolder(change), (folder) =>
      inFolder({}, async (parent) => {
        const out = join(parent, "bundle");
        const { error, stderr } = await runInProcess(["compile", folder, "--out", out, "--pack-weights"]);
        assert.is(error, undefined, String(error));
        assert.match(stderr, warns ?? /^\[[\d.]+ s\]\n$/);
        const bundle = await loadBundle(out, gpu);
        assert.equal(bundle.facts.eos_token_ids, [eos]);
        for await (const { token } of bundle.generate(prompt, { maxNewTokens: 12, temperature: 9, seed: 1 }))
          assert.ok(token < below, `${token}`);
        const refused = bundle.generate([below, 9999], { maxNewTokens: 1, temperature: 0, seed: 1 }).next();
        await rejects(refused, /prompt: token (262|264|300|9999)( .*)? is not in the vocabulary/);
        await bundle.close();
      }),
    ),
  );
skipUnless(
  test,
  adapter,
  "no Vulkan adapter",
)("a snapshot in the hub's cache loads through its links, and the folders above it lead to it", () =>
  inFolder(checkpointFolder(), async (folder) => {
    const repository = join(folder, "models--org--gpt2");
    const snapshot = join(repository, "snapshots", "0a1b");
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(repository, "blobs"));
    for (const [i, name] of Object.keys(checkpointFolder()).entries()) {
      renameSync(join(folder, name), join(repository, "blobs", `${i}`));
      symlinkSync(join("..", "..", "blobs", `${i}`), join(snapshot, name));
    }
    for (const path of [snapshot, join(snapshot, "model.safetensors")]) {
      const { stdout, error } = await runInProcess(generate("in the").map((arg) => arg.replace("FOLDER", path)));
      assert.is(error, undefined, printError(error));
      assert.match(stdout, EIGHT);
    }
    const above = await runInProcess(["inspect", repository]);
    assert.match(printError(above.error), /in the hub's cache: give a snapshot of it, such as .*snapshots.0a1b/);
    rmSync(join(repository, "blobs", "0"));
    const broken = await runInProcess(["inspect", snapshot]);
    assert.match(printError(broken.error), /is a link to .*blobs.0, where nothing is/);
  }),
);

async function checkRefusal(wanted: Case, args: readonly string[], { error, stdout }: InProcessResult): Promise<void> {
  assert.ok(error instanceof WgptError, `${wanted.name}: ${error === undefined ? stdout : error}`);
  assert.match(printError(error), wanted.refuses ?? /./);
  assert.is(error.fix?.kind, wanted.fix, wanted.name);
  if (!error.fix) return;
  const after = await runInProcess(followFix(error.fix, args));
  const message = after.error === undefined ? "" : printError(after.error);
  assert.is.not(message, printError(error), `${wanted.name}: its fix leads back to it`);
  assert.ok(after.error === undefined || after.error instanceof WgptError, message);
}

function outcome({ loads, warns }: Case): string {
  return loads ? "loads" : warns ? "loads with a warning" : "is refused";
}

test.run();
