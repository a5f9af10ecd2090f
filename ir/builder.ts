// Making nodes and graphs. The types of results are inferred here and nowhere else.
import { own } from "../base/own.ts";
import { printRecipe, recipeProblem, recipeType, type WeightRecipe } from "../base/recipe.ts";
import { type Attr, type Attrs, attrProblem } from "./attr.ts";
import { at, CompileError, causedBy } from "./errors.ts";
import type { Graph, Input, InputKind, Node } from "./graph.ts";
import { callMember } from "./member.ts";
import type { Emit, Op } from "./op.ts";
import { literal, printTypes } from "./print-literal.ts";
import { brokenPromise } from "./promises.ts";
import { DTYPES, type DType, isDim, printType, type TensorType } from "./type.ts";
import type { Value } from "./value.ts";

/**
 * The attributes with defaults filled in.
 * @throws CompileError for an unknown, missing or unfit one.
 */
export function completeAttrs(op: Op, given: Attrs, place: string): Attrs {
  const out: [string, Attr][] = [];
  for (const [name, spec] of Object.entries(op.attrs)) {
    const value = own(given, name) ?? spec.default;
    if (value === undefined)
      throw new CompileError(
        place,
        `attribute ${name} is missing`,
        `${op.name} needs ${Object.keys(op.attrs).join(", ")}`,
      );
    const problem = attrProblem(spec, value);
    if (problem) throw new CompileError(place, `attribute ${name} ${problem}`);
    out.push([name, value]);
  }
  const unknown = Object.keys(given).find((k) => !Object.hasOwn(op.attrs, k));
  if (unknown !== undefined)
    throw new CompileError(
      place,
      `attribute ${unknown} is not one of ${op.name}'s`,
      `it has ${Object.keys(op.attrs).join(", ") || "none"}`,
    );
  return Object.fromEntries(out);
}

/** @throws CompileError when the op takes another number of operands. */
export function checkOperandCount(op: Op, count: number, place: string): void {
  const wanted = op.operands.length;
  if (op.variadic ? count < wanted : count !== wanted)
    throw new CompileError(
      place,
      `has ${count} operands, but ${op.name} takes ${op.variadic ? `${wanted} or more` : wanted}`,
      `${op.name}(${op.operands.join(", ")}${op.variadic ? ", …" : ""})`,
    );
}

/**
 * A node with its types inferred.
 * @throws CompileError that names the op and the result, when operands, attributes or names do not fit.
 */
export function makeNode(op: Op, operands: readonly (Value | number)[], given: Attrs, names: readonly string[]): Node {
  const place = `${op.name} ${names[0] ?? ""}`.trim();
  const values = operands.map((v) => (typeof v === "number" ? literal(v, "f32") : v));
  checkOperandCount(op, values.length, place);
  const attrs = completeAttrs(op, given, place);
  const types = inferTypes(op, values, attrs, place);
  if (types.length !== names.length)
    throw new CompileError(
      place,
      `${names.length} names, but ${op.name} has ${types.length} results`,
      `results are ${printTypes(types)}`,
    );
  return { op, operands: values, attrs, results: types.map((type, i) => ({ name: at(names, i), type })) };
}

/**
 * As `op.infer`, but an error names the value as well as the op.
 * @throws CompileError too where the op throws something else, gives no types, or breaks what its traits promise.
 */
export function inferTypes(op: Op, operands: readonly Value[], attrs: Attrs, place: string): readonly TensorType[] {
  const missing = operands.findIndex((v) => v?.type === undefined);
  if (missing >= 0)
    throw new CompileError(
      place,
      `operand ${missing} is ${String(operands[missing])}`,
      "an operand is a value of the graph, or a number",
    );
  const types = operands.map((v) => v.type);
  const results = inferOrName(op, types, attrs, place);
  if (!Array.isArray(results) || results.length === 0 || !results.every(isType))
    throw new CompileError(
      place,
      `infer of ${op.name} gives ${JSON.stringify(results) ?? "nothing"}, which is no type of a result`,
      "a type is { dtype, shape }; see `tensorType`",
    );
  const strange = results.find((t) => t.shape.some((d) => typeof d === "number" && !(Number.isInteger(d) && d >= 0)));
  if (strange) throw new CompileError(place, `gives ${printType(strange)}`, "no axis is shorter than 0");
  const broken = brokenPromise(op, { operands: types, attrs, results }, place);
  if (broken) throw new CompileError(place, broken.facts, broken.hint);
  return results;
}

