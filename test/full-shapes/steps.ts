// The steps of GPT-2's decode and prefill at their full shapes, as graphs, and what one element of each is in f64: written from the
// formulas in plain loops, with nothing of wgpt's interpreter. A whole run of that would take minutes; a sample of elements takes none.
import { at } from "../../ir/errors.ts";
import type { SymbolValues } from "../../ir/type.ts";

/** An element as f64 makes it, and how far f32 may be off. */
export interface Element {
  readonly value: number;
  readonly allowed: number;
}

/** The numbers of a graph's inputs by name, row-major. */
export type Numbers = (name: string) => Float64Array;

/** A graph with one result of two axes. */
export interface Step {
  readonly name: string;
  readonly text: string;
  readonly symbols: SymbolValues;
  /** Of the result. */
  readonly shape: readonly [rows: number, columns: number];
  /** Prepares what elements share; gives the element at a place. */
  elements(numbers: Numbers): (row: number, column: number) => Element;
}

/** A model's width and heads, how many tokens it knows, where its head is tried, and to how many keys it attends. */
export interface Model {
  readonly name: string;
  readonly width: number;
  readonly heads: number;
  readonly vocabulary?: number;
  readonly keys: number;
}

const MODELS: readonly Model[] = [
  { name: "gpt2", width: 768, heads: 12, vocabulary: 50257, keys: 1024 },
  // Its head is twice as large, and the same kernels'.
  { name: "gpt2-xl", width: 1600, heads: 25, keys: 1024 },
];
const EPSILON = 1e-5;

/** Half a unit in the last place of f32. */
const ULP = 2 ** -24;
/** A sum of n terms is a random walk of n roundings, each relative to a partial sum; see kernel-check.ts, whose allowance it is. */
const ofSum = (terms: number): number => 2 * Math.sqrt(terms) * ULP;
/** Single steps after the sum: a bias, a residual, an activation. */
const OF_STEPS = 4 * ULP;

/** How rows come: their number as the graph's text has it, and what its symbol is. */
interface Rows {
  readonly text: string;
  readonly count: number;
}
/** One and eight as numbers, which is decoding, and as a symbol, as in a prefill. */
const ROWS: readonly Rows[] = [
  { text: "1", count: 1 },
  { text: "8", count: 8 },
  ...[1, 8, 64].map((count) => ({ text: "T", count })),
];
const symbolsOf = ({ text, count }: Rows): SymbolValues => (text === "T" ? { T: count } : {});

const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
/** Its steepest rise. */
const GELU_SLOPE = 1.13;
type After = "bias" | "bias, gelu" | "bias, residual" | "nothing";

interface Product {
  readonly model: Model;
  readonly rows: Rows;
  readonly inner: number;
  readonly columns: number;
  readonly after: After;
  readonly normalized?: boolean;
  readonly transposed?: boolean;
}

function productStep({ model, rows, inner, columns, after, normalized = false, transposed = false }: Product): Step {
  const x = `x: f32[${rows.text}, ${inner}]`;
  const w = `weight w: f32[${transposed ? `${columns}, ${inner}` : `${inner}, ${columns}`}]`;
  const parameters = [
    x,
    w,
    ...(after === "nothing" ? [] : [`b: f32[${columns}]`]),
    ...(after === "bias, residual" ? [`r: f32[${rows.text}, ${columns}]`] : []),
    ...(normalized ? [`g: f32[${inner}]`, `c: f32[${inner}]`] : []),
  ];
  const right = transposed ? "wt = transpose(w, perm=[1, 0])" : "";
  const left = normalized ? `n = layer_norm(x, g, c, eps=${EPSILON})` : "";
  const product = `m = matmul(${normalized ? "n" : "x"}, ${transposed ? "wt" : "w"})`;
  const tail = {
    nothing: "return m",
    bias: "y = add(m, b) return y",
    "bias, gelu": "p = add(m, b) y = gelu(p) return y",
    "bias, residual": "p = add(m, b) y = add(r, p) return y",
  }[after];
  const what = [
    ...(normalized ? ["layer norm"] : []),
    `${inner} × ${columns}${transposed ? " transposed" : ""}`,
    after,
  ];
  return {
    name: `${model.name}: ${what.filter((s) => s !== "nothing").join(", ")}, ${rows.text} = ${rows.count} rows`,
    text: `graph product(${parameters.join(", ")}) { ${left} ${right} ${product} ${tail} }`,
    symbols: symbolsOf(rows),
    shape: [rows.count, columns],
    elements(numbers) {
      const [xs, ws] = [numbers("x"), numbers("w")];
      const known = new Map<number, Float64Array>();
      const rowOf = (row: number): Float64Array => {
        const found = known.get(row);
        if (found) return found;
        const own = xs.slice(row * inner, (row + 1) * inner);
        const made = normalized ? normalize(own, numbers("g"), numbers("c")) : own;
        known.set(row, made);
        return made;
      };
      const [alongInner, alongColumns] = transposed ? [1, inner] : [columns, 1];
      return (row, column) => {
        const left = rowOf(row);
        let [sum, size] = [0, 0];
        for (let k = 0; k < inner; k++) {
          const term = at(left, k) * at(ws, k * alongInner + column * alongColumns);
          sum += term;
          size += term * term;
        }
        // A partial sum is about as large as the sum, or as a random walk of its terms.
        const largest = Math.max(Math.abs(sum), Math.sqrt(size));
        // A row's mean and variance are sums over it as well, whose errors its products share.
        let allowed = (normalized ? 2 : 1) * ofSum(inner) * largest;
        if (after === "nothing") return { value: sum, allowed: allowed + OF_STEPS * Math.abs(sum) };
        const biased = sum + at(numbers("b"), column);
        if (after === "bias") return { value: biased, allowed: allowed + OF_STEPS * Math.abs(biased) };
        if (after === "bias, gelu") {
          allowed = GELU_SLOPE * (allowed + OF_STEPS * Math.abs(biased));
          // 1 + tanh loses what is small beside 1.
          return { value: gelu(biased), allowed: allowed + OF_STEPS * Math.abs(biased) };
        }
        const value = biased + at(numbers("r"), row * columns + column);
        return { value, allowed: allowed + OF_STEPS * (Math.abs(biased) + Math.abs(value)) };
      };
    },
  };
}

