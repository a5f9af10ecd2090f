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
  unreachable,
  type Value,
} from "../ir/index.ts";
import { concat, matmul, transpose } from "../ir/ops/index.ts";
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
  const parts = splitInput(input, axisFor(index, input.value), maxBytes, free);
  const inputs = graph.inputs.flatMap((i) => (i === input ? parts : [i]));
  const made = rebuild({ ...graph, inputs }, readParts(index, input.value, parts, { free, maxBuffers }));
  return typeof made === "string" ? unreachable(`splitting ${name} fails: ${made}`) : made;
}

type FreeName = (wanted: string) => string;

interface Limits {
  readonly free: FreeName;
  readonly maxBuffers: number;
}

function freeNames(graph: Graph): FreeName {
  const values = [...graph.inputs.map((i) => i.value), ...graph.nodes.flatMap((n) => n.results)];
  const taken = new Set(values.map((v) => v.name));
  return (wanted) => {
    let name = wanted;
    for (let i = 0; taken.has(name); i++) name = `${wanted}.${i}`;
    taken.add(name);
    return name;
  };
}

const bytesOf = ({ type }: Value): number =>
  type.shape.reduce<number>((n, d) => n * Number(d), DTYPE_BYTES[type.dtype]);

const isRightOperand = (node: Node, v: Value): boolean =>
  node.op === matmul && node.operands[1] === v && node.operands[0] !== v;

/** Columns where every reader multiplies by the weight as it lies; rows for tables and for what reads it transposed. */
function axisFor(index: GraphIndex, weight: Value): number {
  const readers = index.users(weight);
  return weight.type.shape.length === 2 && readers.length > 0 && readers.every((n) => isRightOperand(n, weight))
    ? 1
    : 0;
}

function splitInput({ value }: Input, axis: number, maxBytes: number, free: FreeName): readonly Input[] {
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
    const shape = value.type.shape.map((d, k) => (k === axis ? Math.min(most, size - start) : d));
    const part: Value = { name: free(`${value.name}.${i}`), type: { ...value.type, shape } };
    return { kind: "weight", value: part, part: { whole: value, axis, start } };
  });
}

/** What takes the readers' place. Each has a concatenation of its own: it costs nothing where the reader's kernel reads it. */
function readParts(index: GraphIndex, weight: Value, parts: readonly Input[], limits: Limits): readonly Replacement[] {
  const values = parts.map((p) => p.value);
  const axis = parts[0]?.part?.axis ?? 0;
  return index.users(weight).flatMap((reader, n): readonly Replacement[] => {
    if (axis === 1) return [splitProduct(reader, values, limits)];
    const turned = at(reader.results, 0);
    const turns = reader.op === transpose && String(reader.attrs["perm"]) === "1,0" && !index.isResult(turned);
    const products = turns ? index.users(turned) : [];
    if (products.length > 0 && products.every((p) => isRightOperand(p, turned) && p.operands[0] !== weight))
      return products.map((product) => splitProduct(product, values, limits, reader));
    const whole = joined(values, axis, limits.free(`${weight.name}.whole.${n}`), limits);
    const operands = reader.operands.map((v) => (v === weight ? whole.value : v));
    return [{ remove: [reader], insert: [...whole.nodes, { ...reader, operands }], values: new Map() }];
  });
}

/** matmul(x, w) as the products with w's parts, side by side; `turn` is the transpose between weight and product. */
function splitProduct(product: Node, parts: readonly Value[], limits: Limits, turn?: Node): Replacement {
  const y = at(product.results, 0);
  const nodes: Node[] = [];
  const columns = parts.map((part, i) => {
    let right = part;
    if (turn) {
      const turned = makeNode(transpose, [part], turn.attrs, [
        limits.free(`${at(turn.results, 0).name}.${y.name}.${i}`),
      ]);
      nodes.push(turned);
      right = at(turned.results, 0);
    }
    const made = makeNode(matmul, [at(product.operands, 0), right], product.attrs, [limits.free(`${y.name}.${i}`)]);
    nodes.push(made);
    return at(made.results, 0);
  });
  const whole = joined(columns, y.type.shape.length - 1, y.name, limits);
  return { remove: [product], insert: [...nodes, ...whole.nodes], values: new Map([[y, whole.value]]) };
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
