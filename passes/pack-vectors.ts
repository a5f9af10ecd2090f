// The vectors among the weights that one kernel reads (gains, biases) lie one after another in one buffer: a stage binds few
// buffers, and each that is bound costs the host a little in every step.
import { DTYPE_BYTES } from "../base/dtype.ts";
import {
  type Anchor,
  at,
  bodyOfNode,
  concatRecipe,
  fusedNode,
  type Input,
  indexGraph,
  makeNode,
  type Node,
  POINTWISE_ANCHOR,
  type Value,
  type WeightRecipe,
  wholeTensor,
} from "../ir/index.ts";
import { split } from "../ir/ops/index.ts";
import type { RegionPolicy } from "./fuse-pointwise.ts";
import type { Pass } from "./pass.ts";
import { anchorOf } from "./region.ts";

/** A weight of one axis, and what it is made of. */
interface Vector {
  readonly value: Value;
  readonly recipe: WeightRecipe;
}

/**
 * Each node that reads two or more such weights of one dtype, of `maxBytes` together at most, reads one instead, and takes it apart
 * in its own body. Layers are alike, and so are their shaders still: each packs what it reads in the same order. The policy may
 * refuse a region.
 */
export function packVectors(policy: RegionPolicy, maxBytes = Number.POSITIVE_INFINITY): Pass {
  return {
    name: "pack-vectors",
    summary: "the vectors among the weights of a kernel, such as gains and biases, become one weight",
    role: "simplify",
    run(graph, report) {
      const index = indexGraph(graph);
      const free = graph.inputs.filter((i) => !index.isResult(i.value)).flatMap((i) => vectorOf(i) ?? []);
      const vectors = new Map(free.map((v) => [v.value, v]));
      const names = new Set(
        [...graph.inputs.map((i) => i.value), ...graph.nodes.flatMap((n) => n.results)].map((v) => v.name),
      );
      const packs = new Map<string, Input>();
      const nodes = graph.nodes.map((node) => {
        const read = [...new Set(node.operands)].flatMap((v) => vectors.get(v) ?? []);
        const anchor = anchorOf(node) ?? (node.op.traits.element ? POINTWISE_ANCHOR : undefined);
        if (anchor === undefined || !areOne(read, maxBytes)) return node;
        const key = read.map(({ value }) => value.name).join(" ");
        const pack = packs.get(key) ?? packOf(read, names);
        const made = readPacked(
          node,
          anchor,
          read.map((v) => v.value),
          pack.value,
        );
        const facts = made.body && policy.refuses(anchor, made.body);
        const site = { rule: "vectors-of-a-kernel", site: at(node.results, 0).name };
        report?.(facts === undefined ? site : { ...site, refusal: { predicate: "kernel-takes-it", facts } }, graph);
        if (facts !== undefined) return node;
        packs.set(key, pack);
        names.add(pack.value.name);
        return made;
      });
      if (packs.size === 0) return graph;
      const read = new Set(nodes.flatMap((n) => n.operands));
      const inputs = graph.inputs.filter(
        ({ value }) => read.has(value) || !vectors.has(value) || index.users(value).length === 0,
      );
      return { ...graph, inputs: [...inputs, ...packs.values()], nodes };
    },
  };
}

/** Whether these make one weight: several, of one dtype, that fit a binding. */
function areOne(vectors: readonly Vector[], maxBytes: number): boolean {
  const types = vectors.map(({ value }) => value.type);
  const bytes = types.reduce((n, { dtype, shape }) => n + DTYPE_BYTES[dtype] * Number(shape[0]), 0);
  return types.length > 1 && types.every((t) => t.dtype === types[0]?.dtype) && bytes <= maxBytes;
}

function vectorOf({ kind, value, recipe = wholeTensor(value) }: Input): Vector | undefined {
  return kind === "weight" && recipe && value.type.shape.length === 1 ? { value, recipe } : undefined;
}

function packOf(vectors: readonly Vector[], taken: ReadonlySet<string>): Input {
  const length = vectors.reduce((n, { value }) => n + Number(value.type.shape[0]), 0);
  const { dtype } = at(vectors, 0).value.type;
  const wanted = joinedName(vectors.map((v) => v.value.name));
  let name = wanted;
  for (let i = 1; taken.has(name); i++) name = `${wanted}.${i}`;
  const recipe = concatRecipe(
    vectors.map((v) => v.recipe),
    0,
  );
  return { kind: "weight", value: { name, type: { dtype, shape: [length] } }, recipe };
}

/** `h.0.ln_1.weight` and `h.0.attn.c_attn.bias`: `h.0.ln_1.weight_attn.c_attn.bias`. */
function joinedName(names: readonly string[]): string {
  const paths = names.map((name) => name.split("."));
  const [first = [], ...others] = paths;
  let alike = 0;
  while (alike < first.length - 1 && others.every((p) => p.length > alike + 1 && p[alike] === first[alike])) alike++;
  return [...first.slice(0, alike), paths.map((p) => p.slice(alike).join(".")).join("_")].join(".");
}

/** The node as a region that reads the packed weight in place of the vectors. */
function readPacked(node: Node, anchor: Anchor, vectors: readonly Value[], pack: Value): Node {
  const body = node.body ?? bodyOfNode(node);
  const operands = node.body ? node.operands : body.inputs.map((i) => i.value);
  const inner = vectors.map((v) => at(body.inputs, operands.indexOf(v)).value);
  const names = new Set(
    [...body.inputs.map((i) => i.value), ...body.nodes.flatMap((n) => n.results)].map((v) => v.name),
  );
  let name = pack.name;
  for (let i = 1; names.has(name); i++) name = `${pack.name}.${i}`;
  const packed: Value = { name, type: pack.type };
  const sizes = inner.map((v) => Number(v.type.shape[0]));
  const parts = makeNode(
    split,
    [packed],
    { axis: 0, sizes },
    inner.map((v) => v.name),
  );
  const replaced = new Map(inner.map((v, i) => [v, at(parts.results, i)]));
  const kept = body.inputs.filter((i) => !replaced.has(i.value));
  const nodes = body.nodes.map((n) => ({ ...n, operands: n.operands.map((v) => replaced.get(v) ?? v) }));
  const made = fusedNode(
    anchor,
    [...operands.filter((v) => !vectors.includes(v)), pack],
    { ...body, inputs: [...kept, { kind: "input", value: packed }], nodes: [parts, ...nodes] },
    node.results.map((r) => r.name),
  );
  // What reads the results reads these values.
  return { ...made, results: node.results };
}
