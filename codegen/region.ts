// A node as kernels see it: a body with an anchor, bindings with names by role, and WGSL functions that load what the
// anchor reads and store what becomes of its result.

import {
  type Anchor,
  anchorNode,
  at,
  bodyOfNode,
  CompileError,
  type Graph,
  graphSymbols,
  type Node,
  POINTWISE_ANCHOR,
  printType,
  type Value,
} from "../ir/index.ts";
import { bindRegion } from "./bind-region.ts";
import type { Binding } from "./binding.ts";
import type { Neighbours } from "./buffer-format.ts";
import { type ElementShare, writeEpilogue } from "./epilogue.ts";
import { indent } from "./indent.ts";
import { IndexPrinter } from "./index-printer.ts";
import { handedType, inHand, neighboursOf } from "./neighbours.ts";
import { type PrintedFunctions, PrintedLog } from "./printed-functions.ts";
import { ResultStores, type StoredElement } from "./result-stores.ts";
import { type Storage, type Stored, VECTOR_TYPES, type VectorSize } from "./storage.ts";
import { STORAGES } from "./storages/index.ts";
import { StoredValues } from "./stored-values.ts";
import type { Target } from "./target.ts";
import { ElementWriter, type InHand, registerType } from "./wgsl-element.ts";
import { addIndex, type Index, indexName, indexOf, symbolMember } from "./wgsl-index.ts";

/** Who asks for a region, and how it is to be bound. */
export interface RegionOptions {
  /** The body's values that are read by so many elements a load. */
  readonly vectors?: ReadonlyMap<Value, VectorSize>;
  /** The ways in which tensors may lie in buffers; wgpt's own when absent. */
  readonly storages?: readonly Storage[];
  /** Whose features it may use; none when absent. */
  readonly target?: Target | undefined;
  /** Where an error is: the kernel and its template. The node when absent. */
  readonly place?: string;
  /**
   * What regions of this node have printed before for the same kernel and target, whose configurations share most functions; each region
   * prints for itself when absent.
   */
  readonly printed?: PrintedFunctions;
}

