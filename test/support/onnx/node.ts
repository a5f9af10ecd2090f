// One ONNX node on its way to becoming a graph: its operands as inputs or as constants, its attributes by kind.
import type { Attrs } from "../../../ir/attr.ts";
import { GraphBuilder } from "../../../ir/builder.ts";
import { at } from "../../../ir/errors.ts";
import type { Op } from "../../../ir/op.ts";
import { reshape, transpose } from "../../../ir/ops/index.ts";
import type { HostTensor } from "../../../ir/tensor.ts";
import type { DType } from "../../../ir/type.ts";
import type { Value } from "../../../ir/value.ts";

/** A case of ONNX's backend tests: one node, operands and the results that it must give. */
export interface OnnxCase {
  readonly name: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** The names of the node's operands and results; "" where an optional one is left out. */
  readonly operands: readonly string[];
  readonly results: readonly string[];
  readonly inputs: ReadonlyMap<string, HostTensor>;
  readonly outputs: ReadonlyMap<string, HostTensor>;
}

/** Thrown by a translation that gives up; the message is the reason, the same for every case it holds for. */
export class Unsupported extends Error {}

/** Writes an ONNX node as nodes of ours, and returns the node's results in ONNX's order. */
export type Translator = (node: OnnxNode) => Value | readonly Value[];

export class OnnxNode {
  readonly builder: GraphBuilder;
  readonly count: number;
  readonly resultCount: number;
  readonly #case: OnnxCase;
  readonly #values = new Map<string, Value>();

  constructor(given: OnnxCase) {
    this.#case = given;
    this.builder = new GraphBuilder(given.name);
    this.count = given.operands.length;
    this.resultCount = given.results.length;
  }

  has(i: number): boolean {
    return (this.#case.operands[i] ?? "") !== "";
  }
  #tensor(i: number): HostTensor {
    const found = this.#case.inputs.get(at(this.#case.operands, i));
    if (!found) throw new Unsupported("an operand without a tensor");
    return found;
  }

  /** Operand `i` as an input of the graph. */
  value(i: number): Value {
    const name = at(this.#case.operands, i);
    const value = this.#values.get(name) ?? this.builder.input(name, this.#tensor(i));
    this.#values.set(name, value);
    return value;
  }
  values(): Value[] {
    return Array.from({ length: this.count }, (_, i) => this.value(i));
  }
  /** Operand `i` as numbers that are known when the graph is made: shapes, axes, sizes. */
  numbers(i: number): readonly number[] {
    return [...this.#tensor(i).data];
  }
  number(i: number): number {
    return at(this.numbers(i), 0);
  }
  shape(i: number): readonly number[] {
    return this.#tensor(i).shape;
  }
  resultShape(i: number): readonly number[] {
    return this.#case.outputs.get(at(this.#case.results, i))?.shape ?? [];
  }

  int(name: string, otherwise: number): number {
    const value = this.#case.attrs[name];
    return typeof value === "number" ? value : otherwise;
  }
  ints(name: string): readonly number[] | undefined {
    const value = this.#case.attrs[name];
    return Array.isArray(value) ? value.map(Number) : undefined;
  }
  text(name: string, otherwise: string): string {
    const value = this.#case.attrs[name];
    return typeof value === "string" ? value : otherwise;
  }
  /** Counted from the front. */
  axis(name: string, otherwise: number, rank: number): number {
    return fromFront(this.int(name, otherwise), rank);
  }

  op(op: Op, operands: readonly (Value | number)[], attrs: Attrs = {}): Value {
    return this.builder.op(op, operands, attrs);
  }
  literal(value: number, dtype: DType): Value {
    return this.builder.literal(value, dtype);
  }
  reshape(x: Value, shape: readonly number[]): Value {
    return this.op(reshape, [x], { shape });
  }
  /** x itself, as the result of a node, for a graph has to compute something. */
  same(x: Value): Value {
    return this.reshape(x, shapeOf(x));
  }
  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((axis, i) => axis === i) ? x : this.op(transpose, [x], { perm });
  }
}

export const fromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** ONNX's shapes hold no symbols. */
export const shapeOf = (x: Value): number[] => x.type.shape.map(Number);

export const product = (numbers: readonly number[]): number => numbers.reduce((n, d) => n * d, 1);
