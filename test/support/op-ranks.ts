// An op's cases at other ranks: operands lose leading axes or get more of them, attributes follow, and what the op's own
// shape inference takes is a case. No op is named, so that a new one is tried as well.
import type { Attr, Attrs } from "../../ir/attr.ts";
import { completeAttrs } from "../../ir/builder.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Op, OpCase } from "../../ir/op.ts";
import { parseType } from "../../ir/parse.ts";
import { countElements } from "../../ir/tensor.ts";
import { printType, type TensorType, tensorType } from "../../ir/type.ts";

const RANKS = [0, 1, 2, 3, 4];

export interface RankCase extends OpCase {
  readonly operandRanks: readonly number[];
  readonly resultRanks: readonly number[];
}

/** One case for each way in which the ranks of operands and results, and the op's switches, go together. */
export function rankCases(op: Op): readonly RankCase[] {
  const found = new Map<string, RankCase>();
  for (const { types, attrs = {} } of op.cases)
    for (const operands of withRanks(types.map((t) => parseType(t))))
      for (const given of attrsFor(op, attrs, operands)) {
        const results = inferred(op, operands, given);
        if (!results || results.some((r) => r.shape.length > 4)) continue;
        const operandRanks = operands.map((t) => t.shape.length);
        const resultRanks = results.map((t) => t.shape.length);
        const switches = Object.values(given).filter((a) => typeof a === "boolean" || typeof a === "string");
        const key = JSON.stringify([operandRanks, resultRanks, switches]);
        if (!found.has(key))
          found.set(key, { types: operands.map(printType), attrs: given, operandRanks, resultRanks });
      }
  return [...found.values()];
}

function inferred(op: Op, types: readonly TensorType[], attrs: Attrs): readonly TensorType[] | undefined {
  try {
    return op.infer(types, completeAttrs(op, attrs, op.name));
  } catch (error) {
    if (error instanceof CompileError) return undefined;
    throw error;
  }
}

const resize = ({ dtype, shape }: TensorType, rank: number): TensorType =>
  tensorType(
    dtype,
    rank <= shape.length ? shape.slice(shape.length - rank) : [...Array(rank - shape.length).fill(2), ...shape],
  );

/** All operands of one rank, and one operand of another; any two ranks where there are two operands. */
function withRanks(types: readonly TensorType[]): readonly (readonly TensorType[])[] {
  const same = RANKS.map((r) => types.map((t) => resize(t, r)));
  const other = RANKS.flatMap((r) => same.flatMap((all) => all.map((_, i) => all.with(i, resize(at(types, i), r)))));
  const own = types.flatMap((t, i) => RANKS.map((r) => types.with(i, resize(t, r))));
  return types.length === 0 ? [[]] : [types, ...own, ...same, ...other];
}

/** The case's attributes, each also as it may be at these ranks. */
function attrsFor(op: Op, attrs: Attrs, operands: readonly TensorType[]): readonly Attrs[] {
  return Object.entries(op.attrs).reduce<readonly Attrs[]>(
    (all, [name, { kind }]) => {
      const values = [...(name in attrs ? [at([attrs[name] as Attr], 0)] : []), ...valuesOf(kind, operands[0])];
      if (values.length === 0) return all;
      return all.flatMap((a) => values.map((v) => ({ ...a, [name]: v })));
    },
    [attrs],
  );
}

function valuesOf(kind: string, first: TensorType | undefined): readonly Attr[] {
  const shape = (first?.shape ?? []).map(Number);
  const count = countElements(shape);
  if (kind === "bool") return [false, true];
  if (kind === "int") return shape.map((_, axis) => axis);
  if (kind === "ints") return [shape.map((_, axis) => axis).reverse()];
  if (kind !== "dims") return [];
  const flat = RANKS.slice(1).map((r) => [...Array(r - 1).fill(1), count]);
  const wider = RANKS.filter((r) => r >= shape.length).map((r) => [...Array(r - shape.length).fill(2), ...shape]);
  return [[], ...flat, ...wider, ...(shape.length > 0 ? [[1, at(shape, -1) - 1]] : [])];
}
