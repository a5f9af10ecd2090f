// What an op promises by its traits, held against the types of one call. Passes and kernels rely on the promises and on
// nothing else, so that an op of a user's is as good as one of ours, or is refused here by name.
import { attrProblem } from "./attr.ts";
import { type CallTypes, elementFacts } from "./element-facts.ts";
import type { Normalization, Op } from "./op.ts";
import {
  addDims,
  type Dim,
  dimEquals,
  printType,
  productOf,
  resolveAxis,
  shapeEquals,
  type TensorType,
  typeEquals,
} from "./type.ts";

/**
 * The first trait of the op whose promise a call breaks, and by which facts.
 * @throws CompileError for an `element` that is none.
 */
export function brokenPromise(
  op: Op,
  call: CallTypes,
  place: string,
): { readonly facts: string; readonly hint: string } | undefined {
  for (const [trait, check] of Object.entries(CHECKS)) {
    const facts = check(op, call, place);
    if (facts !== undefined)
      return {
        facts,
        hint: `that is no op with the trait \`${trait}\`, whose promise is in ir/op.ts; give it another`,
      };
  }
  return undefined;
}

type Check = (op: Op, call: CallTypes, place: string) => string | undefined;

const CHECKS: Readonly<Record<string, Check>> = {
  element(op, call, place) {
    // Invocations run side by side: what one of them overwrites, no other may read.
    const reads = elementFacts(op, call, place)?.reads[0];
    return op.traits.updatesFirstOperand && reads === "elsewhere"
      ? `overwrites ${op.operands[0]}, but reads it at other places than the one that it writes`
      : undefined;
  },
  reduces: ({ traits }, call) => (traits.reduces ? foldProblem(traits.reduces, call) : undefined),
  normalizes: ({ traits }, call) => (traits.normalizes ? normalizationProblem(traits.normalizes, call) : undefined),
  updatesFirstOperand({ traits }, { operands: [old], results: [fresh] }) {
    if (!traits.updatesFirstOperand) return undefined;
    if (!old || !fresh) return "has no operand to update";
    return typeEquals(old, fresh) ? undefined : `is ${printType(fresh)}, but would live in ${printType(old)}`;
  },
  readsBeforeResults({ traits, operands }) {
    const { readsBeforeResults: promised = [] } = traits;
    const unknown = promised.find((name) => !operands.includes(name));
    if (unknown !== undefined)
      return `reads ${unknown} before its results, but its operands are ${operands.join(", ")}`;
    const shared = SHARED.find((trait) => traits[trait] !== undefined);
    return promised.length === 0 || shared === undefined
      ? undefined
      : `reads ${promised.join(", ")} before its results, but kernels for any op with the trait ${shared} compute it, which store as they read`;
  },
  writes({ traits }, { operands, results }) {
    if (!traits.writes) return undefined;
    const { operand } = traits.writes;
    const moved = operand === "each" ? operands : operands.slice(operand, operand + 1);
    if (moved.length === 0) return `has ${operands.length} operands, but moves the elements of operand ${operand}`;
    if (traits.updatesFirstOperand) return undefined;
    return dimEquals(countOf(moved), countOf(results))
      ? undefined
      : `moves the elements of ${moved.map(printType).join(", ")}, but makes ${results.map(printType).join(", ")}: some would come from nowhere`;
  },
};

/** Traits by which kernels compute an op that they know nothing else of. */
const SHARED = ["element", "writes", "reduces", "normalizes"] as const;

function foldProblem(
  fold: NonNullable<Op["traits"]["reduces"]>,
  { operands, attrs, results }: CallTypes,
): string | undefined {
  const [[x], [y]] = [operands, results];
  if (!x || !y || operands.length !== 1 || results.length !== 1)
    return `has ${operands.length} operands and ${results.length} results, but a fold has one of each`;
  if ((fold.finish === undefined) !== (fold.finishWgsl === undefined))
    return `has ${fold.finish ? "finish, but no finishWgsl" : "finishWgsl, but no finish"}`;
  const axis = resolveAxis(Number(attrs["axis"]), x.shape.length);
  if (axis === undefined) return `folds an axis of ${printType(x)}, but has no attribute axis that names one`;
  const fits = [[1], []].some((kept: readonly Dim[]) => shapeEquals(y.shape, x.shape.toSpliced(axis, 1, ...kept)));
  return fits && x.dtype === y.dtype
    ? undefined
    : `is ${printType(y)}, but folds axis ${axis} of ${printType(x)}, which keeps the dtype`;
}

function normalizationProblem(
  { eps, scale, shift }: Normalization,
  { operands, attrs, results }: CallTypes,
): string | undefined {
  const [[x], [y]] = [operands, results];
  const width = x?.shape.at(-1);
  if (!x || !y || results.length !== 1 || width === undefined || !typeEquals(x, y))
    return `is ${results.map(printType).join(", ")}, but normalises the rows of ${x ? printType(x) : "nothing"}`;
  if (attrs[eps] === undefined || attrProblem({ kind: "float" }, attrs[eps]) !== undefined)
    return `has no number in its attribute ${eps}, which holds epsilon`;
  const row: TensorType = { dtype: x.dtype, shape: [width] };
  for (const [name, place] of Object.entries({ scale, shift })) {
    if (place === undefined) continue;
    const t = operands[place];
    if (!t || !typeEquals(t, row))
      return `has the ${name} ${t ? printType(t) : `in operand ${place} of ${operands.length}`}, but a row is ${printType(row)}`;
  }
  const described = new Set([0, scale, shift].filter((i) => i !== undefined)).size;
  return described === operands.length
    ? undefined
    : `has ${operands.length} operands, but describes what becomes of ${described}`;
}

/** How many elements there are in all, for whatever the symbols stand for. */
const countOf = (types: readonly TensorType[]): Dim =>
  types.reduce<Dim>((sum, { shape }) => addDims(sum, productOf(shape)), 0);
