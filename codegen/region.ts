// A node as kernels see it: a body with an anchor, bindings with names by role, and WGSL functions that load what the
// anchor reads and store what becomes of its result.

import type { PlanAccess } from "../base/plan.ts";
import {
  type Anchor,
  anchorNode,
  at,
  type DType,
  type Graph,
  indexGraph,
  type Node,
  OPS,
  POINTWISE_ANCHOR,
  SYMBOLS,
  updatedOperands,
  type Value,
} from "../ir/index.ts";
import { writeEpilogue } from "./epilogue.ts";
import { indent } from "./indent.ts";
import { ElementWriter, type Halves, registerType, storageType, wgslName } from "./wgsl-element.ts";
import { flatIndex, type Index, indexName } from "./wgsl-index.ts";

/** A storage buffer of a shader. */
export interface Binding {
  readonly name: string;
  readonly access: PlanAccess;
  /** The operand or result of the node. */
  readonly value: Value;
  readonly type: string;
}

/** Elements of a vector that a kernel loads at once; eight only of halves, which lie in pairs. */
export type VectorSize = 4 | 8;

/** Vectors of four as they lie in a buffer. */
const VECTORS: Readonly<Record<DType, string>> = {
  f32: "vec4f",
  f16: "vec4h",
  i32: "vec4i",
  u32: "vec4u",
  bool: "vec4u",
};

function bufferType(dtype: DType, vector: VectorSize | undefined, halves: Halves): string {
  if (vector === undefined) return storageType(dtype, halves);
  if (dtype !== "f16") return VECTORS[dtype];
  if (halves === "packed") return vector === 8 ? "vec4u" : "vec2u";
  return vector === 8 ? "mat2x4h" : "vec4h";
}

/** `halves` of such a type, as floats. */
function widenHalves(size: VectorSize, halves: Halves): string {
  if (halves === "native") return size === 8 ? "mat2x4f(vec4f(halves[0]), vec4f(halves[1]))" : "vec4f(halves)";
  const four = (a: string, b: string) => `vec4f(unpack2x16float(halves.${a}), unpack2x16float(halves.${b}))`;
  return size === 8 ? `mat2x4f(${four("x", "y")}, ${four("z", "w")})` : four("x", "y");
}

/** A node as kernels see it. */
export class Region {
  readonly node: Node;
  readonly body: Graph;
  /** The outer values of the body's inputs. */
  readonly operands: readonly Value[];
  /** What the kernel is built around: the anchor's op, or `pointwise` where there is none. */
  readonly kind: Anchor;
  /** The node that the kernel is built around; absent for a region of pointwise ops alone. */
  readonly anchor: Node | undefined;
  readonly bindings: readonly Binding[];
  readonly #names = new Map<Value, string>();
  readonly #results = new Map<Value, string>();
  readonly #helpers = new Set<string>();

  readonly #halves: Halves;

  /** `vectors` names the operands (as body inputs) that are bound as arrays of vectors of so many elements. */
  constructor(node: Node, vectors: ReadonlyMap<Value, VectorSize> = new Map(), halves: Halves = "packed") {
    this.node = node;
    this.#halves = halves;
    this.body = node.body ?? asBody(node);
    this.operands = node.body ? node.operands : this.body.inputs.map((i) => i.value);
    this.kind = kindOf(node);
    this.anchor = anchorNode(this.body, this.kind);
    this.bindings = this.#bind(vectors);
  }

  /** The name of the binding that holds a body input. */
  nameOf(v: Value): string {
    return this.#names.get(v) ?? `unbound_${v.name}`;
  }

  /** Whether the value is an input of the body, and so lies in a buffer. */
  isInput(v: Value): boolean {
    return this.#names.has(v);
  }

  /** `fn name(args…) -> type`: the element of a body value at the index made of the arguments. */
  loadFunction(
    name: string,
    value: Value,
    args: readonly string[],
    index: readonly Index[] = args.map(indexName),
  ): string {
    const writer = new ElementWriter(this.body, this.#names, this.#halves);
    const result = writer.element(value, index);
    return this.#function(
      name,
      args.map((a) => `${a}: u32`),
      ` -> ${registerType(value.type.dtype)}`,
      writer,
      [`return ${result};`],
    );
  }

  /** `fn name(i) -> vec4f` or `mat2x4f`: the i-th four or eight elements of an operand that is bound as such vectors. */
  vectorFunction(name: string, input: Value, size: VectorSize): string {
    const binding = this.nameOf(input);
    const type = size === 8 ? "mat2x4f" : "vec4f";
    const body =
      input.type.dtype === "f16"
        ? [`let halves = ${binding}[i];`, `return ${widenHalves(size, this.#halves)};`]
        : [`return ${binding}[i];`];
    return `fn ${name}(i: u32) -> ${type} {\n${indent(body.join("\n"))}\n}`;
  }

  /** `fn name(args…, value)`: what the region does with the anchor's element at that index, down to its stores. */
  storeFunction(
    name: string,
    anchorResult: Value,
    args: readonly string[],
    index: readonly Index[] = args.map(indexName),
  ): string {
    const writer = new ElementWriter(this.body, this.#names, this.#halves);
    const blocks = this.#epilogue(writer, anchorResult, index, this.anchor);
    return this.#function(
      name,
      [...args.map((a) => `${a}: u32`), `value: ${anchorResult.type.dtype}`],
      "",
      writer,
      blocks,
    );
  }

