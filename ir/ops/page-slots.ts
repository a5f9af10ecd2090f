import { attr, attrOf } from "../attr.ts";
import { defineElement } from "../define-element.ts";
import { at, CompileError } from "../errors.ts";
import { dimEquals, printType } from "../type.ts";

/**
 * slots[t] = pages[sequence[t], ⌊positions[t] / page_size⌋] · page_size + positions[t] mod page_size: the row of a pool of pages where
 * place `positions`[t] of sequence `sequence`[t] lies, as `paged_attention` finds it and `cache_write` fills it. Of a place below 0 it
 * is −1, which is nowhere.
 */
export const pageSlots = defineElement({
  name: "page_slots",
  summary: "where places of sequences lie in a pool of pages",
  operands: ["positions", "sequence", "pages"],
  attrs: { page_size: attr.int() },
  cases: [
    {
      types: ["i32[5]", "i32[5]", "i32[2, 3]"],
      attrs: { page_size: 4 },
      given: { positions: [0, 5, 11, -1, 4], sequence: [1, 0, 0, 1, 1], pages: [7, 2, 5, 1, 0, 3] },
    },
  ],
  infer([positions, sequence, pages], { page_size }) {
    const fits =
      page_size >= 1 &&
      [positions, sequence, pages].every((t) => t.dtype === "i32") &&
      positions.shape.length === 1 &&
      sequence.shape.length === 1 &&
      pages.shape.length === 2 &&
      dimEquals(at(positions.shape, 0), at(sequence.shape, 0));
    if (!fits)
      throw new CompileError(
        "page_slots",
        `positions are ${printType(positions)}, sequence ${printType(sequence)}, pages ${printType(pages)} and page_size is ${page_size}`,
        "they are i32[T], i32[T], i32[N, M] and 1 or more",
      );
    return positions;
  },
  element([t], math, { types, attrs }) {
    const [sequences, room] = at(types, 2).shape;
    const pageSize = attrOf<number>(attrs, "page_size");
    const { scalar } = math;
    const size = math.dim(pageSize);
    const index = t === undefined ? [] : [t];
    const position = math.load(0, index);
    const place = math.toIndex(position, Number(room) * pageSize);
    const row = math.toIndex(math.load(1, index), sequences ?? 0);
    return math.select(
      scalar.less(position, scalar.constant(0, "i32")),
      () => scalar.constant(-1, "i32"),
      () => {
        const first = scalar.mul(math.load(2, [row, math.div(place, size)]), scalar.constant(pageSize, "i32"));
        return scalar.add(first, math.toElement(math.mod(place, size), "i32"));
      },
    );
  },
});
