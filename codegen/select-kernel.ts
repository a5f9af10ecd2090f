// Which kernels take a region, in the toolkit's order, and so what may be fused into one. Which of them a plan has, the machine decides:
// see `chooseKernel`.
import {
  type Anchor,
  anchorName,
  anchorNode,
  at,
  CompileError,
  fusedNode,
  type Graph,
  makeNode,
  type Node,
  onlyMoves,
} from "../ir/index.ts";
import { type RegionPolicy, storageBuffers } from "../passes/index.ts";
import { type ConfiguredKernel, isOfKind, type Kernel, type Taking, takingOf } from "./kernel.ts";
import { Region } from "./region.ts";
import { regionKey } from "./region-key.ts";
import { regionMemory } from "./region-memory.ts";
import type { Target } from "./target.ts";
import { standard, type Toolkit } from "./toolkit.ts";

/** What of a toolkit a kernel is chosen from. */
export type Kernels = Pick<Toolkit, "kernels" | "storages">;

/** Which kernel computes a node; with the default of its configurations that take it where it says none. */
export type KernelChoice = (node: Node, target: Target) => Kernel | ConfiguredKernel;

/** A kernel of the right kind, and how it takes the region. */
export interface Candidate extends Taking {
  readonly kernel: Kernel;
}

/** The toolkit's kernels of the region's kind, fastest first, with what each says. */
export function candidates(node: Node, target: Target, toolkit: Kernels = standard): readonly Candidate[] {
  const known = knownCandidates(target, toolkit);
  const key = regionKey(node);
  const found = known.get(key) ?? findCandidates(node, target, toolkit);
  known.set(key, found);
  return found;
}

const knownCandidates = regionMemory<readonly Candidate[]>();

function findCandidates(node: Node, target: Target, { kernels, storages }: Kernels): readonly Candidate[] {
  const region = new Region(node, { storages, target });
  return kernels
    .filter((k) => isOfKind(k, region))
    .toReversed()
    .map((kernel) => ({ kernel, ...takingOf(kernel, region, target) }));
}

/**
 * The first kernel in the toolkit's order, fastest first, that takes the node, in the default of its configurations: a choice that asks
 * nothing of the machine's speed.
 * @throws CompileError with every refusal when none does.
 */
export function selectKernel(node: Node, target: Target, toolkit: Kernels = standard): ConfiguredKernel {
  const { chosen, why } = firstTaker(node, target, toolkit);
  if (chosen) return chosen;
  throw new CompileError(
    `${node.op.name} ${at(node.results, 0).name}`,
    `no kernel computes it (${why})`,
    "add a kernel, or write it in other ops",
  );
}

/** Ops of a region at most: drivers take long to compile a shader of thousands of statements, or don't. */
const MOST_OPS = 128;

/** What kernels take into a region: as many buffers as the target binds, and nothing that would cost the faster kernel. */
export function kernelPolicy(target: Target, toolkit: Kernels = standard): RegionPolicy {
  const { kernels, storages } = toolkit;
  const tooMany = (buffers: number): string | undefined => {
    const limit = target.limits.maxStorageBuffersPerShaderStage;
    return buffers > limit
      ? `the region needs ${buffers} storage buffers, but ${target.name} binds ${limit}`
      : undefined;
  };
  return {
    combinesPlaces: true,
    refuses(anchor, body) {
      if (body.nodes.length > MOST_OPS) return `a kernel computes ${MOST_OPS} ops at most`;
      const problem = tooMany(storageBuffers(body)) ?? epilogueProblem(regionNode(anchor, body), target, toolkit);
      if (problem !== undefined) return problem;
      const { chosen, why } = firstTaker(regionNode(anchor, body), target, toolkit);
      if (!chosen) return why;
      const before = anchorAlone(anchor, body);
      const best = before && firstTaker(before, target, toolkit).chosen?.kernel;
      if (!best || kernels.indexOf(chosen.kernel) >= kernels.indexOf(best)) return undefined;
      const { refusal } = takingOf(best, new Region(regionNode(anchor, body), { storages, target }), target);
      return `${best.name} would not take it: ${refusal ?? "another kernel is chosen"}`;
    },
    refusesNode(node) {
      const { body } = new Region(node, { storages });
      const { chosen, why } = firstTaker(node, target, toolkit);
      return tooMany(storageBuffers(body)) ?? (chosen ? undefined : why);
    },
  };
}

/** Why what follows the anchor can't be computed from the elements that a kernel hands over. */
function epilogueProblem(node: Node, target: Target, { storages }: Kernels): string | undefined {
  try {
    void new Region(node, { storages, target }).neighbours;
    return undefined;
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return `${error.place}: ${error.facts}`;
  }
}

interface Choice {
  readonly chosen?: ConfiguredKernel;
  /** What each kernel that does not take the node says. */
  readonly why: string;
}

function firstTaker(node: Node, target: Target, toolkit: Kernels): Choice {
  const all = candidates(node, target, toolkit);
  const taker = all.find((c) => c.configs.length > 0);
  const why = all.map((c) => `${c.kernel.name}: ${c.refusal}`).join("; ") || whyNone(node, toolkit);
  const config = taker?.configs[0];
  return taker && config ? { chosen: { kernel: taker.kernel, config }, why } : { why };
}

/** What is said where no kernel is of the node's kind: those for another op of its name are not. */
function whyNone(node: Node, { kernels, storages }: Kernels): string {
  const { kind } = new Region(node, { storages });
  const namesakes = kernels.filter((k) => typeof k.kind !== "string" && k.kind.name === anchorName(kind));
  const names = namesakes.map((k) => k.name).join(", ");
  return names === ""
    ? "none is of its kind"
    : `none is of its kind: another op called ${anchorName(kind)} is that of ${names}`;
}

const regionNode = (anchor: Anchor, body: Graph): Node =>
  fusedNode(
    anchor,
    body.inputs.map((i) => i.value),
    body,
    body.results.map((r) => r.name),
  );

/** A node of the anchor alone, on its own operands, with the transpose of a weight where it reads one; undefined where the body has none. */
function anchorAlone(anchor: Anchor, body: Graph): Node | undefined {
  const node = anchorNode(body, anchor);
  if (!node) return undefined;
  const members = body.nodes.filter(
    (n) => n === node || (onlyMoves(n) && n.results.some((r) => node.operands.includes(r))),
  );
  const made = new Set(members.flatMap((n) => n.results));
  const operands = [...new Set(members.flatMap((n) => n.operands))].filter(
    (v) => !made.has(v) && v.literal === undefined,
  );
  if (members.length === 1)
    return makeNode(
      node.op,
      node.operands,
      node.attrs,
      node.results.map((r) => r.name),
    );
  return fusedNode(
    anchor,
    operands,
    {
      name: anchorName(anchor),
      inputs: operands.map((value) => ({ kind: "input", value })),
      nodes: members,
      results: node.results,
    },
    node.results.map((r) => r.name),
  );
}
