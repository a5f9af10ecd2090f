import { attr, attrOf } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { writtenTensors } from "../host-elements.ts";
import { defineOp, type Traits } from "../op.ts";
import { dimEquals, printType, resolveAxis } from "../type.ts";

const traits: Traits = {
  updatesFirstOperand: true,
  writes: {
    operand: 1,
    targets(index, math, { types, attrs }) {
      const { shape } = at(types, 0);
      const axis = resolveAxis(attrOf<number>(attrs, "axis"), shape.length) ?? 0;
      const slot = math.toIndex(math.load(2, [at(index, axis)]), at(shape, axis));
      return [{ result: 0, at: index.map((i, k) => (k === axis ? slot : i)) }];
    },
  },
};

/**
 * y = cache with row i of `rows` in place slots[i] of the axis, for every i: rows of many sequences, each where the data says. A slot
 * outside of the cache is dropped, so that −1 stands for nowhere. Slots are distinct: of two that are equal, the later row is
 * kept here, and either one, or some of each, by a kernel. The memory planner keeps cache and result in one buffer.
 */
export const cacheWrite = defineOp({
  name: "cache_write",
  summary: "a cache with rows put into slots",
  operands: ["cache", "rows", "slots"],
  attrs: { axis: attr.int(0) },
  traits,
  cases: [
    { types: ["f32[8, 5]", "f32[3, 5]", "i32[3]"], given: { slots: [6, 0, 3] } },
    { types: ["f32[8, 5]", "f32[4, 5]", "i32[4]"], given: { slots: [-1, 7, 8, 2] } },
    { types: ["f32[2, 6, 3]", "f32[2, 2, 3]", "u32[2]"], attrs: { axis: 1 }, given: { slots: [5, 4294967295] } },
  ],
  infer([cache, rows, slots], { axis }) {
    const k = resolveAxis(axis, cache.shape.length);
    if (k === undefined)
      throw new CompileError(
        "cache_write",
        `axis is ${axis}, but the cache is ${printType(cache)}`,
        "axis must name one of its axes",
      );
    const fits =
      cache.dtype === rows.dtype &&
      cache.shape.length === rows.shape.length &&
      rows.shape.every((d, i) => i === k || dimEquals(d, at(cache.shape, i)));
    if (!fits)
      throw new CompileError(
        "cache_write",
        `rows are ${printType(rows)}, but the cache is ${printType(cache)}`,
        `they may differ in axis ${axis} only`,
      );
    const [count] = slots.shape;
    const isSlots = slots.dtype === "i32" || slots.dtype === "u32";
    if (!isSlots || slots.shape.length !== 1 || count === undefined || !dimEquals(count, at(rows.shape, k)))
      throw new CompileError(
        "cache_write",
        `slots are ${printType(slots)}, but rows are ${printType(rows)}`,
        "slots are i32 or u32, one for each row",
      );
    return cache;
  },
  reference: (args, attrs) => writtenTensors({ name: "cache_write", traits }, args, attrs, [args[0]]),
});
