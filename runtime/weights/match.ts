// Finds the weights that a model wants among the tensors that a checkpoint holds. Published checkpoints of one family differ:
// what stands before the names (stored-names.ts), which name of a tied pair is kept, what they hold besides. What a family's do,
// its names say.

import type { CheckpointNames, Fix, RefusedTensor, TensorPattern } from "../../base/index.ts";
import { shortName } from "../../base/short-json.ts";
import { type RuntimeError, weightsError } from "../errors.ts";
import { FLOAT_DTYPES, isFloatDType } from "./convert.ts";
import { type NamePattern, nativePattern } from "./name-patterns.ts";
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
  readonly tied?: { readonly head: StoredTensor; readonly embedding: StoredTensor; readonly key: string };
}

const MANY = 5;

/** What no family's model computes with. */
const ADAPTERS: RefusedTensor = {
  name: "\\.lora_(A|B|embedding_A|embedding_B|magnitude_vector)(\\.|$)",
  why: "a LoRA adapter has to be merged into its base model first",
  hint: "in peft, merge_and_unload() and then save_pretrained(…) write the merged model",
};

/**
 * Finds each wanted weight under its name or with something before it that all have in common.
 * @throws RuntimeError when weights are missing, have another shape, or are not stored as floats, and for tensors without
 * which the result would be another.
 */
export function matchWeights(
  wanted: readonly WantedWeight[],
  source: WeightSource,
  family?: CheckpointNames,
  patternOf: NamePattern = nativePattern,
): WeightMatch {
  const { tied: pair, refused = [], ignored = [], prefix } = family ?? {};
  const names = new Set(wanted.map(({ name }) => name));
  const isTied = pair !== undefined && !names.has(pair.head);
  const lookup = lookupNames([...names, ...(pair ? [pair.head] : [])], source, prefix);
  const found = new Map<string, string>();
  for (const name of names) {
    // Of a tied pair, either may be the one that is kept.
    const stored = lookup(name) ?? (isTied && name === pair.embedding ? lookup(pair.head) : undefined);
    if (stored !== undefined) found.set(name, stored);
  }
  const used = new Set(found.values());
  const others = [...source.tensors.values()].filter((t) => !used.has(t.name));
  for (const { name } of others) refuseTensor(source.place, name, [...refused, ADAPTERS], patternOf);
  const missing = [...names].filter((name) => !found.has(name));
  if (missing.length > 0) throw missingWeights(source, names, missing, lookup, family);

  for (const weight of wanted) {
    const stored = source.tensors.get(found.get(weight.name) ?? "");
    if (stored) checkTensor(source.place, weight, stored, family);
  }
  const surplus = others.filter((t) => !ignored.some((pattern) => fits(pattern, t, patternOf))).map((t) => t.name);
  const head = isTied ? source.tensors.get(lookup(pair.head) ?? "") : undefined;
  const embedding = isTied ? source.tensors.get(found.get(pair.embedding) ?? "") : undefined;
  const tied = head && embedding && head !== embedding ? { head, embedding, key: pair?.key ?? "" } : undefined;
  return { found, surplus, ...(tied && { tied }) };
}

/**
 * Compares a head that is stored beside the embedding with it, where the model takes them for one.
 * @throws RuntimeError when they differ: no one can say which of the two models is meant.
 */
export async function refuseOtherHead({ tied }: WeightMatch, source: WeightSource): Promise<void> {
  if (!tied) return;
  const { head, embedding, key } = tied;
  const sameType = head.dtype === embedding.dtype && sameShape(head.shape, embedding.shape);
  if (sameType && (await sameBytes(source, head, embedding))) return;
  throw weightsError(
    `${source.place} ${head.name}`,
    `differs from ${embedding.name}, but the config says that they are tied`,
    `if the head is its own, set ${key} to false in config.json`,
    editConfig(source, { [key]: false }),
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

function fits(
  { name: pattern, shape: lengths }: TensorPattern,
  { name, shape }: StoredTensor,
  patternOf: NamePattern,
): boolean {
  if (!patternOf(pattern)(name)) return false;
  if (!lengths) return true;
  const letters = new Map<string, number>();
  const isLength = (length: number | string, axis: number): boolean => {
    if (typeof length === "number") return shape[axis] === length;
    const known = letters.get(length) ?? shape[axis] ?? Number.NaN;
    letters.set(length, known);
    return shape[axis] === known;
  };
  return lengths.length === shape.length && lengths.every(isLength);
}

function refuseTensor(place: string, name: string, refused: readonly RefusedTensor[], patternOf: NamePattern): void {
  const found = refused.find((r) => patternOf(r.name)(name));
  if (found) throw weightsError(place, `holds ${shortName(name)}, but ${found.why}`, found.hint);
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
  family: CheckpointNames | undefined,
): RuntimeError {
  const tied = family?.tied;
  const listed = missing.slice(0, MANY).map(shortName).join(", ") + (missing.length > MANY ? ", …" : "");
  const facts = `the model wants ${wanted.size} weights, but ${missing.length} are missing: ${listed}`;
  const [only] = missing.length === 1 ? missing : [];
  const isHead = tied && (only === tied.head || (only === tied.embedding && lookup(tied.head) !== undefined));
  if (isHead && wanted.has(tied.head))
    return weightsError(
      source.place,
      facts,
      `the config says that the head is not tied; if it is, set ${tied.key} to true in config.json`,
      editConfig(source, { [tied.key]: true }),
    );
  const shards = /-\d{5}-of-(\d{5})\.safetensors$/.exec(source.place)?.[1];
  if (shards !== undefined)
    return weightsError(source.place, facts, `the file is one of ${Number(shards)} shards: give their folder`);
  const held = [...source.tensors.keys()];
  const example =
    held.length === 0 ? "it holds no tensor at all" : `it holds ${held.slice(0, 3).map(shortName).join(", ")}, …`;
  const rule = family
    ? "config.json and checkpoint must describe the same model"
    : "each weight is looked up by its name in the graph";
  return weightsError(source.place, facts, `${rule}; ${example}`);
}

function checkTensor(
  place: string,
  { name, shape }: WantedWeight,
  stored: StoredTensor,
  family: CheckpointNames | undefined,
): void {
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
      ? `this is exactly the transpose: ${family?.transposed ?? transposeHint(name, stored)}`
      : family
        ? "config.json describes another model than this checkpoint"
        : "the graph and the file of weights must agree",
  );
}

/** How the graph's text says that the tensor lies the other way round. */
const transposeHint = (name: string, { shape }: StoredTensor): string =>
  `declare it in the graph as \`${name}: … = transpose(${name}: f32${printShape(shape)}, perm=[1, 0])\`, or transpose it in the checkpoint`;

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);
