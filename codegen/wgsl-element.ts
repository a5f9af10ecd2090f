// Elements of a region's values as WGSL: an element of any value is asked for at an index, and the statements that
// compute it are collected on the way. Ops say how through their traits; none is named here.
import {
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
  type Node,
  printNumber,
  type Value,
} from "../ir/index.ts";
import { indent } from "./indent.ts";
import type { IndexPrinter } from "./index-printer.ts";
import type { ElementReader } from "./storage.ts";
import type { StoredValues } from "./stored-values.ts";
import {
  dimIndex,
  type Fragment,
  flatIndex,
  INDEX_MATH,
  type Index,
  indexName,
  indexOf,
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

/** One of the two elements that a choice is between, with the statements that it takes. */
interface Side {
  readonly expression: string;
  readonly lines: readonly string[];
  readonly loads: boolean;
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
  readonly #streams = new Map<Value, string>();
  /** How many loads have been printed. */
  #loads = 0;

  constructor({ body, bindings, values, print, place }: ElementSource) {
    this.print = print;
    this.#place = place;
    this.#index = indexGraph(body);
    this.#bindings = bindings;
    this.#values = values;
  }

  /** From here on, `value` at any index is this expression: the stream that an anchor hands to its epilogue. */
  setStream(value: Value, expression: string): void {
    this.#streams.set(value, expression);
  }

  /** What follows stands in that block: elements computed in another one are out of its sight. */
  enter(block: object): void {
    this.#known = this.#blocks.get(block) ?? new Map();
    this.#blocks.set(block, this.#known);
  }

  /** An expression (a name, a literal or a load) for the element of `value` at `index`. */
  element(value: Value, index: readonly Index[]): string {
    if (isLiteral(value)) {
      if (!Number.isFinite(castNumber(value.literal, value.type.dtype))) this.helpers.add(F32_OF_BITS);
      return wgslLiteral(value.literal, value.type.dtype);
    }
    const stream = this.#streams.get(value);
    if (stream !== undefined) return stream;
    const key = `${value.name}[${index.map((i) => i.text).join()}]`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#make(value, index);
    this.#known.set(key, made);
    return made;
  }

  /** A pointwise node on argument expressions, as a new name. */
  pointwise(node: Node, args: readonly string[]): string {
    const { pointwise } = node.op.traits;
    if (!pointwise) throw new CompileError(node.op.name, "is computed element by element, but is not pointwise");
    for (const h of pointwise.helpers ?? []) this.helpers.add(h);
    // Halves are widened before an op sees them.
    const { dtype } = at(node.operands, -1).type;
    const context = { attrs: node.attrs, dtype: dtype === "f16" ? ("f32" as const) : dtype };
    const given = this.#withoutConstants(node, args);
    return this.let(
      node.op.name,
      wgslMember(node, "wgsl", () => pointwise.wgsl(given, context)),
    );
  }

  /**
   * WGSL computes what is constant while it compiles, and refuses what has no finite result, or divides integers by 0. A
   * name is no constant.
   */
  #withoutConstants(node: Node, args: readonly string[]): readonly string[] {
    const isZero = (v: Value) => v.literal === 0 && !isFloat(v.type.dtype) && v.type.dtype !== "bool";
    const allConstant = node.operands.every((v) => isLiteral(v));
    return args.map((arg, i) => {
      const v = at(node.operands, i);
      return isLiteral(v) && (allConstant || isZero(v)) ? this.let("constant", arg) : arg;
    });
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
  #side(element: () => string): Side {
    const [known, loads, start] = [this.#known, this.#loads, this.lines.length];
    this.#known = new Map(known);
    const expression = element();
    this.#known = known;
    return { expression, lines: this.lines.splice(start), loads: this.#loads > loads };
  }

  /** One of two elements. A side that loads stands in a branch: the place it reads may exist only where it is chosen. */
  #choose(base: string, type: string, when: Fragment, a: Side, b: Side): string {
    const condition = this.print.text(when);
    if (!a.loads && !b.loads) {
      this.lines.push(...a.lines, ...b.lines);
      return this.let(base, `select(${b.expression}, ${a.expression}, ${condition})`);
    }
    const name = this.#claim(base);
    const branch = ({ lines, expression }: Side) => indent([...lines, `${name} = ${expression};`].join("\n"));
    this.lines.push(`var ${name}: ${type};`, `if (${condition}) {\n${branch(a)}\n} else {\n${branch(b)}\n}`);
    return name;
  }

  /** A long index under a name: ops use theirs several times, and what is used twice again and again grows without bound. */
  short(index: Index): Index {
    return index.atom || index.text.length <= LONG ? index : this.#named(index);
  }

  #named(index: Index): Index {
    const name = this.#known.get(index.text) ?? this.let("at", this.print.text(index));
    this.#known.set(index.text, name);
    return { ...indexName(name), ...(index.signed && { signed: true }) };
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
    if (node.op.traits.pointwise)
      return this.pointwise(
        node,
        node.operands.map((v) => this.element(v, broadcastIndex(v, index))),
      );
    return node.op.traits.widens ? this.#widen(node, index) : this.#read(node, value, index);
  }

  #load(binding: string, value: Value, index: readonly Index[]): string {
    this.#loads++;
    const flat = this.print.text(flatIndex(index, value.type.shape));
    return this.#values.element(value, binding, flat, this);
  }

  /** An element of what a storage makes of the node's operands. */
  #widen(node: Node, index: readonly Index[]): string {
    const storage = this.#values.widening(node);
    for (const h of storage.helpers ?? []) this.helpers.add(h);
    const reader: ElementReader = {
      types: node.operands.map((v) => v.type),
      load: (operand, place) => this.element(at(node.operands, operand), place),
      let: (base, expression) => this.let(base, expression),
      text: (fragment) => this.print.text(fragment),
    };
    const place = index.map((i) => this.short(i));
    return this.let(
      node.op.name,
      wgslMember(node, "element", () => storage.element(place, reader)),
    );
  }

  #read(node: Node, value: Value, index: readonly Index[]): string {
    const { reads } = node.op.traits;
    if (!reads)
      throw new CompileError(
        node.op.name,
        `${value.name} is asked for element by element, but ${node.op.name} is computed as a whole`,
      );
    const math: ElementMath<Index, string, Fragment> = {
      ...INDEX_MATH,
      less: lessIndex,
      load: (operand, place) => this.element(at(node.operands, operand), place),
      toIndex: (e, length) => this.#named(withinIndex(`u32(${e})`, dimIndex(length))),
      toElement: (i, dtype) => this.let(node.op.name, this.print.text(elementOf(i, dtype))),
      select: (condition, whenTrue, whenFalse) =>
        this.#choose(
          node.op.name,
          registerType(value.type.dtype),
          condition,
          this.#side(whenTrue),
          this.#side(whenFalse),
        ),
    };
    const context = { types: node.operands.map((v) => v.type), attrs: node.attrs, result: node.results.indexOf(value) };
    const place = index.map((i) => this.short(i));
    return wgslMember(node, "element", () => reads.element(place, math, context));
  }
}

/**
 * WGSL that an op gives for a member of its own.
 * @throws CompileError that names op and member for what is no text.
 */
export function wgslMember(node: Node, member: string, call: () => string): string {
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

/** The index of an operand's element that a broadcast result at `index` reads. */
export function broadcastIndex(operand: Value, index: readonly Index[]): readonly Index[] {
  const { shape } = operand.type;
  return shape.map((d, axis) => (d === 1 ? indexOf(0) : at(index, axis + index.length - shape.length)));
}
