// What an op's `element` does, found by evaluating it over places that are only named: which operands it reads where, and whether
// it computes. Nobody declares this, so that it can't be wrong of an op of a user's.
import type { Attrs } from "./attr.ts";
import { type Element, type ElementMath, scalarDType } from "./element.ts";
import { at, CompileError } from "./errors.ts";
import type { Node } from "./graph.ts";
import { callMember } from "./member.ts";
import type { Op } from "./op.ts";
import { SCALARS, scalarMath } from "./scalars.ts";
import { type DType, dimEquals, printType, type TensorType } from "./type.ts";
import type { Value } from "./value.ts";

/** The types of one call. */
export interface CallTypes {
  readonly operands: readonly TensorType[];
  readonly attrs: Attrs;
  readonly results: readonly TensorType[];
}

/**
 * Where the elements of an operand are read that one element is made of: nowhere, in its own place only, as numpy broadcasts, or
 * elsewhere as well.
 */
export type OperandRead = "never" | "own" | "elsewhere";

/** What is known of an op's elements, of all results together. */
export interface ElementFacts {
  /** For each operand. */
  readonly reads: readonly OperandRead[];
  /** Whether it computes with elements, and does more than move them. */
  readonly computes: boolean;
  /** Whether what it gives depends on the place itself. */
  readonly usesPlace: boolean;
}

/** An axis of the element's own place, a number, or what was computed of either. */
type Place = { readonly axis: number } | { readonly value: number } | "other";

const numberOf = (p: Place): number | undefined => (p !== "other" && "value" in p ? p.value : undefined);

/** Folds what is known, and keeps `p` where the number changes nothing. */
const fold =
  (of: (a: number, b: number) => number, neutral: number, commutes: boolean) =>
  (a: Place, b: Place): Place => {
    const [m, n] = [numberOf(a), numberOf(b)];
    if (m !== undefined && n !== undefined) return { value: of(m, n) };
    if (n === neutral) return a;
    return commutes && m === neutral ? b : "other";
  };

/** Functions whose arguments have one dtype; a function of an op's own may mix them. */
const SAME_DTYPE: ReadonlySet<unknown> = new Set(Object.values(SCALARS));

/**
 * What the op's elements are made of, for a call of these types; nothing where it has no `element`.
 * @throws CompileError for what is no element: an operand or an axis that is not there, dtypes that do not fit together.
 */
export function elementFacts(op: Pick<Op, "traits">, call: CallTypes, place: string): ElementFacts | undefined {
  const { element } = op.traits;
  if (!element) return undefined;
  const known = calls.get(element) ?? new Map<string, ElementFacts>();
  calls.set(element, known);
  const key = callKey(call);
  const facts = known.get(key) ?? callMember(place, "element", () => evaluate(element, call, place));
  known.set(key, facts);
  return facts;
}

/** What was found for calls of these types, since the layers of a model are alike. */
const calls = new WeakMap<Element, Map<string, ElementFacts>>();

const callKey = ({ operands, attrs, results }: CallTypes): string => {
  const values = Object.entries(attrs).map(([name, v]) => `${name}=${typeof v === "object" ? JSON.stringify(v) : v}`);
  return [...operands.map(typeKey), ...values, "->", ...results.map(typeKey)].join(" ");
};

const typeKeys = new WeakMap<TensorType, string>();

/** A type is that of a result, and of all that reads it. */
function typeKey(type: TensorType): string {
  const known = typeKeys.get(type) ?? printType(type);
  typeKeys.set(type, known);
  return known;
}

function evaluate(element: Element, call: CallTypes, place: string): ElementFacts {
  const reads = call.operands.map((): OperandRead => "never");
  const seen = { computes: false, usesPlace: false };
  call.results.forEach((type, result) => {
    const own = type.shape.map((_, axis): Place => ({ axis }));
    const math = factsMath({ operands: call.operands, result: type, place }, reads, seen);
    const made = element(own, math, { types: call.operands, attrs: call.attrs, result });
    // What an op of JavaScript gives may be anything.
    const dtype: unknown = (made as Partial<Known> | undefined)?.dtype;
    if (dtype !== type.dtype)
      throw new CompileError(
        place,
        `its element is ${typeof dtype === "string" ? dtype : String(made)}, but its infer says ${printType(type)}`,
        "mend element or infer",
      );
  });
  return { reads, ...seen };
}

/** All that is known of an element. */
interface Known {
  readonly dtype: DType;
}

