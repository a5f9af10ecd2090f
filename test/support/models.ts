// Whole models for tests: the checkpoints that somebody else computed, on the GPU and in the interpreter.
// Not here: models made up by a test; see made-models.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CompileOptions } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { type Target, targetForAdapter } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { type Gpt2Config, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { buildGpt2 } from "../../ir/models/gpt2/graph.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { Model } from "../../runtime/model.ts";
import type { Session } from "../../runtime/session.ts";
import type { Tokenizer } from "../../runtime/tokenizer.ts";
import { isFloatDType, toF32 } from "../../runtime/weights/convert.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { matchWeights } from "../../runtime/weights/match.ts";
import { shared } from "./shared.ts";

export interface ModelFolder {
  readonly name: string;
  /** Undefined on a machine that does not have it. */
  readonly folder: string | undefined;
}

export const EMBEDDED = fileURLToPath(new URL("../../models/shakespeare", import.meta.url));
export const NANO_SORT = shared("data/models/gpt-nano-sort");
export const TINY_RANDOM = shared("data/models/tiny-random-gpt2");

/** The models with a reference that is not ours. */
export const REFERENCED: readonly ModelFolder[] = [
  { name: "shakespeare", folder: EMBEDDED },
  { name: "gpt-nano-sort", folder: NANO_SORT },
  { name: "tiny-random-gpt2", folder: TINY_RANDOM },
];

/** The specification's bound for f32 logits against the f64 reference; sums in another order give about 1e-5. */
export const F32_BOUND = 1e-4;
/** The references are printed with 9 digits, and the interpreter computes in f64 like them. */
export const F64_BOUND = 1e-7;

export interface ReferenceCase {
  readonly ids: readonly number[];
  /** Of the last rows.length positions, [rows, n_vocab]. */
  readonly logits: readonly (readonly number[])[];
  readonly argmax: readonly number[];
}

export interface Reference {
  readonly cases: readonly ReferenceCase[];
  readonly greedy: readonly { readonly prompt: readonly number[]; readonly continuation: readonly number[] }[];
}

interface CaseText {
  readonly input_ids: readonly number[];
  readonly logits?: readonly (readonly number[])[];
  readonly last_logits?: readonly number[];
  readonly argmax: number | readonly number[];
}
interface GreedyText {
  readonly prompt_ids: readonly number[];
  readonly output_ids?: readonly number[];
  readonly continuation_ids?: readonly number[];
}

/** reference.json: what an independent implementation in f64 gave. */
export function readReference(folder: string): Reference {
  const json = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as {
    readonly cases: readonly CaseText[];
    readonly greedy: GreedyText | readonly GreedyText[];
  };
  return {
    cases: json.cases.map(({ input_ids, logits, last_logits, argmax }) => ({
      ids: input_ids,
      logits: logits ?? [last_logits ?? []],
      argmax: [argmax].flat(),
    })),
    greedy: [json.greedy].flat().map(({ prompt_ids, output_ids, continuation_ids }) => ({
      prompt: prompt_ids,
      continuation: continuation_ids ?? output_ids?.slice(prompt_ids.length) ?? [],
    })),
  };
}

export const readConfig = (folder: string): Gpt2Config =>
  readGpt2Config(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), folder);

export interface LoadModelOptions extends Pick<CompileOptions, "disable" | "chunk"> {
  /** The adapter's own when absent. */
  readonly target?: Target;
  readonly tokenizer?: Tokenizer | undefined;
}

/** Loads the model onto the GPU as the command does, runs `body` and frees its buffers. */
export async function withSession<R>(
  gpu: OpenDevice,
  folder: string,
  { tokenizer, ...options }: LoadModelOptions,
  body: (session: Session, config: Gpt2Config, model: Model) => Promise<R>,
): Promise<R> {
  const config = readConfig(folder);
  const { plan } = compileGpt2(config, { target: targetForAdapter(gpu.adapter), ...options });
  const source = await openCheckpoint(folder);
  const model = await Model.load(gpu, plan, source, { tokenizer }).finally(() => source.close());
  try {
    return await body(await model.session(), config, model);
  } finally {
    await model.close();
  }
}

/** The logits of every token of one context, [tokens, n_vocab], fed `step` tokens at a call. */
export async function allLogits(session: Session, ids: readonly number[], step = ids.length): Promise<Float32Array> {
  await session.reset();
  const parts: Float32Array[] = [];
  for (let start = 0; start < ids.length; start += step)
    for await (const { logits } of session.feedAll(ids.slice(start, start + step))) parts.push(logits.slice());
  return joinRows(parts);
}

export function joinRows(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  parts.reduce((end, part) => {
    all.set(part, end);
    return end + part.length;
  }, 0);
  return all;
}

/** The same by the interpreter: [tokens, n_vocab] in f64, from the weights that the folder holds. */
export async function interpretLogits(folder: string, ids: readonly number[]): Promise<Float64Array> {
  const graph = buildGpt2(readConfig(folder));
  const inputs = new Map<string, HostTensor>([["tokens", hostTensor("i32", [ids.length], ids)]]);
  const source = await openCheckpoint(folder);
  const shapes = graph.inputs.map(({ value, kind }) => ({
    name: value.name,
    kind,
    shape: value.type.shape.map(Number),
  }));
  const { found } = matchWeights(
    shapes.filter(({ kind }) => kind === "weight"),
    source,
    gpt2.names,
  );
  for (const { name, kind, shape } of shapes) {
    if (kind === "state")
      inputs.set(name, hostTensor("f32", shape, new Float64Array(shape.reduce((n, d) => n * d, 1))));
    const stored = source.tensors.get(found.get(name) ?? "");
    if (!stored || !isFloatDType(stored.dtype)) continue;
    const bytes = await source.read(stored.name, 0, stored.byteLength);
    inputs.set(name, hostTensor("f32", shape, toF32(bytes, stored.dtype)));
  }
  await source.close();
  return at(interpret(graph, inputs, { T: ids.length, P: 0 }), 0).data;
}

/** The largest difference of two rows of logits. NaN counts as infinitely far. */
export function farthest(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) throw new Error(`there are ${got.length} logits, but should be ${want.length}`);
  let most = 0;
  for (let i = 0; i < want.length; i++) {
    const d = Math.abs((got[i] ?? Number.NaN) - (want[i] ?? Number.NaN));
    most = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(most, d);
  }
  return most;
}

/** Fails naming both numbers. */
export function assertWithin(got: ArrayLike<number>, want: ArrayLike<number>, bound: number, label: string): void {
  const off = farthest(got, want);
  if (!(off <= bound)) throw new Error(`${label}: a logit is off by ${off}, but ${bound} is allowed`);
}

/** The id of the largest, the lowest of equals. */
export const argmax = (logits: ArrayLike<number>): number =>
  Array.from(logits).reduce((best, x, id) => (x > (logits[best] ?? Number.NEGATIVE_INFINITY) ? id : best), 0);
