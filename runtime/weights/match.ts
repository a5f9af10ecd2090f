// Finds the weights that a model wants among the tensors that a checkpoint holds. Published GPT-2 checkpoints
// differ: bare names or `transformer.` before them, with or without mask buffers and a copy of the tied head.

import { RuntimeError } from "../errors.ts";
import { FLOAT_DTYPES, isFloatDType } from "./convert.ts";
import { printShape, type StoredTensor, type WeightSource } from "./source.ts";

/** A weight as the model names it (`h.0.attn.c_attn.weight`), in the shape the model computes with. */
export interface WantedWeight {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface WeightMatch {
  /** From wanted name to the name under which the checkpoint stores it. */
  readonly found: ReadonlyMap<string, string>;
  /** Tensors that nobody wants and that are not among the known extras: worth a warning, not an error. */
  readonly surplus: readonly string[];
}

/** `GPT2LMHeadModel.save_pretrained` writes this before every name but `lm_head.weight`. */
const PREFIX = "transformer.";
const HEAD = "lm_head.weight";
const MANY = 5;

/**
 * Finds each wanted weight under its name or with `transformer.` before it.
 * @throws RuntimeError when weights are missing, have another shape, or are not stored as floats.
 */
export function matchWeights(wanted: readonly WantedWeight[], source: WeightSource): WeightMatch {
  const found = new Map<string, string>();
  const missing: string[] = [];
  for (const { name } of wanted) {
    const stored = [name, PREFIX + name].find((candidate) => source.tensors.has(candidate));
    if (stored === undefined) missing.push(name);
    else found.set(name, stored);
  }
  if (missing.length > 0) throw missingWeights(source, wanted.length, missing);

  for (const weight of wanted) {
    const stored = source.tensors.get(found.get(weight.name) ?? "");
    if (stored) checkTensor(source.place, weight, stored);
  }
  const used = new Set(found.values());
  const surplus = [...source.tensors.values()].filter((t) => !used.has(t.name) && !isKnownExtra(t)).map((t) => t.name);
  return { found, surplus };
}

/**
 * What GPT-2 checkpoints hold beside weights: `h.N.attn.bias`, the causal mask (`h.N.attn.c_attn.bias` is a weight!),
 * `h.N.attn.masked_bias`, the mask's number, and `lm_head.weight`, a copy of `wte.weight` where the head is tied.
 */
function isKnownExtra({ name, shape }: StoredTensor): boolean {
  if (/(^|\.)attn\.masked_bias$/.test(name) || name === HEAD) return true;
  const [one, alsoOne, rows, columns] = shape;
  return /(^|\.)attn\.bias$/.test(name) && shape.length === 4 && one === 1 && alsoOne === 1 && rows === columns;
}

function missingWeights(source: WeightSource, wanted: number, missing: readonly string[]): RuntimeError {
  const listed = missing.slice(0, MANY).join(", ") + (missing.length > MANY ? ", …" : "");
  const held = [...source.tensors.keys()];
  const example = held.length === 0 ? "it holds no tensor at all" : `it holds ${held.slice(0, 3).join(", ")}, …`;
  const hint =
    missing.length === 1 && missing[0] === HEAD
      ? "the config says that the head is not tied; if it is, set tie_word_embeddings to true in config.json"
      : `config.json and checkpoint must describe the same model; ${example}`;
  return new RuntimeError(
    source.place,
    `the model wants ${wanted} weights, but ${missing.length} are missing: ${listed}`,
    hint,
  );
}

function checkTensor(place: string, { name, shape }: WantedWeight, stored: StoredTensor): void {
  if (!isFloatDType(stored.dtype))
    throw new RuntimeError(
      `${place} ${stored.name}`,
      `is stored as ${stored.dtype}, but a weight must be one of ${FLOAT_DTYPES.join(", ")}`,
      "a quantised checkpoint must be turned back into floats first",
    );
  if (sameShape(stored.shape, shape)) return;
  const transposed = shape.length === 2 && sameShape(stored.shape, [...shape].reverse());
  throw new RuntimeError(
    `${place} ${stored.name}`,
    `has the shape ${printShape(stored.shape)}, but the model wants ${printShape(shape)} for ${name}`,
    transposed
      ? "this is exactly the transpose: GPT-2 keeps its matrices as [in, out] (Conv1D), a Linear's are [out, in]; transpose them in the checkpoint"
      : "config.json describes another model than this checkpoint",
  );
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);
