// Weights that are larger than an adapter binds become several, and so does what reads them: a table is searched part by
// part, a product is made part by part and put together.
import { DTYPE_BYTES } from "../base/dtype.ts";
import {
  at,
  CompileError,
  type Graph,
  type GraphIndex,
  type Input,
  indexGraph,
  makeNode,
  type Node,
  printType,
  sliceRecipe,
  unreachable,
  type Value,
  wholeTensor,
} from "../ir/index.ts";
import { cast, concat, matmul, transpose } from "../ir/ops/index.ts";
import { type FreeName, freeNames } from "./free-names.ts";
import type { Pass } from "./pass.ts";
import { type Replacement, rebuild } from "./rebuild.ts";

/**
 * Splits every weight of more than `maxBytes` along the axis that its readers can take apart. A kernel binds at most
 * `maxBuffers`: parts are put together in a tree where there are more.
 */
export function splitLargeWeights(maxBytes: number, maxBuffers = 8): Pass {
  return {
    name: "split-large-weights",
    summary: `weights of more than ${maxBytes} bytes become parts: a table by rows, a matrix by columns`,
    role: "required",
    run(graph, report) {
      const large = graph.inputs.filter(({ kind, value }) => kind === "weight" && bytesOf(value) > maxBytes);
      // One after the other, for one node may read two of them.
      return large.reduce((before, input) => {
        report?.({ rule: "larger-than-a-binding", site: input.value.name }, before);
        return splitWeight(before, input, maxBytes, maxBuffers);
      }, graph);
    },
  };
}

function splitWeight(graph: Graph, input: Input, maxBytes: number, maxBuffers: number): Graph {
  const index = indexGraph(graph);
  const { name } = input.value;
  if (index.isResult(input.value))
    throw new CompileError(
      name,
      "is larger than the target binds, but the graph returns it",
      "only readers can be split",
    );
  const free = freeNames(graph);
  const readings = readingsOf(index, input.value);
  const axis = axisFor(input.value, readings);
  const parts = splitInput(input, axis, maxBytes, free);
  const values = parts.map((p) => p.value);
  const inputs = graph.inputs.flatMap((i) => (i === input ? parts : [i]));
  const made = rebuild(
    { ...graph, inputs },
    readParts(index, input.value, readings, values, axis, { free, maxBuffers }),
  );
  return typeof made === "string" ? unreachable(`splitting ${name} fails: ${made}`) : made;
}

interface Limits {
  readonly free: FreeName;
  readonly maxBuffers: number;
}

const bytesOf = ({ type }: Value): number =>
  type.shape.reduce<number>((n, d) => n * Number(d), DTYPE_BYTES[type.dtype]);

/** A node that reads a weight: as it lies, or widened by a cast of it. */
interface Reading {
  readonly node: Node;
  /** The operand of `node`: the weight, or the result of `casts`. */
  readonly value: Value;
  /** None, or the one cast between weight and node. */
  readonly casts: readonly Node[];
}

/** Every reader of the weight; where a cast reads it, the readers of the cast stand in its place. */
function readingsOf(index: GraphIndex, weight: Value): readonly Reading[] {
  return index.users(weight).flatMap((node): readonly Reading[] => {
    const widened = at(node.results, 0);
    const readers = node.op === cast && !index.isResult(widened) ? index.users(widened) : [];
    return readers.length === 0
      ? [{ node, value: weight, casts: [] }]
      : readers.map((reader) => ({ node: reader, value: widened, casts: [node] }));
  });
}

const isRightOperand = (node: Node, v: Value): boolean =>
  node.op === matmul && node.operands[1] === v && node.operands[0] !== v;

/** Columns where every reader multiplies by the weight as it lies; rows for tables and for what reads it transposed. */
function axisFor(weight: Value, readings: readonly Reading[]): number {
  return weight.type.shape.length === 2 &&
    readings.length > 0 &&
    readings.every(({ node, value }) => isRightOperand(node, value))
    ? 1
    : 0;
}

function splitInput(
  { value, recipe = wholeTensor(value) }: Input,
  axis: number,
  maxBytes: number,
  free: FreeName,
): readonly Input[] {
  const size = Number(at(value.type.shape, axis));
  const bytesOfOne = bytesOf(value) / size;
  // Whole vectors of four, so that the parts suit the kernels that suit the whole.
  const fits = Math.floor(maxBytes / bytesOfOne);
  const most = size % 4 === 0 && fits >= 4 ? fits - (fits % 4) : fits;
  if (most < 1)
    throw new CompileError(
      value.name,
      `is ${printType(value.type)}: one step along axis ${axis} takes ${bytesOfOne} bytes, but the target binds ${maxBytes}`,
      "no split can help; choose a target with larger bindings",
    );
  const count = Math.ceil(size / most);
  return Array.from({ length: count }, (_, i): Input => {
    const start = i * most;
    const length = Math.min(most, size - start);
    const shape = value.type.shape.map((d, k) => (k === axis ? length : d));
    const part: Value = { name: free(`${value.name}.${i}`), type: { ...value.type, shape } };
    return { kind: "weight", value: part, ...(recipe && { recipe: sliceRecipe(recipe, axis, start, length) }) };
  });
}

