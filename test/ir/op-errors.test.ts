// What each op says about operands that do not fit: the place, the two facts that disagree, and the way out.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Attrs } from "../../ir/attr.ts";
import { CompileError } from "../../ir/errors.ts";
import type { Op } from "../../ir/op.ts";
import { OPS } from "../../ir/ops/index.ts";
import { computesInPlace } from "../support/element-calls.ts";
import { graphOfOp } from "../support/run-op.ts";

const test = suite("op errors");

/** Operand types, attributes, and the two facts that the message must hold. */
type Misfit = readonly [types: readonly string[], attrs: Attrs, facts: readonly string[]];

const AXIS: Misfit = [["f32[2, 3]"], { axis: 2 }, ["axis is 2", "x is f32[2, 3]"]];

/** Ops that are not pointwise, each in its own ways; pointwise ones are asked below. */
const MISFITS: Readonly<Record<string, readonly Misfit[]>> = {
  argmax: [AXIS, [["f32[]"], {}, ["axis is -1", "x is f32[]"]], [["f32[3, 0]"], {}, ["axis is -1", "x is f32[3, 0]"]]],
  attention_merge: [
    [["f32[2, 1, 8]", "f32[3, 1, 2, 2]"], {}, ["mixtures are f32[2, 1, 8]", "softmax is f32[3, 1, 2, 2]"]],
    [["f32[2, 1, 8]", "f32[2, 1, 3, 2]"], {}, ["mixtures are f32[2, 1, 8]", "softmax is f32[2, 1, 3, 2]"]],
    [["f32[2, T, 8]", "f32[2, 1, 2, 2]"], {}, ["mixtures are f32[2, T, 8]", "softmax is f32[2, 1, 2, 2]"]],
    [["f32[2, 1, 8]", "f32[2, 1, 2]"], {}, ["mixtures are f32[2, 1, 8]", "softmax is f32[2, 1, 2]"]],
  ],
  attention_parts: [
    [["f32[1, 8]", "f32[6, 8]", "f32[6, 8]"], { n_head: 2, length: 4, scale: 1, parts: 0 }, ["n_head is 2", "parts 0"]],
    [
      ["f32[2, 8]", "f32[6, 8]", "f32[6, 8]"],
      { n_head: 2, length: 4, scale: 1, parts: 2 },
      ["query is f32[2, 8]", "n_head is 2"],
    ],
    [
      ["f32[1, 8]", "f32[6, 8]", "f32[6, 4]"],
      { n_head: 2, length: 4, scale: 1, parts: 2 },
      ["values is f32[6, 4]", "query is f32[1, 8]"],
    ],
    [
      ["f32[1, 8]", "f32[6, 8]", "f32[6, 8]"],
      { n_head: 2, length: 7, scale: 1, parts: 2 },
      ["length is 7", "keys are f32[6, 8]"],
    ],
  ],
  cache_update: [
    [["f32[8, 5]", "f32[1, 4]"], { start: 0 }, ["rows are f32[1, 4]", "the cache is f32[8, 5]"]],
    [["f32[8, 5]", "f16[1, 5]"], { start: 0 }, ["rows are f16[1, 5]", "the cache is f32[8, 5]"]],
    [["f32[8, 5]", "f32[5]"], { start: 0 }, ["rows are f32[5]", "the cache is f32[8, 5]"]],
    [["f32[]", "f32[]"], { start: 0 }, ["rows are f32[]", "the cache is f32[]"]],
    [["f32[8, 5]", "f32[3, 5]"], { start: 6 }, ["rows 6 to 9", "the cache is f32[8, 5]"]],
    [["f32[8, 5]", "f32[3, 5]"], { start: -1 }, ["rows -1 to 2", "the cache is f32[8, 5]"]],
  ],
  cache_write: [
    [["f32[8, 5]", "f32[1, 5]", "i32[1]"], { axis: 2 }, ["axis is 2", "the cache is f32[8, 5]"]],
    [["f32[8, 5]", "f32[1, 4]", "i32[1]"], {}, ["rows are f32[1, 4]", "the cache is f32[8, 5]"]],
    [["f32[8, 5]", "i32[1, 5]", "i32[1]"], {}, ["rows are i32[1, 5]", "the cache is f32[8, 5]"]],
    [["f32[8, 5]", "f32[T, 5]", "i32[2]"], {}, ["slots are i32[2]", "rows are f32[T, 5]"]],
    [["f32[8, 5]", "f32[2, 5]", "f32[2]"], {}, ["slots are f32[2]", "rows are f32[2, 5]"]],
    [["f32[8, 5]", "f32[2, 5]", "i32[2, 1]"], {}, ["slots are i32[2, 1]", "rows are f32[2, 5]"]],
  ],
  concat: [
    [["f32[2, 3]", "f32[2, 4]"], {}, ["one part is f32[2, 4]", "the first is f32[2, 3]"]],
    [["f32[2, 3]", "i32[2, 3]"], {}, ["one part is i32[2, 3]", "the first is f32[2, 3]"]],
    [["f32[2, 3]", "f32[2]"], {}, ["one part is f32[2]", "the first is f32[2, 3]"]],
    [["f32[2, 3]"], { axis: 2 }, ["axis is 2", "the first part is f32[2, 3]"]],
  ],
  expand: [
    [["f32[3, 2]"], { shape: [3, 4] }, ["x is f32[3, 2]", "the shape asked for is [3, 4]"]],
    [["f32[3, 1]"], { shape: [1] }, ["x is f32[3, 1]", "the shape asked for is [1]"]],
  ],
  gather: [
    [["f32[5, 7]", "f32[4]"], {}, ["table is f32[5, 7]", "indices are f32[4]"]],
    [["f32[]", "i32[4]"], {}, ["table is f32[]", "indices are i32[4]"]],
  ],
  iota: [[[], { length: -1 }, ["gives i32[-1]"]]],
  layer_norm: [
    [["f32[T, 4]", "f32[5]", "f32[4]"], {}, ["weight is f32[5]", "x is f32[T, 4]"]],
    [["f32[T, 4]", "f32[4]", "f32[1, 4]"], {}, ["bias is f32[1, 4]", "x is f32[T, 4]"]],
    [["f32[T, 4]", "f16[4]", "f32[4]"], {}, ["weight is f16[4]", "x is f32[T, 4]"]],
    [["f32[]", "f32[1]", "f32[1]"], {}, ["weight is f32[1]", "x is f32[]"]],
  ],
  matmul_parts: [
    [["f32[1, 6]", "f32[6, 3]"], { parts: 4 }, ["parts is 4", "a is f32[1, 6]"]],
    [["f32[1, 6]", "f32[6, 3]"], { parts: 0 }, ["parts is 0", "a is f32[1, 6]"]],
    [["f32[1, 6]", "f32[5, 3]"], { parts: 2 }, ["a is f32[1, 6]", "b is f32[5, 3]"]],
    [["f32[1, K]", "f32[K, 3]"], { parts: 2 }, ["a is f32[1, K]", "b is f32[K, 3]"]],
    [["f32[2, 1, 6]", "f32[6, 3]"], { parts: 2 }, ["a is f32[2, 1, 6]", "b is f32[6, 3]"]],
  ],
  matmul: [
    [["f32[T, 4]", "f32[5, 3]"], {}, ["a is f32[T, 4]", "b is f32[5, 3]"]],
    [["f32[T, 4]", "f32[4]"], {}, ["a is f32[T, 4]", "b is f32[4]"]],
    [["f32[T, 4]", "f16[4, 3]"], {}, ["a is f32[T, 4]", "b is f16[4, 3]"]],
    [["f32[2, 1, 4]", "f32[3, 4, 1]"], {}, ["a is f32[2, 1, 4]", "b is f32[3, 4, 1]"]],
  ],
  page_slots: [
    [["i32[T]", "i32[2]", "i32[2, 3]"], { page_size: 4 }, ["positions are i32[T]", "sequence i32[2]"]],
    [["i32[T]", "i32[T]", "i32[6]"], { page_size: 4 }, ["pages i32[6]", "sequence i32[T]"]],
    [["i32[T]", "i32[T]", "i32[2, 3]"], { page_size: 0 }, ["page_size is 0", "pages i32[2, 3]"]],
  ],
  paged_attention: [
    [
      ["f32[T, 8]", "f32[6, 8]", "f32[6, 8]", "i32[T]", "i32[T]", "i32[2, 3]"],
      { n_head: 4, n_kv_head: 3, page_size: 2, scale: 1 },
      ["n_head is 4", "n_kv_head 3"],
    ],
    [
      ["f32[T, 8]", "f32[6, 8]", "f32[6, 8]", "i32[T]", "i32[T]", "i32[2, 3]"],
      { n_head: 2, page_size: 0, scale: 1 },
      ["n_head is 2", "page_size 0"],
    ],
    [
      ["f32[T, 8]", "f32[6, 8]", "f32[6, 8]", "i32[T]", "i32[T]", "i32[2, 3]"],
      { n_head: 3, page_size: 2, scale: 1 },
      ["query is f32[T, 8]", "n_head is 3"],
    ],
    [
      ["f32[T, 8]", "f32[6, 4]", "f32[6, 8]", "i32[T]", "i32[T]", "i32[2, 3]"],
      { n_head: 2, page_size: 2, scale: 1 },
      ["keys is f32[6, 4]", "query is f32[T, 8]"],
    ],
    [
      ["f32[T, 8]", "f32[6, 8]", "i32[6, 8]", "i32[T]", "i32[T]", "i32[2, 3]"],
      { n_head: 2, page_size: 2, scale: 1 },
      ["values is i32[6, 8]", "query is f32[T, 8]"],
    ],
    [
      ["f32[T, 8]", "f32[6, 8]", "f32[6, 8]", "i32[5]", "i32[T]", "i32[2, 3]"],
      { n_head: 2, page_size: 2, scale: 1 },
      ["positions is i32[5]", "query is f32[T, 8]"],
    ],
    [
      ["f32[T, 8]", "f32[6, 8]", "f32[6, 8]", "i32[T]", "f32[T]", "i32[2, 3]"],
      { n_head: 2, page_size: 2, scale: 1 },
      ["sequence is f32[T]", "query is f32[T, 8]"],
    ],
    [
      ["f32[T, 8]", "f32[6, 8]", "f32[6, 8]", "i32[T]", "i32[T]", "i32[6]"],
      { n_head: 2, page_size: 2, scale: 1 },
      ["pages is i32[6]", "i32[N, M]"],
    ],
  ],
  reduce_max: [AXIS],
  reduce_mean: [AXIS],
  reduce_sum: [AXIS, [["f32[]"], {}, ["axis is -1", "x is f32[]"]]],
  reshape: [
    [["f32[T, 4]"], { shape: [2, 2] }, ["x is f32[T, 4]", "the shape asked for is [2, 2]"]],
    [["f32[2, 3]"], { shape: [-2, -3] }, ["gives f32[-2, -3]"]],
  ],
  rms_norm: [
    [["f32[T, 4]", "f32[5]"], {}, ["weight is f32[5]", "x is f32[T, 4]"]],
    [["f32[T, 4]", "f32[1, 4]"], {}, ["weight is f32[1, 4]", "x is f32[T, 4]"]],
  ],
  sample_token: [
    [["f32[2, 9]", "f32[5]", "u32[1]", "u32[1]", "i32[4]"], {}, ["logits are f32[2, 9]", "settings f32[5]"]],
    [["f32[1, 9]", "f32[4]", "u32[1]", "u32[1]", "i32[4]"], {}, ["settings f32[4]", "the seed u32[1]"]],
    [["f32[1, 9]", "f32[5]", "i32[1]", "u32[1]", "i32[4]"], {}, ["settings f32[5]", "the seed i32[1]"]],
    [
      ["f32[1, 99]", "f32[5]", "u32[1]", "u32[3]", "i32[4]"],
      {},
      ["logits are f32[1, 99]", "the suppressed ids u32[3]"],
    ],
    [["f32[1, 9]", "f32[5]", "u32[1]", "u32[1]", "i32[4, 1]"], {}, ["logits are f32[1, 9]", "the sequence i32[4, 1]"]],
  ],
  sample_token_from_parts: [
    [["u32[2, 4, 101]", "f32[5]", "u32[1]"], { width: 130 }, ["parts are u32[2, 4, 101]", "width is 130"]],
    [["u32[1, 4, 101]", "f32[5]", "u32[1]"], { width: 133 }, ["parts are u32[1, 4, 101]", "width is 133"]],
    [["u32[1, 4, 68]", "f32[5]", "u32[1]"], { width: 0 }, ["parts are u32[1, 4, 68]", "width is 0"]],
    [["u32[1, 4, 101]", "f32[4]", "u32[1]"], { width: 130 }, ["parts are u32[1, 4, 101]", "settings f32[4]"]],
    [["u32[1, 4, 101]", "f32[5]", "i32[1]"], { width: 130 }, ["parts are u32[1, 4, 101]", "the seed i32[1]"]],
  ],
  sample_token_parts: [
    [["f32[2, 9]", "f32[5]", "u32[1]", "i32[4]"], { parts: 2 }, ["logits are f32[2, 9]", "settings f32[5]"]],
    [["f32[1, 9]", "f32[4]", "u32[1]", "i32[4]"], { parts: 2 }, ["settings f32[4]", "logits are f32[1, 9]"]],
    [
      ["f32[1, 99]", "f32[5]", "u32[3]", "i32[4]"],
      { parts: 2 },
      ["the suppressed ids u32[3]", "logits are f32[1, 99]"],
    ],
    [["f32[1, 9]", "f32[5]", "u32[1]", "i32[4, 1]"], { parts: 2 }, ["the sequence i32[4, 1]", "logits are f32[1, 9]"]],
    [["f32[1, 9]", "f32[5]", "u32[1]", "i32[4]"], { parts: 0 }, ["parts is 0", "the logits are 9"]],
    [["f32[1, 9]", "f32[5]", "u32[1]", "i32[4]"], { parts: 257 }, ["parts is 257", "the logits are 9"]],
  ],
  sample_tokens: [
    [
      ["f32[2, 130]", "f32[5]", "u32[2]", "u32[2, 5]", "i32[2, 9]", "i32[2]"],
      {},
      ["settings f32[5]", "logits are f32[2, 130]"],
    ],
    [
      ["f32[2, 130]", "f32[2, 5]", "u32[3]", "u32[2, 5]", "i32[2, 9]", "i32[2]"],
      {},
      ["seeds u32[3]", "logits are f32[2, 130]"],
    ],
    [
      ["f32[2, 130]", "f32[2, 5]", "u32[2]", "u32[2, 4]", "i32[2, 9]", "i32[2]"],
      {},
      ["the suppressed ids u32[2, 4]", "logits are f32[2, 130]"],
    ],
    [
      ["f32[2, 130]", "f32[2, 5]", "u32[2]", "u32[2, 5]", "i32[2, 9]", "f32[2]"],
      {},
      ["steps f32[2]", "sequences i32[2, 9]"],
    ],
  ],
  sample_tokens_from_parts: [
    [
      ["u32[2, 4, 101]", "f32[3, 5]", "u32[2]", "i32[2]"],
      { width: 130 },
      ["parts are u32[2, 4, 101]", "settings f32[3, 5]"],
    ],
    [
      ["u32[2, 4, 101]", "f32[2, 5]", "u32[2, 1]", "i32[2]"],
      { width: 130 },
      ["parts are u32[2, 4, 101]", "seeds u32[2, 1]"],
    ],
    [["u32[2, 4, 101]", "f32[2, 5]", "u32[2]", "f32[2]"], { width: 130 }, ["parts are u32[2, 4, 101]", "steps f32[2]"]],
    [["u32[2, 4, 102]", "f32[2, 5]", "u32[2]", "i32[2]"], { width: 130 }, ["parts are u32[2, 4, 102]", "width is 130"]],
  ],
  sample_tokens_parts: [
    [
      ["f32[2, 130]", "f32[5]", "u32[2, 5]", "i32[2, 9]", "i32[2]"],
      { parts: 4 },
      ["settings f32[5]", "logits are f32[2, 130]"],
    ],
    [
      ["f32[2, 130]", "f32[2, 5]", "u32[2, 4]", "i32[2, 9]", "i32[2]"],
      { parts: 4 },
      ["the suppressed ids u32[2, 4]", "logits are f32[2, 130]"],
    ],
    [
      ["f32[2, 130]", "f32[2, 5]", "u32[2, 5]", "i32[2, 9]", "f32[2]"],
      { parts: 4 },
      ["steps f32[2]", "sequences i32[2, 9]"],
    ],
    [
      ["f32[2, 130]", "f32[2, 5]", "u32[2, 5]", "i32[2, 9]", "i32[2]"],
      { parts: -1 },
      ["parts is -1", "the logits are 130"],
    ],
  ],
  scaled_dot_product_attention: [
    [
      ["f32[3, 24]", "f32[9, 8]", "f32[9, 8]"],
      { n_head: 6, n_kv_head: 4, length: 8, scale: 1 },
      ["n_kv_head is 4", "n_head is 6"],
    ],
    [
      ["f32[3, 24]", "f32[9, 8]", "f32[9, 24]"],
      { n_head: 6, n_kv_head: 2, length: 8, scale: 1 },
      ["values is f32[9, 24]", "query is f32[3, 24]"],
    ],
    [
      ["f32[T, 8]", "f32[9, 8]", "f32[9, 8]"],
      { n_head: 2, length: 9, scale: 1 },
      ["query is f32[T, 8]", "length is 9"],
    ],
    [["f32[3, 8]", "f32[9, 8]", "f32[7, 8]"], { n_head: 2, length: 8, scale: 1 }, ["length is 8", "values f32[7, 8]"]],
    [
      ["f32[3, 8]", "f32[9, 8]", "f32[9, 8]"],
      { n_head: 2, length: 8, scale: 1, mask_value: Number.NaN },
      ["mask_value is NaN"],
    ],
    [
      ["f32[T, 8]", "f32[9, 4]", "f32[9, 8]"],
      { n_head: 2, length: 9, scale: 1 },
      ["keys is f32[9, 4]", "query is f32[T, 8]"],
    ],
    [
      ["f32[T, 8]", "f32[9, 8]", "f32[8]"],
      { n_head: 2, length: 9, scale: 1 },
      ["values is f32[8]", "query is f32[T, 8]"],
    ],
    [
      ["f32[T, 8]", "f32[9, 8]", "f16[9, 8]"],
      { n_head: 2, length: 9, scale: 1 },
      ["values is f16[9, 8]", "query is f32[T, 8]"],
    ],
    [["f32[]", "f32[]", "f32[]"], { n_head: 1, length: 1, scale: 1 }, ["keys is f32[]", "query is f32[]"]],
    [
      ["f32[T, 8]", "f32[9, 8]", "f32[9, 8]"],
      { n_head: 3, length: 9, scale: 1 },
      ["n_head is 3", "query is f32[T, 8]"],
    ],
    [
      ["f32[T, 8]", "f32[9, 8]", "f32[9, 8]"],
      { n_head: 0, length: 9, scale: 1 },
      ["n_head is 0", "query is f32[T, 8]"],
    ],
  ],
  slice: [
    [["f32[5, 7]"], { axis: -3, length: 1 }, ["axis is -3", "x is f32[5, 7]"]],
    [["f32[5, 7]"], { start: 3, length: 3 }, ["takes 3 to 6 of axis 0", "x is f32[5, 7]"]],
    [["f32[5, 7]"], { start: -1, length: 3 }, ["takes -1 to 2 of axis 0", "x is f32[5, 7]"]],
    [["f32[5, 7]"], { start: 2, length: -1 }, ["gives f32[-1, 7]"]],
  ],
  split: [
    [["f32[3, 12]"], { axis: 2, sizes: [12] }, ["axis is 2", "x is f32[3, 12]"]],
    [["f32[3, 12]"], { sizes: [4, 4] }, ["the parts add up to 8", "axis -1 of x is 12"]],
    [["f32[3, 12]"], { sizes: [14, -2] }, ["gives f32[3, -2]"]],
    [["f32[3, 0]"], { sizes: [] }, ["has no parts"]],
  ],
  transpose: [
    [["f32[2, 3]"], { perm: [0, 0] }, ["perm is [0, 0]", "x is f32[2, 3]"]],
    [["f32[2, 3]"], { perm: [0] }, ["perm is [0]", "x is f32[2, 3]"]],
  ],
};

