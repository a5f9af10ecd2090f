// A node as kernels see it: a body with an anchor, bindings with names by role, and WGSL functions that load what the
// anchor reads and store what becomes of its result.

import {
  type Anchor,
  anchorNode,
  at,
  CompileError,
  type Graph,
  graphSymbols,
  indexGraph,
  type Node,
  OPS,
  POINTWISE_ANCHOR,
  printType,
  updatedOperands,
  type Value,
} from "../ir/index.ts";
import { type Binding, bufferType, type VectorSize, widenHalves } from "./binding.ts";
import { writeEpilogue } from "./epilogue.ts";
import { indent } from "./indent.ts";
import { IndexPrinter } from "./index-printer.ts";
import { ElementWriter, type Halves, registerType, storageType, wgslName } from "./wgsl-element.ts";
import { flatIndex, type Index, indexName, symbolMember } from "./wgsl-index.ts";

/** Who asks for a region, and how it is to be bound. */
export interface RegionOptions {
  /** The operands (as body inputs) that are bound as arrays of vectors of so many elements. */
  readonly vectors?: ReadonlyMap<Value, VectorSize>;
  readonly halves?: Halves;
  /** Where an error is: the kernel and its template. The node when absent. */
  readonly place?: string;
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
  /** Prints lengths and places for the kernel, which binds the symbols if anything printed reads one. */
  readonly print: IndexPrinter;
  readonly #names = new Map<Value, string>();
  readonly #results = new Map<Value, string>();
  readonly #stored = new Set<Value>();
  readonly #storing = new Set<string>();
  readonly #helpers = new Set<string>();

  readonly #halves: Halves;
  readonly #place: string;

  constructor(node: Node, { vectors = new Map(), halves = "packed", place = placeOf(node) }: RegionOptions = {}) {
    this.node = node;
    this.#halves = halves;
    this.#place = place;
    this.body = node.body ?? asBody(node);
    this.operands = node.body ? node.operands : this.body.inputs.map((i) => i.value);
    this.kind = kindOf(node);
    this.anchor = anchorNode(this.body, this.kind);
    this.bindings = this.#bind(vectors);
    this.print = new IndexPrinter(place, new Set(graphSymbols(this.body).map((s) => s.name)));
  }

  /**
   * The anchor's operand of that role, which is what its op calls it.
   * @throws CompileError where the op has no such operand.
   */
  operand(role: string): Value {
    const { operands: roles = [], name = "no op" } = this.anchor?.op ?? {};
    const found = this.anchor?.operands[roles.indexOf(role)];
    if (found) return found;
    const facts = `asks for the operand ${role}, but its anchor is ${name}`;
    const hint = this.anchor
      ? `that has ${roles.join(", ") || "no operands"}`
      : "a region of pointwise ops has no anchor: print it by `elementStatements`";
    throw new CompileError(this.#place, facts, hint);
  }

  /**
   * The name of the binding that holds a body input.
   * @throws CompileError for a value that lies in no buffer.
   */
  nameOf(v: Value): string {
    return this.#names.get(v) ?? this.#unbound(v);
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
    this.#checkAxes(name, value, index);
    const writer = this.#writer();
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
    this.#checkAxes(name, anchorResult, index);
    this.#storing.add(name);
    const writer = this.#writer();
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
    const writer = this.#writer();
    writer.lines.push(...lines);
    const value = writer.element(result, index);
    for (const h of writer.helpers) this.#helpers.add(h);
    return [...writer.lines, this.#store(result, value, index)].join("\n");
  }

  /** As `storeFunction`, for a region whose anchor moves elements of `moved` and computes none. */
  moveFunction(name: string, moved: Value, args: readonly string[], index: readonly Index[]): string {
    this.#storing.add(name);
    const writer = this.#writer();
    const blocks = this.#epilogue(writer, moved, index, undefined);
    return this.#function(name, [...args.map((a) => `${a}: u32`), `value: ${moved.type.dtype}`], "", writer, blocks);
  }

  /** Declarations of all bindings, and of the symbols, by name, where something reads them. */
  declarations(symbols: readonly string[] = []): string {
    const lines = this.bindings.map(
      (b, i) => `@group(0) @binding(${i}) var<storage, ${b.access}> ${b.name}: array<${b.type}>;`,
    );
    if (this.usesFloat16) lines.unshift("enable f16;", "");
    if (symbols.length > 0) {
      lines.push("@group(1) @binding(0) var<uniform> symbols: Symbols;");
      lines.splice(
        this.usesFloat16 ? 2 : 0,
        0,
        `struct Symbols { ${symbols.map((s) => `${symbolMember(s)}: u32`).join(", ")} }`,
      );
    }
    return lines.join("\n");
  }

  /** Whether a binding has the type of the feature `shader-f16`. */
  get usesFloat16(): boolean {
    return this.#halves === "native" && this.bindings.some((b) => b.value.type.dtype === "f16");
  }

  /** The first result that nothing printed so far stores. */
  get unstored(): Value | undefined {
    const left = this.body.results.findIndex((r) => !this.#stored.has(r));
    return this.node.results[left];
  }

  /** The names of the functions printed so far that store. */
  get storeFunctions(): readonly string[] {
    return [...this.#storing];
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
    this.#stored.add(result);
    const place = this.print.text(flatIndex(index, result.type.shape));
    return `${this.#results.get(result) ?? this.#noResult(result)}[${place}] = ${stored};`;
  }

  #writer(): ElementWriter {
    return new ElementWriter({
      body: this.body,
      bindings: this.#names,
      halves: this.#halves,
      print: this.print,
      place: this.#place,
    });
  }

  #checkAxes(name: string, v: Value, index: readonly Index[]): void {
    if (index.length === v.type.shape.length) return;
    const facts = `asks for ${name} of ${index.length} indices, but ${v.name} is ${printType(v.type)}`;
    throw new CompileError(this.#place, facts, "an element has an index for each axis");
  }

  #unbound(v: Value): never {
    const facts = `asks for the binding of ${v.name}, which lies in no buffer`;
    const bound = this.body.inputs.map((i) => i.value.name).join(", ");
    throw new CompileError(this.#place, facts, `the region's operands are ${bound || "none"}`);
  }

  #noResult(v: Value): never {
    const results = this.body.results.map((r) => r.name).join(", ");
    throw new CompileError(this.#place, `would store ${v.name}, which is no result`, `the region returns ${results}`);
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

const placeOf = (node: Node): string => `${node.op.name} ${at(node.results, 0).name}`;

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
  return op.traits.element ? POINTWISE_ANCHOR : op;
}