/** What takes the readers' place. Each has a concatenation of its own: it costs nothing where the reader's kernel reads it. */
function readParts(
  index: GraphIndex,
  weight: Value,
  readings: readonly Reading[],
  values: readonly Value[],
  axis: number,
  limits: Limits,
): readonly Replacement[] {
  const own = new Set([weight, ...readings.map((r) => r.value)]);
  return readings.flatMap(({ node, casts }, n): readonly Replacement[] => {
    if (axis === 1) return [splitProduct(node, values, casts, limits)];
    const turned = at(node.results, 0);
    const turns = node.op === transpose && String(node.attrs["perm"]) === "1,0" && !index.isResult(turned);
    const products = turns ? index.users(turned) : [];
    if (products.length > 0 && products.every((p) => isRightOperand(p, turned) && !own.has(at(p.operands, 0))))
      return products.map((product) => splitProduct(product, values, [...casts, node], limits));
    // A node that reads the weight in two ways is replaced once, by what its first reading gives all of them.
    if (readings.findIndex((r) => r.node === node) < n) return [];
    const made = new Map(
      readings
        .filter((r) => r.node === node)
        .map((r) => [r.value, joinedReading(r, values, axis, limits.free(`${weight.name}.whole.${n}`), limits)]),
    );
    const operands = node.operands.map((v) => made.get(v)?.value ?? v);
    const insert = [...[...made.values()].flatMap((m) => m.nodes), { ...node, operands }];
    return [{ remove: [node], insert, values: new Map() }];
  });
}

/** The parts, widened where the reader reads a widened weight, one after another. */
function joinedReading(
  { casts }: Reading,
  parts: readonly Value[],
  axis: number,
  name: string,
  limits: Limits,
): { readonly nodes: readonly Node[]; readonly value: Value } {
  const read = parts.map((part, i) => readThrough(part, casts, `${i}`, limits));
  const whole = joined(
    read.map((r) => r.value),
    axis,
    name,
    limits,
  );
  return { nodes: [...read.flatMap((r) => r.nodes), ...whole.nodes], value: whole.value };
}

/** matmul(x, w) as the products with w's parts, side by side; `between` are the cast and the transpose from weight to product. */
function splitProduct(product: Node, parts: readonly Value[], between: readonly Node[], limits: Limits): Replacement {
  const y = at(product.results, 0);
  const nodes: Node[] = [];
  const columns = parts.map((part, i) => {
    const right = readThrough(part, between, `${y.name}.${i}`, limits);
    const made = makeNode(matmul, [at(product.operands, 0), right.value], product.attrs, [
      limits.free(`${y.name}.${i}`),
    ]);
    nodes.push(...right.nodes, made);
    return at(made.results, 0);
  });
  const whole = joined(columns, y.type.shape.length - 1, y.name, limits);
  return { remove: [product], insert: [...nodes, ...whole.nodes], values: new Map([[y, whole.value]]) };
}

/** What nodes with one operand make of a part, in the place of the whole. */
function readThrough(
  part: Value,
  between: readonly Node[],
  suffix: string,
  limits: Limits,
): { readonly nodes: readonly Node[]; readonly value: Value } {
  const nodes: Node[] = [];
  let value = part;
  for (const node of between) {
    const whole = at(node.results, 0);
    const name = node.op === cast ? `${value.name}.${whole.type.dtype}` : `${whole.name}.${suffix}`;
    const made = makeNode(node.op, [value], node.attrs, [limits.free(name)]);
    nodes.push(made);
    value = at(made.results, 0);
  }
  return { nodes, value };
}

/** The parts one after another; a kernel that joins n of them reads n buffers and writes one. */
function joined(
  parts: readonly Value[],
  axis: number,
  name: string,
  limits: Limits,
): { readonly nodes: readonly Node[]; readonly value: Value } {
  const most = limits.maxBuffers - 1;
  if (parts.length <= most) {
    const node = makeNode(concat, parts, { axis }, [name]);
    return { nodes: [node], value: at(node.results, 0) };
  }
  const groups: Node[] = [];
  for (let i = 0; i < parts.length; i += most)
    groups.push(makeNode(concat, parts.slice(i, i + most), { axis }, [limits.free(`${name}.joined.${groups.length}`)]));
  const whole = joined(
    groups.map((g) => at(g.results, 0)),
    axis,
    name,
    limits,
  );
  return { nodes: [...groups, ...whole.nodes], value: whole.value };
}
