// The WGSL of ops that move and compute in one: what is loaded where.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries } from "../../codegen/compile.ts";
import { matmulBlocked } from "../../codegen/kernels/matmul-blocked.ts";
import { Region } from "../../codegen/region.ts";
import { indexName } from "../../codegen/wgsl-index.ts";
import { at } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import * as elements from "../support/element-ops.ts";
import { SLOTS } from "../support/hostile-cases.ts";
import { withOps } from "../support/own-ops.ts";

const test = suite("element text");

/** The function that loads the graph's one result. */
function textOf(text: string): string {
  const { nodes } = parseGraph(text, withOps(Object.values(elements)));
  const region = new Region(at(nodes, 0));
  const value = at(region.body.results, 0);
  const args = value.type.shape.map((_, axis) => `i${axis}`);
  return region.loadFunction("load_y", value, args, args.map(indexName));
}

test("a rotation of pairs loads both columns, and what it uses twice once", () => {
  assert.is(
    textOf("graph g(x: f32[T, 16], cos: f32[T, 8], sin: f32[T, 8]) { y = rotary(x, cos, sin) return y }"),
    `fn load_y(i0: u32, i1: u32) -> f32 {
  let rotary_x_at_0 = rotary_x[i0 * 16u + (i1 - (i1 % 8u) + ((i1 % 8u + 4u) % 8u))];
  let rotary_0 = -rotary_x_at_0;
  let rotary_1 = select(rotary_x_at_0, rotary_0, i1 % 8u < 4u);
  let rotary_x_at_1 = rotary_x[i0 * 16u + i1];
  let rotary_cos_at_0 = rotary_cos[i0 * 8u + (i1 % 8u)];
  let rotary_2 = rotary_x_at_1 * rotary_cos_at_0;
  let rotary_sin_at_0 = rotary_sin[i0 * 8u + (i1 % 8u)];
  let rotary_3 = rotary_1 * rotary_sin_at_0;
  let rotary_4 = rotary_2 + rotary_3;
  return rotary_4;
}`,
  );
});

test("a code and the scale of its block", () => {
  assert.is(
    textOf("graph g(codes: i32[3, 64], scales: f32[3, 2]) { y = dequantize(codes, scales) return y }"),
    `fn load_y(i0: u32, i1: u32) -> f32 {
  let dequantize_scales_at_0 = dequantize_scales[i0 * 2u + (i1 / 32u)];
  let dequantize_codes_at_0 = dequantize_codes[i0 * 64u + i1];
  let dequantize_0 = f32(dequantize_codes_at_0);
  let dequantize_1 = dequantize_0 * dequantize_scales_at_0;
  return dequantize_1;
}`,
  );
});

test("a choice by data loads only the side that it chose", () => {
  assert.is(
    textOf("graph g(keep: bool[5], a: f32[5], b: f32[9]) { y = keep_or(keep, a, b, past=4) return y }"),
    `fn load_y(i0: u32) -> f32 {
  let keep_or_keep_at_0 = keep_or_keep[i0] != 0u;
  var keep_or_0: f32;
  if (keep_or_keep_at_0) {
    let keep_or_a_at_0 = keep_or_a[i0];
    keep_or_0 = keep_or_a_at_0;
  } else {
    let keep_or_b_at_0 = keep_or_b[i0 + 4u];
    keep_or_0 = keep_or_b_at_0;
  }
  return keep_or_0;
}`,
  );
});

test("rows go from one matmul to slots that the data says, in its kernel, and nowhere beyond the cache", () => {
  const { plan } = compileEntries("g", [{ name: "run", graph: parseGraph(SLOTS), maxima: {} }], {
    kernelFor: () => matmulBlocked,
  });
  assert.is(plan.entries[0]?.steps.length, 1);
  const store = /fn store_result[\s\S]*?\n}/.exec(plan.kernels[0]?.wgsl ?? "")?.[0].split("\n");
  assert.equal(store?.slice(0, 13), [
    "fn store_result(row: u32, column: u32, value: f32) {",
    "  let add_b_at_0 = add_b[column];",
    "  let add_0 = value + add_b_at_0;",
    "  if (column < 8u) {",
    "    y[row * 8u + column] = add_0;",
    "  }",
    "  if (column >= 8u && column < 16u) {",
    "    let cache_write_slots_at_0 = cache_write_slots[row];",
    "    let at_0 = u32(cache_write_slots_at_0);",
    "    if (at_0 < 9u) {",
    "      cache_write_cache[at_0 * 8u + (column - 8u)] = add_0;",
    "    }",
    "  }",
  ]);
});

test.run();
