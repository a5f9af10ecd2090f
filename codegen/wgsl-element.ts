// Elements of a region's values as WGSL: an element of any value is asked for at an index, and the statements that
// compute it are collected on the way. Ops say how through their traits; none is named here.
import {
  type Attrs,
  at,
  CompileError,
  callMember,
  castNumber,
  type DType,
  type ElementMath,
  type Graph,
  type GraphIndex,
  indexGraph,
  isFloat,
  isLiteral,
  isPointwise,
  type Node,
  type PlaceMath,
  printNumber,
  type ScalarFunction,
  scalarDType,
  scalarMath,
  type Value,
} from "../ir/index.ts";
import { indent } from "./indent.ts";
import type { IndexPrinter } from "./index-printer.ts";
import type { StoredValues } from "./stored-values.ts";
import {
  dimIndex,
  type Fragment,
  flatIndex,
  INDEX_MATH,
  type Index,
  indexName,
  lessIndex,
  signedText,
  withinIndex,
} from "./wgsl-index.ts";

/** The type of an element in a register: halves are widened as they are read. */
export const registerType = (dtype: DType): string => (dtype === "f16" ? "f32" : dtype);

/** WGSL has no literals for what is not finite, and refuses constants that come to it; a parameter is no constant. */
export const F32_OF_BITS = "fn f32_of_bits(bits: u32) -> f32 { return bitcast<f32>(bits); }";

/** The largest number of f32. */
export const MAX_F32 = 3.4028234663852886e38;

/** A literal as an expression that needs no parentheses. One that is not finite calls `F32_OF_BITS`. */
export function wgslLiteral(value: number, dtype: DType): string {
  const held = castNumber(value, dtype);
  if (!Number.isFinite(held))
    return `f32_of_bits(${Number.isNaN(held) ? "0x7fc00000u" : held > 0 ? "0x7f800000u" : "0xff800000u"})`;
  // Printed as it was given where that is in range: 0.1 and not 0.10000000149011612.
  const text = printNumber(Math.abs(value) > MAX_F32 ? held : value, dtype);
  return text.startsWith("-") ? `(${text})` : text;
}

/** Characters of an index that is given a name. */
const LONG = 24;

/** An element as text that needs no parentheses: a name or a literal. */
interface TextElement {
  readonly text: string;
  readonly dtype: DType;
  /** Its number, where it is a constant. */
  readonly literal?: number;
}

/** One of the two elements that a choice is between, with the statements that it takes. */
interface Side extends TextElement {
  readonly lines: readonly string[];
  readonly loads: boolean;
}

/** An element that a kernel has in hand, and where it lies. */
export interface InHand {
  readonly expression: string;
  readonly place: readonly Index[];
}

/** What the elements of a region's values are printed with. */
export interface ElementSource {
  readonly body: Graph;
  /** The names of the bindings that hold the body's inputs. */
  readonly bindings: ReadonlyMap<Value, string>;
  /** How the body's values lie. */
  readonly values: StoredValues;
  readonly print: IndexPrinter;
  /** Where an error is. */
  readonly place: string;
}

/** Emits the elements of one function body. */
export class ElementWriter {
  readonly lines: string[] = [];
  readonly helpers = new Set<string>();
  readonly print: IndexPrinter;
  readonly #place: string;
  readonly #index: GraphIndex;
  readonly #bindings: ReadonlyMap<Value, string>;
  readonly #values: StoredValues;
  readonly #blocks = new Map<object, Map<string, string>>();
  #known = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  readonly #streams = new Map<Value, readonly InHand[]>();
  /** How many loads have been printed. */
  #loads = 0;

  constructor({ body, bindings, values, print, place }: ElementSource) {
    this.print = print;
    this.#place = place;
    this.#index = indexGraph(body);
    this.#bindings = bindings;
    this.#values = values;
  }

  /** From here on, `value` is this expression at that place, and has no others than those added so: what an anchor hands over. */
  addStream(value: Value, { expression, place }: InHand): void {
    this.#streams.set(value, [...(this.#streams.get(value) ?? []), { expression, place }]);
  }

