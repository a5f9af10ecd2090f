// Finds the weights that a model wants among the tensors that a checkpoint holds. Published GPT-2 checkpoints
// differ: what stands before the names (stored-names.ts), which name of a tied pair is kept, with or without mask buffers
// and a copy of the tied head.

import type { Fix } from "../../base/index.ts";
import { type RuntimeError, weightsError } from "../errors.ts";
import { FLOAT_DTYPES, isFloatDType } from "./convert.ts";
import { printShape, type StoredTensor, type WeightSource } from "./source.ts";
import { lookupNames } from "./stored-names.ts";

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
  /** A head that is stored although the model's is the embedding; `refuseOtherHead` compares them. */
  readonly tied?: { readonly head: StoredTensor; readonly embedding: StoredTensor };
}

const EMBEDDING = "wte.weight";
const HEAD = "lm_head.weight";
const MANY = 5;

/** Tensors that change the result of the model that has them, so that another one can't leave them out. */
const REFUSED: readonly { readonly pattern: RegExp; readonly why: string; readonly hint: string }[] = [
  {
    pattern: /(^|\.)lm_head\.bias$|\.crossattention\.|\.ln_cross_attn\./,
    why: "the graph is a decoder whose head has no bias",
    hint: "wgpt can't compute this model",
  },
  {
    pattern: /\.lora_(A|B|embedding_A|embedding_B|magnitude_vector)(\.|$)/,
    why: "a LoRA adapter has to be merged into its base model first",
    hint: "in peft, merge_and_unload() and then save_pretrained(…) write the merged model",
  },
];

/**
 * Finds each wanted weight under its name or with something before it that all have in common.
 * @throws RuntimeError when weights are missing, have another shape, or are not stored as floats, and for tensors without
 * which the result would be another.
 */
export function matchWeights(wanted: readonly WantedWeight[], source: WeightSource): WeightMatch {
  const names = new Set(wanted.map(({ name }) => name));
  const lookup = lookupNames([...names, HEAD], source);
  const found = new Map<string, string>();
  for (const name of names) {
    // Of a tied pair, either may be the one that is kept.
    const stored = lookup(name) ?? (name === EMBEDDING && !names.has(HEAD) ? lookup(HEAD) : undefined);
    if (stored !== undefined) found.set(name, stored);
  }
  const used = new Set(found.values());
  const others = [...source.tensors.values()].filter((t) => !used.has(t.name));
  for (const { name } of others) refuseTensor(source.place, name);
  const missing = [...names].filter((name) => !found.has(name));
  if (missing.length > 0) throw missingWeights(source, names, missing, lookup);

  for (const weight of wanted) {
    const stored = source.tensors.get(found.get(weight.name) ?? "");
    if (stored) checkTensor(source.place, weight, stored);
  }
  const surplus = others.filter((t) => !isKnownExtra(t)).map((t) => t.name);
  const head = names.has(HEAD) ? undefined : source.tensors.get(lookup(HEAD) ?? "");
  const embedding = source.tensors.get(found.get(EMBEDDING) ?? "");
  const tied = head && embedding && head !== embedding ? { head, embedding } : undefined;
  return { found, surplus, ...(tied && { tied }) };
}

/**
 * Compares a head that is stored beside the embedding with it, where the model takes them for one.
 * @throws RuntimeError when they differ: no one can say which of the two models is meant.
 */
export async function refuseOtherHead({ tied }: WeightMatch, source: WeightSource): Promise<void> {
  if (!tied) return;
  const { head, embedding } = tied;
  const sameType = head.dtype === embedding.dtype && sameShape(head.shape, embedding.shape);
  if (sameType && (await sameBytes(source, head, embedding))) return;
  throw weightsError(
    `${source.place} ${head.name}`,
    `differs from ${embedding.name}, but the config says that they are tied`,
    "if the head is its own, set tie_word_embeddings to false in config.json",
    editConfig(source, { tie_word_embeddings: false }),
  );
}

const COMPARED_BYTES = 1024 * 1024;