/** Whose element it is. */
interface Asked {
  readonly operands: readonly TensorType[];
  readonly result: TensorType;
  /** Where an error is. */
  readonly place: string;
}

function factsMath(
  { operands, result, place }: Asked,
  reads: OperandRead[],
  seen: { computes: boolean; usesPlace: boolean },
): ElementMath<Place, Known, unknown> {
  const fail = (facts: string, hint: string): never => {
    throw new CompileError(place, facts, hint);
  };
  return {
    dim: (d) => (typeof d === "number" ? { value: d } : "other"),
    add: fold((a, b) => a + b, 0, true),
    sub: fold((a, b) => a - b, 0, false),
    mul: fold((a, b) => a * b, 1, true),
    div: fold((a, b) => Math.floor(a / b), 1, false),
    mod: fold((a, b) => a - b * Math.floor(a / b), Number.NaN, false),
    less(a, b) {
      if (numberOf(a) === undefined || numberOf(b) === undefined) seen.usesPlace = true;
      return undefined;
    },
    load(operand, index) {
      const of = operands[operand];
      if (!of) return fail(`its element loads operand ${operand} of ${operands.length}`, "operands are counted from 0");
      if (index.length !== of.shape.length)
        fail(
          `its element loads operand ${operand} at ${index.length} indices, but that is ${printType(of)}`,
          "an element has an index for each axis",
        );
      const isOwn = index.every((i, axis) => isOwnPlace(i, axis, of, result));
      reads[operand] = isOwn && reads[operand] !== "elsewhere" ? "own" : "elsewhere";
      return { dtype: of.dtype };
    },
    toIndex(e) {
      if (e.dtype !== "i32" && e.dtype !== "u32")
        fail(`its element makes an index of ${e.dtype}`, "an index is made of i32 or u32");
      return "other";
    },
    toElement(_, dtype) {
      seen.usesPlace = true;
      return { dtype };
    },
    select(_, whenTrue, whenFalse) {
      const [a, b] = [whenTrue(), whenFalse()];
      if (a.dtype !== b.dtype) fail(`its element is ${a.dtype} or ${b.dtype}`, "both sides of a choice have one dtype");
      return a;
    },
    scalar: scalarMath<Known, unknown>({
      constant: (_, dtype) => ({ dtype }),
      holds(e) {
        if (e.dtype !== "bool") fail(`its element chooses by ${e.dtype}`, "a condition is bool");
        return undefined;
      },
      call(f, args, attrs = {}) {
        seen.computes = true;
        const dtypes = args.map((e) => e.dtype);
        const other = dtypes.find((d) => d !== dtypes[0]);
        if (other !== undefined && SAME_DTYPE.has(f))
          fail(`its element computes with ${dtypes.join(" and ")}`, "cast one of them");
        return { dtype: scalarDType(f, dtypes, attrs) };
      },
    }),
  };
}

/** Axes are aligned from the last. One of length 1 has one place; any other is as long as the result's. */
function isOwnPlace(i: Place, axis: number, operand: TensorType, result: TensorType): boolean {
  const own = axis + result.shape.length - operand.shape.length;
  const [length, whole] = [at(operand.shape, axis), result.shape[own]];
  if (length === 1 && numberOf(i) === 0) return true;
  return i !== "other" && "axis" in i && i.axis === own && whole !== undefined && dimEquals(length, whole);
}

const known = new WeakMap<Node, ElementFacts>();

/** What a node's elements are made of; nothing where its op has no `element`. */
export function factsOf(node: Node): ElementFacts | undefined {
  const found = known.get(node);
  if (found) return found;
  const { op, operands, attrs, results } = node;
  const types = { operands: operands.map((v) => v.type), attrs, results: results.map((v) => v.type) };
  const facts = elementFacts(op, types, `${op.name} ${at(results, 0).name}`);
  if (facts) known.set(node, facts);
  return facts;
}

/** Whether each element is made of the operands' elements in its own place, wherever that is. */
export function isPointwise(node: Node): boolean {
  const facts = factsOf(node);
  return facts !== undefined && !facts.usesPlace && facts.reads.includes("own") && !facts.reads.includes("elsewhere");
}

/** Whether each element of the node is made of no element of `v` but the one in its own place. */
export function readsInPlace(node: Node, v: Value): boolean {
  const facts = factsOf(node);
  return facts !== undefined && node.operands.every((o, i) => o !== v || facts.reads[i] !== "elsewhere");
}

/** Whether the node's elements are its operands', or places, and none is computed. */
export const onlyMoves = (node: Node): boolean => factsOf(node)?.computes === false;