/** What WGSL calls the features that it enables. */
const ENABLED: Readonly<Record<string, string>> = { "shader-f16": "f16" };

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
  readonly #names: ReadonlyMap<Value, string>;
  readonly #results: ReadonlyMap<Value, string>;
  readonly #storing = new Set<string>();
  readonly #log: PrintedLog;
  #neighbours: Neighbours | undefined;

  readonly #values: StoredValues;
  readonly #place: string;

  constructor(
    node: Node,
    { vectors = new Map(), storages = STORAGES, target, place = placeOf(node), printed }: RegionOptions = {},
  ) {
    this.node = node;
    this.#place = place;
    this.body = node.body ?? bodyOfNode(node);
    this.#values = new StoredValues(this.body, { storages, target });
    this.operands = node.body ? node.operands : this.body.inputs.map((i) => i.value);
    this.kind = kindOf(node);
    this.anchor = anchorNode(this.body, this.kind);
    const bound = bindRegion(this, this.#values, vectors);
    this.bindings = bound.bindings;
    this.#names = bound.names;
    this.#results = bound.results;
    this.print = new IndexPrinter(place, new Set(graphSymbols(this.body).map((s) => s.name)));
    this.#log = new PrintedLog(this.print, printed);
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
    return this.#values.isInput(v);
  }

  /** `fn name(args…) -> type`: the element of a body value at the index made of the arguments. */
  loadFunction(
    name: string,
    value: Value,
    args: readonly string[],
    index: readonly Index[] = args.map(indexName),
  ): string {
    this.#checkAxes(name, value, index);
    return this.#log.once(keyOf(`load ${name} ${value.name}`, args, index), () => {
      const writer = this.#writer();
      const result = writer.element(value, index);
      return this.#function(
        name,
        args.map((a) => `${a}: u32`),
        ` -> ${registerType(value.type.dtype)}`,
        writer,
        [`return ${result};`],
      );
    });
  }

  /** How the elements of a body value lie in buffers; undefined where the region computes them of something else. */
  stored(v: Value): Stored | undefined {
    return this.#values.of(v);
  }

  /**
   * `fn name(i) -> vec4f` (`mat2x4f`, `mat4x4f`): the i-th four (eight, sixteen) elements of a body value that the kernel's `vectors`
   * names with that size, however they lie.
   */
  vectorFunction(name: string, v: Value, size: VectorSize): string {
    const stored = this.stored(v) ?? this.#unbound(v);
    for (const h of stored.storage.helpers ?? []) this.#log.now.helpers.add(h);
    const body = this.#values.load(stored, size, (part) => this.nameOf(part));
    return `fn ${name}(i: u32) -> ${VECTOR_TYPES[size]} {\n${indent(body.join("\n"))}\n}`;
  }

  /**
   * `fn name(args…, value)`: what the region does with the anchor's element at that index, down to its stores. Where it combines
   * neighbours (`neighbours` > 1), `value` is a vector of as many elements along the last axis, of which `args` name the first; that
   * stands at a multiple of their number.
   */
  storeFunction(
    name: string,
    anchorResult: Value,
    args: readonly string[],
    index: readonly Index[] = args.map(indexName),
  ): string {
    this.#checkAxes(name, anchorResult, index);
    this.#storing.add(name);
    return this.#log.once(keyOf(`store ${name} ${anchorResult.name}`, args, index), () => {
      const writer = this.#writer();
      const n = this.neighbours;
      const given = inHand(index, n);
      const blocks = this.#epilogue(writer, anchorResult, given, this.anchor);
      const value = `value: ${handedType(anchorResult.type.dtype, n)}`;
      return this.#function(name, [...args.map((a) => `${a}: u32`), value], "", writer, blocks);
    });
  }

  /**
   * How many neighbours along the last axis of the anchor's result the epilogue combines, or stores at a time: 1, or 2 where it needs pairs.
   * @throws CompileError where it can be computed from neither.
   */
  get neighbours(): Neighbours {
    // What is tried leaves no trace but symbols, which the epilogue reads in any case.
    const pairs = this.body.results.some((r) => this.#values.together(r) > 1);
    this.#neighbours ??= neighboursOf(this.anchor, this.body, pairs, (y, given) => {
      this.#log.apart(() => this.#epilogue(this.#writer(), y, given, this.anchor).join("\n"));
    });
    return this.#neighbours;
  }

  /** How many neighbours of a result along its last axis are stored at a time: 2 of halves, where a machine has no type for one. */
  storedTogether(result: Value): Neighbours {
    return this.#values.together(result);
  }

  /**
   * Statements that compute every element of `result` at `index` and store it, for a region without anchor: all those that are stored at
   * a time, of which the index names the first.
   */
  elementStatements(result: Value, index: readonly Index[], lines: readonly string[]): string {
    const writer = this.#writer();
    const stores = new ResultStores(this.#values, this.print);
    writer.lines.push(...lines);
    for (let i = 0; i < this.storedTogether(result); i++) {
      const place = index.map((k, axis) => (axis === index.length - 1 ? addIndex(k, indexOf(i)) : k));
      const line = this.#store(stores, result, { expression: writer.element(result, place), place });
      if (line !== undefined) writer.lines.push(line);
    }
    for (const h of writer.helpers) this.#log.now.helpers.add(h);
    return writer.lines.join("\n");
  }

  /** As `storeFunction`, for a region whose anchor moves elements of `moved` and computes none. */
  moveFunction(name: string, moved: Value, args: readonly string[], index: readonly Index[]): string {
    this.#storing.add(name);
    const writer = this.#writer();
    const n = this.neighbours;
    const blocks = this.#epilogue(writer, moved, inHand(index, n), undefined);
    const value = `value: ${handedType(moved.type.dtype, n)}`;
    return this.#function(name, [...args.map((a) => `${a}: u32`), value], "", writer, blocks);
  }

  /** Declarations of all bindings, and of the symbols, by name, where something reads them. */
  declarations(symbols: readonly string[] = []): string {
    const lines = this.bindings.map(
      (b, i) => `@group(0) @binding(${i}) var<storage, ${b.access}> ${b.name}: array<${b.type}>;`,
    );
    if (symbols.length > 0) {
      lines.unshift(`struct Symbols { ${symbols.map((s) => `${symbolMember(s)}: u32`).join(", ")} }`);
      lines.push("@group(1) @binding(0) var<uniform> symbols: Symbols;");
    }
    const enabled = this.features.map((f) => `enable ${ENABLED[f] ?? f};`);
    return [...(enabled.length > 0 ? [...enabled, ""] : []), ...lines].join("\n");
  }

  /** Features of the adapter that its bindings are read by. */
  get features(): readonly string[] {
    return this.#values.featuresOf(this.bindings);
  }

  /** The first result that nothing printed so far stores. */
  get unstored(): Value | undefined {
    const left = this.body.results.findIndex((r) => !this.#log.now.stored.has(r));
    return this.node.results[left];
  }

  /** The names of the functions printed so far that store. */
  get storeFunctions(): readonly string[] {
    return [...this.#storing];
  }

  /** The conditions of blocks printed so far that only some elements go through, and which, where that is known. */
  get guards(): ReadonlyMap<string, ElementShare> {
    return this.#log.now.guards;
  }

  /** A WGSL function that the kernel itself calls; it is printed once, whoever else calls it. */
  addHelper(wgsl: string): void {
    this.#log.now.helpers.add(wgsl);
  }

  /** The WGSL functions that the ops of the region call. */
  get helpers(): string {
    return [...this.#log.now.helpers].join("\n\n");
  }

  #epilogue(writer: ElementWriter, start: Value, given: readonly InHand[], skip: Node | undefined): string[] {
    const stores = new ResultStores(this.#values, this.print);
    const store = (v: Value, element: StoredElement) =>
      this.#results.has(v) ? this.#store(stores, v, element) : undefined;
    const onGuard = (text: string, share: ElementShare) => void this.#log.now.guards.set(text, share);
    const lines = writeEpilogue(writer, { node: this.node, body: this.body, start, given, skip, store, onGuard });
    stores.finish();
    return lines;
  }

  #store(stores: ResultStores, result: Value, element: StoredElement): string | undefined {
    this.#log.now.stored.add(result);
    return stores.store(result, this.#results.get(result) ?? this.#noResult(result), element);
  }

  #writer(): ElementWriter {
    return new ElementWriter({
      body: this.body,
      bindings: this.#names,
      values: this.#values,
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
    for (const h of writer.helpers) this.#log.now.helpers.add(h);
    return `fn ${name}(${args.join(", ")})${returns} {\n${indent([...writer.lines, ...last].join("\n"))}\n}`;
  }
}

/** What a function is known by. */
const keyOf = (what: string, args: readonly string[], index: readonly Index[]) => (): string =>
  `${what} ${args} ${JSON.stringify(index)}`;

const placeOf = (node: Node): string => `${node.op.name} ${at(node.results, 0).name}`;

function kindOf({ op, anchor }: Node): Anchor {
  if (anchor !== undefined) return anchor;
  return op.traits.element ? POINTWISE_ANCHOR : op;
}