async function sameBytes(source: WeightSource, a: StoredTensor, b: StoredTensor): Promise<boolean> {
  for (let at = 0; at < a.byteLength; at += COMPARED_BYTES) {
    const length = Math.min(COMPARED_BYTES, a.byteLength - at);
    const [x, y] = [await source.read(a.name, at, length), await source.read(b.name, at, length)];
    if (x.some((byte, i) => byte !== y[i])) return false;
  }
  return true;
}

/**
 * What GPT-2 checkpoints hold beside weights: `h.N.attn.bias`, the causal mask (`h.N.attn.c_attn.bias` is a weight!),
 * `h.N.attn.masked_bias`, the mask's number, and `lm_head.weight`, a copy of `wte.weight` where the head is tied.
 */
function isKnownExtra({ name, shape }: StoredTensor): boolean {
  if (/(^|\.)(attn\.masked_bias|lm_head\.weight)$/.test(name)) return true;
  const [one, alsoOne, rows, columns] = shape;
  return /(^|\.)attn\.bias$/.test(name) && shape.length === 4 && one === 1 && alsoOne === 1 && rows === columns;
}

function refuseTensor(place: string, name: string): void {
  const refused = REFUSED.find(({ pattern }) => pattern.test(name));
  if (refused) throw weightsError(place, `holds ${name}, but ${refused.why}`, refused.hint);
}

/** The edit of the config that lies beside the weights. */
function editConfig({ place }: WeightSource, set: Readonly<Record<string, unknown>>): Fix {
  const folder = /\.(safetensors|json)$/.test(place) ? place.replace(/[^/\\]*$/, "") : `${place.replace(/\/$/, "")}/`;
  return { kind: "edit-json", file: `${folder}config.json`, set };
}

function missingWeights(
  source: WeightSource,
  wanted: ReadonlySet<string>,
  missing: readonly string[],
  lookup: (name: string) => string | undefined,
): RuntimeError {
  const listed = missing.slice(0, MANY).join(", ") + (missing.length > MANY ? ", …" : "");
  const facts = `the model wants ${wanted.size} weights, but ${missing.length} are missing: ${listed}`;
  const [only] = missing.length === 1 ? missing : [];
  if (wanted.has(HEAD) && (only === HEAD || (only === EMBEDDING && lookup(HEAD) !== undefined)))
    return weightsError(
      source.place,
      facts,
      "the config says that the head is not tied; if it is, set tie_word_embeddings to true in config.json",
      editConfig(source, { tie_word_embeddings: true }),
    );
  const shards = /-\d{5}-of-(\d{5})\.safetensors$/.exec(source.place)?.[1];
  if (shards !== undefined)
    return weightsError(source.place, facts, `the file is one of ${Number(shards)} shards: give their folder`);
  const held = [...source.tensors.keys()];
  const example = held.length === 0 ? "it holds no tensor at all" : `it holds ${held.slice(0, 3).join(", ")}, …`;
  return weightsError(source.place, facts, `config.json and checkpoint must describe the same model; ${example}`);
}

function checkTensor(place: string, { name, shape }: WantedWeight, stored: StoredTensor): void {
  if (!isFloatDType(stored.dtype))
    throw weightsError(
      `${place} ${stored.name}`,
      `is stored as ${stored.dtype}, but a weight must be one of ${FLOAT_DTYPES.join(", ")}`,
      "a quantised checkpoint must be turned back into floats first",
    );
  if (sameShape(stored.shape, shape)) return;
  const transposed = shape.length === 2 && sameShape(stored.shape, [...shape].reverse());
  throw weightsError(
    `${place} ${stored.name}`,
    `has the shape ${printShape(stored.shape)}, but the model wants ${printShape(shape)} for ${name}`,
    transposed
      ? "this is exactly the transpose: GPT-2 keeps its matrices as [in, out] (Conv1D), a Linear's are [out, in]; transpose them in the checkpoint"
      : "config.json describes another model than this checkpoint",
  );
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);
