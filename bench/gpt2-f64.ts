// A GPT-2 that shares nothing with wgpt: plain loops in f64 over a safetensors checkpoint, one tensor in memory at a time.
// Slow, and short enough to be read against the paper; what wgpt computes is compared with it. It takes GPT-2 as it was
// released (gelu_new, learned positions, tied head, scores over √size) and refuses every other config.
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

/** What `half` rounds: weights of two or more axes, as f16 storage does. */
export interface ReferenceOptions {
  readonly half?: boolean;
}

interface Place {
  readonly file: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
}

interface Config {
  readonly n_layer: number;
  readonly n_head: number;
  readonly n_embd: number;
  readonly vocab_size: number;
  readonly layer_norm_epsilon: number;
}

const UNUSUAL: Readonly<Record<string, readonly unknown[]>> = {
  activation_function: [undefined, "gelu_new", "gelu_pytorch_tanh"],
  position_encoding: [undefined, "learned"],
  tie_word_embeddings: [undefined, true],
  scale_attn_weights: [undefined, true],
  scale_attn_by_inverse_layer_idx: [undefined, false],
};

/** The logits of every position, [tokens, vocabulary], of the checkpoint in `folder`. */
export function referenceLogits(folder: string, ids: readonly number[], options: ReferenceOptions = {}): Float64Array {
  const json = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  for (const [key, values] of Object.entries(UNUSUAL))
    if (!values.includes(json[key]))
      throw new Error(`${folder}: ${key} is ${json[key]}: the reference has no such model`);
  const { n_layer, n_head, n_embd: C, vocab_size: V, layer_norm_epsilon: epsilon = 1e-5 } = json as Config;
  const places = locate(folder);
  const load = (name: string, from = 0, count?: number) => loadTensor(places, name, options.half ?? false, from, count);
  const T = ids.length;

  let x = new Float64Array(T * C); // [T, C]
  ids.forEach((id, t) => {
    const [token, position] = [load("wte.weight", id * C, C), load("wpe.weight", t * C, C)];
    for (let c = 0; c < C; c++) x[t * C + c] = at(token, c) + at(position, c);
  });
  const norm = (name: string) => layerNorm(x, load(`${name}.weight`), load(`${name}.bias`), epsilon);
  const linear = (y: Float64Array, name: string) => affine(y, load(`${name}.weight`), load(`${name}.bias`), T);
  for (let layer = 0; layer < n_layer; layer++) {
    const h = `h.${layer}`;
    const mixed = attention(linear(norm(`${h}.ln_1`), `${h}.attn.c_attn`), T, C, n_head);
    x = sum(x, linear(mixed, `${h}.attn.c_proj`));
    x = sum(x, linear(linear(norm(`${h}.ln_2`), `${h}.mlp.c_fc`).map(gelu), `${h}.mlp.c_proj`));
  }
  return head(norm("ln_f"), (from, count) => load("wte.weight", from, count), T, C, V);
}

const at = (values: { readonly [i: number]: number }, i: number): number => values[i] ?? Number.NaN;
const sum = (a: Float64Array<ArrayBuffer>, b: Float64Array): Float64Array<ArrayBuffer> => a.map((x, i) => x + at(b, i));
const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

function layerNorm(x: Float64Array, gain: Float32Array, bias: Float32Array, epsilon: number): Float64Array {
  const C = gain.length;
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += C) {
    let [mean, variance] = [0, 0];
    for (let c = 0; c < C; c++) mean += at(x, row + c) / C;
    for (let c = 0; c < C; c++) variance += (at(x, row + c) - mean) ** 2 / C;
    const deviation = Math.sqrt(variance + epsilon);
    for (let c = 0; c < C; c++) y[row + c] = ((at(x, row + c) - mean) / deviation) * at(gain, c) + at(bias, c);
  }
  return y;
}

/** x · weight + bias, x as [T, from], weight as [from, to]. */
function affine(x: Float64Array, weight: Float32Array, bias: Float32Array, T: number): Float64Array {
  const [from, to] = [x.length / T, bias.length];
  const y = new Float64Array(T * to);
  for (let t = 0; t < T; t++) y.set(bias, t * to);
  for (let k = 0; k < from; k++)
    for (let t = 0; t < T; t++) addScaled(y, t * to, at(x, t * from + k), weight, k * to, to);
  return y;
}

/** `y` from one place on, plus `factor` times so many of `w` from another. Nearly all of the time is spent here. */
function addScaled(y: Float64Array, to: number, factor: number, w: Float32Array, from: number, count: number): void {
  for (let n = 0; n < count; n++) y[to + n] = (y[to + n] ?? Number.NaN) + factor * (w[from + n] ?? Number.NaN);
}

function dot(x: Float64Array, xFrom: number, w: Float32Array, wFrom: number, count: number): number {
  let total = 0;
  for (let c = 0; c < count; c++) total += (x[xFrom + c] ?? Number.NaN) * (w[wFrom + c] ?? Number.NaN);
  return total;
}

