// ONNX's Attention out of primitive ops: grouped heads, past keys, masks, a soft cap, and its optional results.
import { add, concat, div, expand, iota, less, lessEqual, matmul, mul, select, tanh } from "../../../ir/ops/index.ts";
import { MASKED } from "../../../ir/ops/scaled-dot-product-attention.ts";
import type { Value } from "../../../ir/value.ts";
import { type OnnxNode, shapeOf, Unsupported } from "./node.ts";
import { exponentials } from "./rows.ts";

const [QUERY, KEY, VALUE, MASK, PAST_KEY, PAST_VALUE, KEYS_USED] = [0, 1, 2, 3, 4, 5, 6];

/** [batch, sequence, heads · size] → [batch, heads, sequence, size]; four axes are that already. */
function byHeads(n: OnnxNode, i: number, attribute: string): Value {
  const [batch = 1, length = 1, width = 1] = n.shape(i);
  if (n.shape(i).length === 4) return n.value(i);
  const heads = n.int(attribute, 1);
  return n.transpose(n.reshape(n.value(i), [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** a · b per head, where several heads of a share one of b. */
function multiply(n: OnnxNode, a: Value, b: Value): Value {
  const [batch = 1, heads = 1, rows = 1, inner = 1] = shapeOf(a);
  const [, shared = 1, depth = 1, columns = 1] = shapeOf(b);
  if (heads === shared) return n.op(matmul, [a, b]);
  const groups = n.reshape(a, [batch, shared, heads / shared, rows, inner]);
  const product = n.op(matmul, [groups, n.reshape(b, [batch, shared, 1, depth, columns])]);
  return n.reshape(product, [batch, heads, rows, columns]);
}

const hide = (n: OnnxNode, visible: Value, scores: Value): Value =>
  n.op(select, [visible, scores, n.literal(MASKED, scores.type.dtype)]);

/** The scores with everything masked that a query must not see. */
function masked(n: OnnxNode, capped: Value): Value {
  const [, , queries = 1, keys = 1] = shapeOf(capped);
  let scores = capped;
  if (n.int("is_causal", 0) === 1) {
    if (n.has(PAST_KEY)) throw new Unsupported("causal attention after past keys");
    const row = n.reshape(n.op(iota, [], { length: queries }), [queries, 1]);
    scores = hide(n, n.op(lessEqual, [n.op(iota, [], { length: keys }), row]), scores);
  }
  if (n.has(KEYS_USED)) {
    const used = n.reshape(n.value(KEYS_USED), [...n.shape(KEYS_USED), 1, 1, 1]);
    scores = hide(n, n.op(less, [n.op(iota, [], { length: keys }), used]), scores);
  }
  if (!n.has(MASK)) return scores;
  const mask = n.value(MASK);
  if (mask.type.dtype === "bool") return hide(n, mask, scores);
  // A mask that covers the first keys only hides the others.
  const [missing, shape] = [keys - (shapeOf(mask).at(-1) ?? 0), shapeOf(mask)];
  const block = () => n.op(expand, [n.literal(MASKED, mask.type.dtype)], { shape: shape.with(-1, missing) });
  return n.op(add, [scores, missing === 0 ? mask : n.op(concat, [mask, block()], { axis: -1 })]);
}

export function attention(n: OnnxNode): readonly Value[] {
  const query = byHeads(n, QUERY, "q_num_heads");
  const extend = (i: number, past: number) => {
    const own = byHeads(n, i, "kv_num_heads");
    return n.has(past) ? n.op(concat, [n.value(past), own], { axis: 2 }) : own;
  };
  const [keys, values] = [extend(KEY, PAST_KEY), extend(VALUE, PAST_VALUE)];
  const [batch = 1, heads = 1, queries = 1, size = 1] = shapeOf(query);
  const { dtype } = query.type;

  const scale = n.literal(n.int("scale", 1 / Math.sqrt(size)), dtype);
  const scores = n.op(mul, [multiply(n, query, n.transpose(keys, [0, 1, 3, 2])), scale]);
  const softcap = n.int("softcap", 0);
  const cap = n.literal(softcap, dtype);
  const capped = softcap === 0 ? scores : n.op(mul, [n.op(tanh, [n.op(div, [scores, cap])]), cap]);
  const visible = masked(n, capped);
  const { e, sum } = exponentials(n, visible, -1);
  const weights = n.op(div, [e, sum]);
  const mixed = multiply(n, weights, values);

  const wide = n.shape(QUERY).length === 4;
  const joined = () => n.reshape(n.transpose(mixed, [0, 2, 1, 3]), [batch, queries, heads * (shapeOf(mixed)[3] ?? 1)]);
  const shown = [scores, capped, visible, weights][n.int("qk_matmul_output_mode", 0)] ?? scores;
  return [wide ? mixed : joined(), keys, values, shown];
}