/** The ways in which a pointwise op's operands can misfit, as far as it has so many. */
function pointwiseMisfits(op: Op): Misfit[] {
  const attrs = op.cases[0]?.attrs ?? {};
  const own = op.cases[0]?.types ?? [];
  const [first = "a"] = op.operands;
  if (op.name === "cast") return [[["f32[2]"], {}, ["attribute to is missing"]]];
  if (op.name === "select")
    return [
      [["f32[2]", "f32[2]", "f32[2]"], {}, ["condition is f32[2]", "must be bool"]],
      [["bool[2]", "f32[2]", "i32[2]"], {}, ["b is i32[2]", "must be f32"]],
      [["bool[3]", "f32[2]", "f32[2]"], {}, ["a is f32[2]", "does not broadcast with [3]"]],
    ];
  const asBool: Misfit = [own.map(() => "bool[2]"), attrs, [`${first} is bool[2]`, `${op.name} takes f32`]];
  if (op.operands.length === 1) return [asBool];
  return [
    asBool,
    [["f32[T, 3]", "f32[T, 4]"], attrs, ["b is f32[T, 4]", "does not broadcast with [T, 3]"]],
    [["f32[T]", "f32[P]"], attrs, ["b is f32[P]", "does not broadcast with [T]"]],
    [["f32[2]", "i32[2]"], attrs, ["b is i32[2]", "must be f32"]],
  ];
}