/** qkv as [T, 3C]: queries, keys and values, each of heads side by side. */
function attention(qkv: Float64Array, T: number, C: number, heads: number): Float64Array {
  const size = C / heads;
  const y = new Float64Array(T * C);
  for (let h = 0; h < heads; h++)
    for (let t = 0; t < T; t++) {
      const query = t * 3 * C + h * size;
      const weights: number[] = [];
      for (let s = 0; s <= t; s++) {
        const key = s * 3 * C + C + h * size;
        let score = 0;
        for (let i = 0; i < size; i++) score += at(qkv, query + i) * at(qkv, key + i);
        weights.push(score / Math.sqrt(size));
      }
      const most = Math.max(...weights);
      const powers = weights.map((w) => Math.exp(w - most));
      const total = powers.reduce((a, b) => a + b, 0);
      powers.forEach((p, s) => {
        const value = s * 3 * C + 2 * C + h * size;
        for (let i = 0; i < size; i++)
          y[t * C + h * size + i] = at(y, t * C + h * size + i) + (p / total) * at(qkv, value + i);
      });
    }
  return y;
}

const ROWS = 2048;

/** x · wteᵀ, some rows of the table at a time. */
function head(
  x: Float64Array,
  table: (from: number, count: number) => Float32Array,
  T: number,
  C: number,
  V: number,
): Float64Array {
  const logits = new Float64Array(T * V);
  for (let first = 0; first < V; first += ROWS) {
    const count = Math.min(ROWS, V - first);
    const rows = table(first * C, count * C);
    for (let v = 0; v < count; v++)
      for (let t = 0; t < T; t++) logits[t * V + first + v] = dot(x, t * C, rows, v * C, C);
  }
  return logits;
}

/** Where each tensor is, under its name without `transformer.`. */
function locate(folder: string): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  for (const name of readdirSync(folder).filter((n) => n.endsWith(".safetensors"))) {
    const file = join(folder, name);
    const length = Number(Buffer.from(readBytes(file, 0, 8)).readBigUInt64LE());
    const header = JSON.parse(Buffer.from(readBytes(file, 8, length)).toString("utf8"));
    for (const [tensor, entry] of Object.entries<{ dtype: string; shape: number[]; data_offsets: number[] }>(header))
      if (tensor !== "__metadata__")
        places.set(tensor.replace(/^transformer\./, ""), {
          file,
          dtype: entry.dtype,
          shape: entry.shape,
          begin: 8 + length + at(entry.data_offsets, 0),
        });
  }
  return places;
}

/** `count` values of a tensor from the `from`th on; all when absent. */
function loadTensor(
  places: ReadonlyMap<string, Place>,
  name: string,
  half: boolean,
  from: number,
  count?: number,
): Float32Array {
  const place = places.get(name);
  if (!place) throw new Error(`there is no tensor ${name}`);
  const { file, dtype, shape, begin } = place;
  const length = count ?? shape.reduce((n, d) => n * d, 1);
  const size = dtype === "F32" ? 4 : 2;
  const bytes = readBytes(file, begin + from * size, length * size);
  if (dtype === "F16") return Float32Array.from(new Uint16Array(bytes.buffer), fromHalf);
  if (dtype !== "F32") throw new Error(`${name} is stored as ${dtype}, but the reference reads F32 and F16`);
  const values = new Float32Array(bytes.buffer);
  return half && shape.length > 1 ? roundToHalf(values) : values;
}

function readBytes(file: string, position: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const descriptor = openSync(file, "r");
  for (let done = 0; done < length; ) {
    const count = readSync(descriptor, bytes, done, length - done, position + done);
    if (count === 0) throw new Error(`${file} ends before byte ${position + length}`);
    done += count;
  }
  closeSync(descriptor);
  return bytes;
}

/** (-1)^s · 2^(e-15) · 1.f, or 2^-14 · 0.f for the smallest exponent, infinities and NaN for the largest. */
function fromHalf(bits: number): number {
  const [sign, e, f] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (e === 31) return f === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return e === 0 ? sign * f * 2 ** -24 : sign * (1 + f / 1024) * 2 ** (e - 15);
}

/** Adding and taking away this rounds a small f64 to a whole number, ties to even. */
const WHOLE = 1.5 * 2 ** 52;

/** Each value to the nearest that f16 has, ties to even. */
function roundToHalf(values: Float32Array<ArrayBuffer>): Float32Array {
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < values.length; i++) {
    const x = at(values, i);
    if (Math.abs(x) < 2 ** -14) values[i] = (x * 2 ** 24 + WHOLE - WHOLE) / 2 ** 24;
    else if (Math.abs(x) >= 65520) values[i] = x > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    else {
      // f32 has 13 fraction bits more: the half of their unit, less one where the last bit that stays is even.
      const b = at(bits, i);
      bits[i] = (b + 0xfff + ((b >>> 13) & 1)) & ~0x1fff;
    }
  }
  return values;
}
