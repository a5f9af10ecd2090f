// Checkpoints that a test makes up, as the files of a folder: seeded weights for any configuration, and a model whose
// answer is known beforehand. There is no reference for them but the interpreter.

import { type Gpt2Config, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { buildGpt2 } from "../../ir/models/gpt2/graph.ts";
import { BYTE_CHARACTERS } from "../../runtime/tokenizer-bytes.ts";
import { toF16Bits } from "../../runtime/weights/convert.ts";
import { type MadeTensor, makeSafetensors } from "./make-safetensors.ts";
import { seededTensor } from "./tensors.ts";

export type Files = Readonly<Record<string, Uint8Array | string>>;
/** config.json, but for the keys that have a default. */
export type ConfigText = Readonly<Record<string, unknown>> & { readonly n_embd: number };

export interface CheckpointOptions {
  readonly seed?: number;
  readonly dtype?: "F32" | "F16" | "BF16";
  /** Before every name but the head's, as Hugging Face's language model has it. */
  readonly prefix?: string;
  readonly shards?: number;
  /** Tensors beside the weights, under their full names. */
  readonly extra?: Readonly<Record<string, MadeTensor>>;
  /** Changes or drops (undefined) a tensor, by the model's name for it. */
  readonly change?: (name: string, tensor: MadeTensor) => MadeTensor | undefined;
}

/** Seeded weights of a size that keeps activations near 1, as after training. */
export function seededCheckpoint(config: ConfigText, options: CheckpointOptions = {}): Files {
  const { seed = 1 } = options;
  return checkpoint(config, options, (name, shape, i) => {
    const [rows = 1] = shape;
    const isNorm = /ln_(1|2|f)\.weight$/.test(name);
    const scale = shape.length === 1 ? 0.2 : /^w[tp]e/.test(name) ? 0.5 : 1 / Math.sqrt(rows);
    const { data } = seededTensor({ dtype: "f32", shape }, {}, seed * 1000 + i);
    return data.map((x) => (isNorm ? 1 : 0) + x * scale);
  });
}

/**
 * A model over the 256 bytes and an end token (256) that continues every byte by the one after it in `chain`, and the last
 * by the end token, at any temperature: attention and MLP are zero, each byte is a column, and the head is the successor.
 */
export function chainModel(chain: Uint8Array, n_ctx = 32): Files {
  const [n_vocab, n_embd] = [257, 258];
  const end = n_vocab - 1;
  const next = new Map([...chain].map((byte, i) => [byte, chain[i + 1] ?? end]));
  const config = { n_layer: 1, n_head: 1, n_embd, n_inner: 4, n_ctx, vocab_size: n_vocab, eos_token_id: end };
  const files = checkpoint({ ...config, tie_word_embeddings: false }, {}, (name, shape) => {
    const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
    if (/ln_f\.weight$/.test(name)) data.fill(1);
    // Row i of the embedding is i's column; the head finds it, 16 standard deviations out, in its successor's row.
    if (name === "wte.weight") for (let i = 0; i < n_vocab; i++) data[i * n_embd + i] = 1;
    if (name === "lm_head.weight") for (const [from, to] of next) data[to * n_embd + from] = 100;
    return data;
  });
  const vocab = Object.fromEntries([...BYTE_CHARACTERS, "<|endoftext|>"].map((text, id) => [text, id]));
  return { ...files, "vocab.json": JSON.stringify(vocab), "merges.txt": "#version: 0.2\n" };
}

type Values = (name: string, shape: readonly number[], index: number) => Float64Array;

function checkpoint(config: ConfigText, options: CheckpointOptions, values: Values): Files {
  const { dtype = "F32", prefix = "", shards = 1, extra = {}, change = (_, tensor) => tensor } = options;
  const tensors: Record<string, MadeTensor> = { ...extra };
  weightShapes(readGpt2Config(config)).forEach(({ name, shape }, i) => {
    const made = change(name, { dtype, shape, data: encode(values(name, shape, i), dtype) });
    if (made) tensors[(name.startsWith("lm_head") ? "" : prefix) + name] = made;
  });
  return { "config.json": JSON.stringify({ model_type: "gpt2", ...config }), ...tensorFiles(tensors, shards) };
}

const weightShapes = (config: Gpt2Config) =>
  buildGpt2(config)
    .inputs.filter(({ kind }) => kind === "weight")
    .map(({ value }) => ({ name: value.name, shape: value.type.shape.map(Number) }));

/** One file, or shards dealt in turn with their index. */
function tensorFiles(tensors: Readonly<Record<string, MadeTensor>>, shards: number): Files {
  if (shards === 1) return { "model.safetensors": makeSafetensors(tensors) };
  const names = Object.keys(tensors);
  const files: Record<string, Uint8Array | string> = {};
  const weight_map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const file = `model-${String(shard + 1).padStart(5, "0")}-of-${String(shards).padStart(5, "0")}.safetensors`;
    const mine = names.filter((_, i) => i % shards === shard);
    for (const name of mine) weight_map[name] = file;
    files[file] = makeSafetensors(Object.fromEntries(Object.entries(tensors).filter(([name]) => mine.includes(name))));
  }
  return { ...files, "model.safetensors.index.json": JSON.stringify({ weight_map }) };
}

/** The interpreter reads the same file, so how a value rounds here does not matter. */
function encode(values: Float64Array, dtype: "F32" | "F16" | "BF16"): ArrayBufferView {
  const floats = Float32Array.from(values);
  if (dtype === "F32") return floats;
  if (dtype === "F16") return toF16Bits(floats);
  return Uint16Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16);
}