for (const op of OPS) {
  const misfits = computesInPlace(op) ? pointwiseMisfits(op) : (MISFITS[op.name] ?? []);
  test(`${op.name} is asked for what it refuses`, () => {
    assert.ok(misfits.length > 0);
  });
  for (const [types, attrs, facts] of misfits)
    test(`${op.name}(${types.join(", ")}) says: ${facts.join(", but ")}`, () => {
      try {
        graphOfOp(op, types, attrs);
      } catch (error) {
        if (!(error instanceof CompileError)) throw error;
        assert.is(error.place, `${op.name} y`);
        for (const fact of facts) assert.ok(error.facts.includes(fact), error.facts);
        assert.ok(error.hint, `no hint after: ${error.facts}`);
        return;
      }
      assert.unreachable("it was accepted");
    });
}

for (const op of OPS)
  test(`${op.name} says how many operands it takes`, () => {
    const count = op.variadic ? 0 : op.operands.length + 1;
    const hint = `${op.name}(${op.operands.join(", ")}${op.variadic ? ", …" : ""})`;
    assert.throws(
      () => graphOfOp(op, Array<string>(count).fill("f32[2]"), {}),
      (error: CompileError) =>
        error.place === `${op.name} y` && error.facts.startsWith(`has ${count} operands, but`) && error.hint === hint,
    );
  });

test("u32 has no negation, in WGSL as here", () => {
  const neg = OPS.find((op) => op.name === "neg");
  assert.throws(
    () => neg && graphOfOp(neg, ["u32[2]"]),
    "neg y: x is u32[2], but neg takes f32, f16, i32\nhint: cast it first",
  );
});

test.run();