  /** Statements that compute every element of `result` at `index` and store it, for a region without anchor. */
  elementStatements(result: Value, index: readonly Index[], lines: readonly string[]): string {
    const writer = new ElementWriter(this.body, this.#names, this.#halves);
    writer.lines.push(...lines);
    const value = writer.element(result, index);
    for (const h of writer.helpers) this.#helpers.add(h);
    return [...writer.lines, this.#store(result, value, index)].join("\n");
  }

  /** As `storeFunction`, for a region whose anchor moves elements of `moved` and computes none. */
  moveFunction(name: string, moved: Value, args: readonly string[], index: readonly Index[]): string {
    const writer = new ElementWriter(this.body, this.#names, this.#halves);
    const blocks = this.#epilogue(writer, moved, index, undefined);
    return this.#function(name, [...args.map((a) => `${a}: u32`), `value: ${moved.type.dtype}`], "", writer, blocks);
  }

  /** Declarations of all bindings, and of the symbols where something reads them. */
  declarations(usesSymbols: boolean): string {
    const lines = this.bindings.map(
      (b, i) => `@group(0) @binding(${i}) var<storage, ${b.access}> ${b.name}: array<${b.type}>;`,
    );
    if (this.usesFloat16) lines.unshift("enable f16;", "");
    if (usesSymbols) {
      lines.push("@group(1) @binding(0) var<uniform> symbols: Symbols;");
      lines.splice(this.usesFloat16 ? 2 : 0, 0, `struct Symbols { ${SYMBOLS.map((s) => `${s}: u32`).join(", ")} }`);
    }
    return lines.join("\n");
  }

  /** Whether a binding has the type of the feature `shader-f16`. */
  get usesFloat16(): boolean {
    return this.bindings.some((b) => b.type.includes("f16") || b.type.endsWith("h"));
  }

  /** Whether WGSL reads the symbols. */
  usesSymbols(code: string): boolean {
    return code.includes("symbols.");
  }

  /** A WGSL function that the kernel itself calls; it is printed once, whoever else calls it. */
  addHelper(wgsl: string): void {
    this.#helpers.add(wgsl);
  }

  /** The WGSL functions that the ops of the region call. */
  get helpers(): string {
    return [...this.#helpers].join("\n\n");
  }

  #bind(vectors: ReadonlyMap<Value, VectorSize>): Binding[] {
    const updated = new Map<Value, Value>();
    for (const n of this.body.nodes) for (const old of updatedOperands(n)) updated.set(old, at(n.results, 0));
    const index = indexGraph(this.body);
    const taken = new Map<string, number>();
    const claim = (base: string): string => {
      const n = taken.get(base) ?? 0;
      taken.set(base, n + 1);
      return n === 0 ? base : `${base}_${n + 1}`;
    };
    const bindings = this.body.inputs.map(({ value }, i): Binding => {
      const reader = index.users(value).find((n) => n === this.anchor) ?? index.users(value)[0];
      const place = reader?.operands.indexOf(value) ?? 0;
      const role = reader?.op.operands[reader.op.variadic ? 0 : place] ?? "x";
      // Templates know the roles of our own anchors' operands; a user's may be called what a template calls something else.
      const plain = reader === undefined || (reader === this.anchor && OPS.includes(reader.op));
      const name = claim(plain ? role : wgslName(`${reader.op.name}_${role}`));
      this.#names.set(value, name);
      const fresh = updated.get(value);
      if (fresh) this.#results.set(fresh, name);
      return {
        name,
        access: fresh ? "read_write" : "read",
        value: at(this.operands, i),
        type: bufferType(value.type.dtype, vectors.get(value), this.#halves),
      };
    });
    this.body.results.forEach((r, i) => {
      if (this.#results.has(r)) return;
      const name = claim("y");
      this.#results.set(r, name);
      bindings.push({
        name,
        access: "read_write",
        value: at(this.node.results, i),
        type: storageType(r.type.dtype, this.#halves),
      });
    });
    return bindings;
  }

  #epilogue(writer: ElementWriter, start: Value, index: readonly Index[], skip: Node | undefined): string[] {
    const store = (v: Value, expression: string, place: readonly Index[]) =>
      this.#results.has(v) ? this.#store(v, expression, place) : undefined;
    return writeEpilogue(writer, { node: this.node, body: this.body, start, index, skip, store });
  }

  #store(result: Value, expression: string, index: readonly Index[]): string {
    const stored = result.type.dtype === "bool" ? `select(0u, 1u, ${expression})` : expression;
    return `${this.#results.get(result) ?? "y"}[${flatIndex(index, result.type.shape).text}] = ${stored};`;
  }

  #function(
    name: string,
    args: readonly string[],
    returns: string,
    writer: ElementWriter,
    last: readonly string[],
  ): string {
    for (const h of writer.helpers) this.#helpers.add(h);
    return `fn ${name}(${args.join(", ")})${returns} {\n${indent([...writer.lines, ...last].join("\n"))}\n}`;
  }
}

/** A plain node as a body of one. */
function asBody(node: Node): Graph {
  const inputs = [...new Set(node.operands.filter((v) => v.literal === undefined))].map((value) => ({
    kind: "input" as const,
    value,
  }));
  return { name: node.op.name, inputs, nodes: [node], results: node.results };
}

function kindOf({ op, anchor }: Node): Anchor {
  if (anchor !== undefined) return anchor;
  return op.traits.pointwise || op.traits.reads ? POINTWISE_ANCHOR : op;
}