function inferOrName(op: Op, types: readonly TensorType[], attrs: Attrs, place: string): readonly TensorType[] {
  try {
    return callMember(place, "infer", () => op.infer(types, attrs));
  } catch (error) {
    if (error instanceof CompileError && error.place === op.name)
      throw causedBy(new CompileError(place, error.facts, error.hint), error);
    throw error;
  }
}

const isType = (t: unknown): t is TensorType =>
  typeof t === "object" &&
  t !== null &&
  "dtype" in t &&
  (DTYPES as readonly unknown[]).includes(t.dtype) &&
  "shape" in t &&
  Array.isArray(t.shape) &&
  t.shape.every(isDim);

/** Builds a graph node by node; names are made unique by a number where they are not given. */
export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: Input[] = [];
  readonly #nodes: Node[] = [];
  readonly #taken = new Set<string>();

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Declares an input.
   * @throws CompileError when the name is taken.
   */
  input(name: string, type: TensorType, kind: InputKind = "input"): Value {
    const value: Value = { name: this.#claim(name), type };
    this.#inputs.push({ kind, value });
    return value;
  }

  /**
   * Declares a weight by what it is made of: `weight("w", transposeRecipe(tensorRecipe("w.T", [4, 3]), [1, 0]))` is f32[3, 4].
   * @throws CompileError when the name is taken, or the recipe takes what its tensors do not have.
   */
  weight(name: string, recipe: WeightRecipe): Value {
    const problem = recipeProblem(recipe);
    if (problem !== undefined) throw new CompileError(`weight ${name}`, problem, `it is ${printRecipe(recipe)}`);
    const value: Value = { name: this.#claim(name), type: recipeType(recipe) };
    this.#inputs.push({ kind: "weight", value, recipe });
    return value;
  }

  /** A scalar constant, to be used as an operand. */
  literal(value: number, dtype: DType = "f32"): Value {
    return literal(value, dtype);
  }

  /** Adds a node; results are named `name`, or `name.0`, `name.1`, … when there are several. */
  readonly emit: Emit = (op, operands, attrs = {}, name) => {
    const values = operands.map((v) => (typeof v === "number" ? literal(v, "f32") : v));
    const place = `${op.name} ${name ?? ""}`.trim();
    checkOperandCount(op, values.length, place);
    const types = inferTypes(op, values, completeAttrs(op, attrs, place), place);
    const base = name ?? this.#fresh(op.name);
    const names = types.length === 1 ? [base] : types.map((_, i) => `${base}.${i}`);
    return this.add(makeNode(op, values, attrs, names));
  };

  /** `emit` for an op with one result. */
  readonly op = (op: Op, operands: readonly (Value | number)[], attrs: Attrs = {}, name?: string): Value =>
    at(this.emit(op, operands, attrs, name), 0);

  /** Adds a node made elsewhere. */
  add(node: Node): readonly Value[] {
    for (const r of node.results) this.#claim(r.name);
    this.#nodes.push(node);
    return node.results;
  }

  /** The graph that returns `results`. Not verified; see `verify`. */
  build(results: readonly Value[]): Graph {
    return { name: this.#name, inputs: [...this.#inputs], nodes: [...this.#nodes], results };
  }

  #fresh(base: string): string {
    const free = (name: string) => !this.#taken.has(name) && !this.#taken.has(`${name}.0`);
    for (let i = 0; ; i++) if (free(`${base}_${i}`)) return `${base}_${i}`;
  }

  #claim(name: string): string {
    if (this.#taken.has(name))
      throw new CompileError(`${this.#name} ${name}`, "two values have this name", "names are unique within a graph");
    this.#taken.add(name);
    return name;
  }
}
