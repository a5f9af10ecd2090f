import { attr, attrOf } from "../attr.ts";
import { defineElement } from "../define-element.ts";
import { at } from "../errors.ts";
import { type Dim, tensorType } from "../type.ts";

/** y[i] = start + i, as i32; positions and mask coordinates are made of it. */
export const iota = defineElement({
  name: "iota",
  summary: "start, start + 1, …",
  operands: [],
  attrs: { start: attr.dim(0), length: attr.dim() },
  cases: [{ types: [], attrs: { start: 3, length: 9 } }],
  infer: (_, { length }) => tensorType("i32", [length]),
  element: (index, math, { attrs }) =>
    math.toElement(math.add(at(index, 0), math.dim(attrOf<Dim>(attrs, "start"))), "i32"),
});