/** A row of layer norm: two passes, as the formula has it. */
function normalize(row: Float64Array, gain: Float64Array, bias: Float64Array): Float64Array {
  const mean = row.reduce((sum, v) => sum + v, 0) / row.length;
  const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length;
  const scale = 1 / Math.sqrt(variance + EPSILON);
  return row.map((v, i) => (v - mean) * scale * at(gain, i) + at(bias, i));
}

function normStep(model: Model, rows: Rows): Step {
  const { width } = model;
  return {
    name: `${model.name}: layer norm alone, ${rows.text} = ${rows.count} rows`,
    text: `graph norm(x: f32[${rows.text}, ${width}], g: f32[${width}], c: f32[${width}]) {
      y = layer_norm(x, g, c, eps=${EPSILON}) return y }`,
    symbols: symbolsOf(rows),
    shape: [rows.count, width],
    elements: (numbers) => (row, column) => {
      const own = numbers("x").slice(row * width, (row + 1) * width);
      const value = at(normalize(own, numbers("g"), numbers("c")), column);
      const scaled = value - at(numbers("c"), column);
      return {
        value,
        allowed:
          ofSum(width) * Math.max(Math.abs(scaled), Math.abs(at(numbers("g"), column))) + OF_STEPS * Math.abs(value),
      };
    },
  };
}

function attentionStep(model: Model, rows: Rows): Step {
  const { width, heads, keys: room } = model;
  const [size, first] = [width / heads, room - rows.count];
  const scale = 1 / Math.sqrt(size);
  const length = rows.text === "T" ? `T+${first}` : `${room}`;
  return {
    name: `${model.name}: attention to ${room} keys, ${rows.text} = ${rows.count} rows`,
    text: `graph attention(q: f32[${rows.text}, ${width}], k: f32[${room}, ${width}], v: f32[${room}, ${width}]) {
      y = scaled_dot_product_attention(q, k, v, length=${length}, n_head=${heads}, scale=${scale}) return y }`,
    symbols: symbolsOf(rows),
    shape: [rows.count, width],
    elements(numbers) {
      const [q, keys, values] = [numbers("q"), numbers("k"), numbers("v")];
      return (row, column) => {
        const from = column - (column % size);
        let largest = 0;
        const scores = Float64Array.from({ length: first + row + 1 }, (_, key) => {
          let [sum, squares] = [0, 0];
          for (let d = 0; d < size; d++) {
            const term = at(q, row * width + from + d) * at(keys, key * width + from + d);
            sum += term;
            squares += term * term;
          }
          largest = Math.max(largest, scale * Math.abs(sum), scale * Math.sqrt(squares));
          return scale * sum;
        });
        const most = scores.reduce((m, s) => Math.max(m, s));
        // What a score is off by multiplies its weight; WGSL's exp is off by 3 + 2 · |x| units.
        const ofScore = 2 * ofSum(size) * largest;
        let [mixed, total, sizes, off] = [0, 0, 0, 0];
        scores.forEach((score, key) => {
          const weight = Math.exp(score - most);
          const value = weight * at(values, key * width + column);
          mixed += value;
          total += weight;
          sizes += Math.abs(value);
          off += Math.abs(value) * (ofScore + (3 + 2 * (most - score)) * ULP);
        });
        const value = mixed / total;
        return { value, allowed: (off + ofSum(room) * sizes) / total + OF_STEPS * Math.abs(value) };
      };
    },
  };
}

/** The steps of a model, for each way in which rows come. */
export function stepsOf(model: Model): readonly Step[] {
  const { width: inner, vocabulary } = model;
  return ROWS.flatMap((rows): readonly Step[] => [
    productStep({ model, rows, inner, columns: 3 * inner, after: "bias" }),
    productStep({ model, rows, inner, columns: 3 * inner, after: "bias", normalized: true }),
    productStep({ model, rows, inner, columns: inner, after: "bias, residual" }),
    productStep({ model, rows, inner, columns: 4 * inner, after: "bias, gelu", normalized: true }),
    productStep({ model, rows, inner: 4 * inner, columns: inner, after: "bias, residual" }),
    attentionStep(model, rows),
    normStep(model, rows),
    ...(vocabulary === undefined
      ? []
      : [productStep({ model, rows, inner, columns: vocabulary, after: "nothing", transposed: true })]),
  ]);
}

/** Every step of GPT-2 124M and XL. */
export const STEPS: readonly Step[] = MODELS.flatMap(stepsOf);