  #inHand(value: Value, all: readonly InHand[], index: readonly Index[]): string {
    // An axis of length 1 has one place.
    const otherAxis = ({ place }: InHand): number =>
      index.findIndex((i, axis) => value.type.shape[axis] !== 1 && !this.#isSame(i, at(place, axis)));
    const found = all.find((s) => otherAxis(s) < 0);
    if (found) return found.expression;
    const first = at(all, 0);
    const other = otherAxis(first);
    throw new CompileError(
      this.#place,
      `reads ${value.name} at ${at(index, other).text}, but its element at ${at(first.place, other).text} is in hand`,
      "leave what reads it elsewhere outside of the region",
    );
  }

  /** Whether two texts are one place; a long one may go by a name. */
  #isSame(a: Index, b: Index): boolean {
    return a.text === b.text || this.#known.get(b.text) === a.text;
  }

  /** What follows stands in that block: elements computed in another one are out of its sight. */
  enter(block: object): void {
    this.#known = this.#blocks.get(block) ?? new Map();
    this.#blocks.set(block, this.#known);
  }

  /** An expression (a name, a literal or a load) for the element of `value` at `index`. */
  element(value: Value, index: readonly Index[]): string {
    if (isLiteral(value)) return this.#constant(value.literal, value.type.dtype).text;
    const inHand = this.#streams.get(value);
    if (inHand) return this.#inHand(value, inHand, index);
    const key = `${value.name}[${index.map((i) => i.text).join()}]`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#make(value, index);
    this.#known.set(key, made);
    return made;
  }

  /** An element of one of the node's results, as an expression. */
  compute(node: Node, value: Value, index: readonly Index[]): string {
    const { element } = node.op.traits;
    if (!element)
      throw new CompileError(
        node.op.name,
        `${value.name} is asked for element by element, but ${node.op.name} is computed as a whole`,
      );
    const context = { types: node.operands.map((v) => v.type), attrs: node.attrs, result: node.results.indexOf(value) };
    // A place that is only passed on needs no name.
    const place = isPointwise(node) ? index : index.map((i) => this.short(i));
    return wgslMember(node, "element", () => element(place, this.#math(node), context)?.text);
  }

  #math(node: Node): ElementMath<Index, TextElement, Fragment> {
    const base = node.op.name;
    const scalar = () =>
      scalarMath<TextElement, Fragment>({
        constant: (value, dtype) => this.#constant(value, dtype),
        holds: ({ text }) => ({ text }),
        call: (f, args, attrs = {}) => this.#call(node, f, args, attrs),
      });
    return {
      ...INDEX_MATH,
      less: lessIndex,
      load: (operand, place) => this.#loaded(at(node.operands, operand), place),
      toIndex: (e, length) => this.#named(withinIndex(`u32(${e.text})`, dimIndex(length))),
      toElement: (i, dtype) => ({ text: this.let(base, this.print.text(elementOf(i, dtype))), dtype }),
      select: (condition, whenTrue, whenFalse) =>
        this.#choose(base, condition, this.#side(whenTrue), this.#side(whenFalse)),
      // Most elements are moved alone, and this is made for each.
      get scalar() {
        return scalar();
      },
    };
  }

  /** What the node's `targets` are computed with. */
  placeMath(node: Node): PlaceMath<Index, TextElement> {
    return {
      ...INDEX_MATH,
      less: lessIndex,
      load: (operand, place) => this.#loaded(at(node.operands, operand), place),
      // Below 0 it wraps, and is beyond every length then.
      toIndex: ({ text, dtype }) =>
        this.#named({ text: `u32(${text})`, atom: true, data: true, ...(dtype === "i32" && { signed: true }) }),
    };
  }

  #loaded(value: Value, place: readonly Index[]): TextElement {
    const text = this.element(value, place);
    return { text, dtype: value.type.dtype, ...(isLiteral(value) && { literal: value.literal }) };
  }

  #constant(value: number, dtype: DType): TextElement {
    if (!Number.isFinite(castNumber(value, dtype))) this.helpers.add(F32_OF_BITS);
    return { text: wgslLiteral(value, dtype), dtype, literal: value };
  }

  #call(node: Node, f: ScalarFunction, args: readonly TextElement[], attrs: Attrs): TextElement {
    for (const h of f.helpers ?? []) this.helpers.add(h);
    const dtypes = args.map((e) => e.dtype);
    const dtype = scalarDType(f, dtypes, attrs);
    const last = dtypes.at(-1) ?? dtype;
    // Halves are widened before an op sees them.
    const context = { attrs, dtype: last === "f16" ? ("f32" as const) : last };
    const given = this.#withoutConstants(args);
    const text = wgslMember(node, "wgsl", () => f.wgsl(given, context));
    return { text: this.let(node.op.name, text), dtype };
  }

  /**
   * WGSL computes what is constant while it compiles, and refuses what has no finite result, or divides integers by 0. A
   * name is no constant.
   */
  #withoutConstants(args: readonly TextElement[]): readonly string[] {
    const isZero = ({ literal, dtype }: TextElement) => literal === 0 && !isFloat(dtype) && dtype !== "bool";
    const allConstant = args.every((e) => e.literal !== undefined);
    return args.map((e) =>
      e.literal !== undefined && (allConstant || isZero(e)) ? this.let("constant", e.text) : e.text,
    );
  }

  let(base: string, expression: string): string {
    const name = this.#claim(base);
    this.lines.push(`let ${name} = ${expression};`);
    return name;
  }

  #claim(base: string): string {
    const n = this.#counts.get(base) ?? 0;
    this.#counts.set(base, n + 1);
    return wgslName(`${base}_${n}`);
  }

  /** An element with the statements that it takes kept apart; what they compute is out of sight for all others. */
  #side(element: () => TextElement): Side {
    const [known, loads, start] = [this.#known, this.#loads, this.lines.length];
    this.#known = new Map(known);
    const made = element();
    this.#known = known;
    return { ...made, lines: this.lines.splice(start), loads: this.#loads > loads };
  }

  /** One of two elements. A side that loads stands in a branch: the place it reads may exist only where it is chosen. */
  #choose(base: string, when: Fragment, a: Side, b: Side): TextElement {
    const { dtype } = a;
    const condition = this.print.text(when);
    if (!a.loads && !b.loads) {
      this.lines.push(...a.lines, ...b.lines);
      return { text: this.let(base, `select(${b.text}, ${a.text}, ${condition})`), dtype };
    }
    const name = this.#claim(base);
    const branch = ({ lines, text }: Side) => indent([...lines, `${name} = ${text};`].join("\n"));
    this.lines.push(
      `var ${name}: ${registerType(dtype)};`,
      `if (${condition}) {\n${branch(a)}\n} else {\n${branch(b)}\n}`,
    );
    return { text: name, dtype };
  }

  /** A long index under a name: ops use theirs several times, and what is used twice again and again grows without bound. */
  short(index: Index): Index {
    return index.atom || index.text.length <= LONG ? index : this.#named(index);
  }

  #named(index: Index): Index {
    const name = this.#known.get(index.text) ?? this.let("at", this.print.text(index));
    this.#known.set(index.text, name);
    const { signed, data, steps } = index;
    return { ...indexName(name), ...(signed && { signed }), ...(data && { data }), ...(steps && { steps }) };
  }

  #make(value: Value, index: readonly Index[]): string {
    const binding = this.#bindings.get(value);
    if (binding !== undefined) return this.#load(binding, value, index);
    const node = this.#index.producer(value);
    if (!node)
      throw new CompileError(
        this.#place,
        `asks for ${value.name}, which is neither bound nor computed in its region`,
        `the region binds ${[...this.#bindings.keys()].map((v) => v.name).join(", ") || "nothing"}`,
      );
    return this.compute(node, value, index);
  }

  #load(binding: string, value: Value, index: readonly Index[]): string {
    this.#loads++;
    const flat = this.print.text(flatIndex(index, value.type.shape));
    return this.#values.element(value, binding, flat, this);
  }
}

/**
 * WGSL that an op gives for a member of its own.
 * @throws CompileError that names op and member for what is no text.
 */
export function wgslMember(node: Node, member: string, call: () => string | undefined): string {
  const place = `${node.op.name} ${at(node.results, 0).name}`;
  const text: unknown = callMember(place, member, call);
  if (typeof text === "string" && text.trim() !== "") return text;
  throw new CompileError(
    place,
    `its ${member} gives ${JSON.stringify(text) ?? "nothing"}`,
    "it must give a WGSL expression",
  );
}

/** A name that WGSL takes, made of one of the graph's language, which may have dots or begin with underscores. */
export const wgslName = (name: string): string => name.replaceAll(/\W/g, "_").replace(/^_+/, "");

/** An index as an element: where it may be below 0, it gets its sign before it becomes a float. */
function elementOf(i: Index, dtype: DType): Fragment {
  const type = registerType(dtype);
  return { ...i, text: `${type}(${type === "f32" && i.signed ? signedText(i) : i.text})` };
}
