// Graphs in the text form made wrong: words in the place of others, numbers that are none, brackets without an end. What is parsed
// is verified, compiled, and printed and parsed again.
import { compileEntries } from "../../codegen/index.ts";
import { graphSymbols, parseGraphs, printGraph, verify } from "../../ir/index.ts";
import { pick, type Random } from "./mutate.ts";

const TEXTS = [
  `graph mlp(x: f32[T, 4], weight w: f32[4, 8], weight b: f32[8]) {
  h = matmul(x, w)
  biased = add(h, b)
  y = gelu(biased)
  return y
}`,
  `graph attend[P>=0](q: f32[T, 8], state k: f32[16, 8], state v: f32[16, 8], new_k: f32[T, 8], new_v: f32[T, 8]) {
  keys = cache_update(k, new_k, start=P)
  values = cache_update(v, new_v, start=P)
  y = scaled_dot_product_attention(q, keys, values, n_head=2, length=P+T, scale=0.5)
  return y, keys, values
}`,
  `graph norm(x: f32[2*T, 6], weight g: f32[6] = slice(both: f32[12], axis=0, start=0, length=6), weight s: f32[6]) {
  n = layer_norm(x, g, s, eps=0.00001)
  m = mul(n, 0.5)
  t = transpose(m, perm=[1, 0])
  r = reduce_sum(t, axis=1)
  return r
}
graph twice(x: f32[T, 6]) {
  y = add(x, x)
  return y
}`,
] as const;

const WORDS = [
  ..."T P B x y w T*T T*P+1 -T f32 f16 i32 bool weight state graph return fused pointwise".split(" "),
  ..."matmul add layer_norm slice gelu transpose cache_update constructor __proto__ toString".split(" "),
  ..."0 1 -1 3 8 1.5 1e400 -0 9007199254740993 2147483648 NaN 0.00001 true".split(" "),
  ...'( ) [ ] { } = , : + * >= " # \n \u0000 \u2028 \ud800 é'.split(" "),
  "[".repeat(5000),
  "(".repeat(100),
] as const;

/** Words, numbers, blanks and single marks of a text. */
const tokensOf = (text: string): string[] => text.match(/[A-Za-z_]\w*|\d+(?:\.\d+)?|\s+|./gsu) ?? [];

const NUMBERS = ["0", "1", "2", "3", "4", "6", "8", "12", "16", "2147483648", "4294967296"] as const;

/** A text of graphs, one to three things in it changed: in a third of them only a number or two. */
export function mutateGraphText(random: Random): string {
  const tokens = tokensOf(pick(random, TEXTS));
  const place = (): number => Math.floor(random() * tokens.length);
  if (random() < 0.33) {
    const numbers = tokens.flatMap((token, i) => (/^\d/.test(token) ? [i] : []));
    for (let n = 1 + Math.floor(random() * 2); n > 0; n--) tokens[pick(random, numbers)] = pick(random, NUMBERS);
    return tokens.join("");
  }
  for (let n = 1 + Math.floor(random() * 3); n > 0; n--) {
    const [at, other] = [place(), place()];
    const way = random();
    if (way < 0.4) tokens[at] = pick(random, WORDS);
    else if (way < 0.55) tokens.splice(at, 1);
    else if (way < 0.7) tokens.splice(at, 0, pick(random, WORDS));
    else if (way < 0.85) [tokens[at], tokens[other]] = [tokens[other] ?? "", tokens[at] ?? ""];
    else if (way < 0.95) tokens.splice(at, 0, ...tokens.slice(Math.min(at, other), Math.min(at, other) + 12));
    else tokens.length = at;
  }
  return tokens.join("");
}

export function fuzzGraph(random: Random): void {
  const graphs = parseGraphs(mutateGraphText(random));
  for (const graph of graphs) {
    verify(graph);
    const again = printGraph(graph);
    const [twice] = parseGraphs(again);
    if (twice === undefined || printGraph(twice) !== again) throw new Error(`is printed as another graph: ${again}`);
  }
  const entries = graphs.map((graph, i) => ({
    name: `g${i}`,
    graph,
    maxima: Object.fromEntries(graphSymbols(graph).map(({ name }) => [name, 4])),
  }));
  compileEntries("fuzz", entries);
}
