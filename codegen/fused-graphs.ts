// The graphs of entry points after the passes. A bundle has them for several sets of features, of which a pass sees no more than what
// kernels refuse: where they answer the same, the graphs are the same.
import { type EntrySpec, type Graph, type SymbolValues, verify } from "../ir/index.ts";
import {
  type CacheDType,
  type PassObserver,
  pipeline,
  type RegionPolicy,
  runPasses,
  type WeightDType,
} from "../passes/index.ts";
import { compareWays } from "./compare-ways.ts";
import { bodyKey, regionKey } from "./region-key.ts";
import { kernelPolicy } from "./select-kernel.ts";
import type { Target } from "./target.ts";
import type { Toolkit } from "./toolkit.ts";

/** What passes depend on of the options of a compilation. */
export interface FuseOptions {
  readonly target: Target;
  readonly toolkit: Toolkit;
  readonly packVectors: boolean;
  readonly weights?: WeightDType;
  readonly caches?: CacheDType;
  readonly disable?: readonly string[];
  readonly observe?: (entry: string) => readonly PassObserver[];
  /** What symbols are in the call that ways to compute the same are compared for. */
  readonly lengths: SymbolValues;
}

/** The graphs after the passes, kept for all compilations of one source that differ in the target's features at most. */
export class FusedGraphs {
  readonly #made = new Map<EntrySpec, { readonly graph: Graph; readonly asked: AskedPolicy }>();

  /** @throws CompileError for a graph that is not valid, and whatever a pass throws. */
  of(spec: EntrySpec, options: FuseOptions): Graph {
    const policy = { ...kernelPolicy(options.target, options.toolkit), compare: compareWays(options) };
    const known = this.#made.get(spec);
    if (known?.asked.agreesWith(policy)) return known.graph;
    const asked = new AskedPolicy(policy);
    const graph = fuse(spec, asked, options);
    this.#made.set(spec, { graph, asked });
    return graph;
  }
}

function fuse(spec: EntrySpec, policy: RegionPolicy, options: FuseOptions): Graph {
  const { target, toolkit, weights = "f32", caches = "f32", packVectors, disable = [], observe } = options;
  verify(spec.graph);
  const passes = pipeline({
    symbols: spec.fixed ?? {},
    passes: toolkit.passes,
    policy,
    maxWeightBytes: target.limits.maxStorageBufferBindingSize,
    maxBuffers: target.limits.maxStorageBuffersPerShaderStage,
    weights,
    caches,
    packVectors,
    disable,
  });
  return runPasses(spec.graph, passes, observe?.(spec.name) ?? []);
}

type Ask = (policy: RegionPolicy) => string | undefined;

/** A policy that remembers what it was asked and what it said: once for all regions that differ in names at most. */
class AskedPolicy implements RegionPolicy {
  readonly #policy: RegionPolicy;
  readonly combinesPlaces: boolean;
  readonly #said = new Map<string, { readonly ask: Ask; readonly refusal: string | undefined }>();
  readonly #compared = new Map<string, ReturnType<Compare>>();

  constructor(policy: RegionPolicy) {
    this.#policy = policy;
    this.combinesPlaces = policy.combinesPlaces ?? false;
  }

  refuses: RegionPolicy["refuses"] = (anchor, body) =>
    this.#refusal(`region ${bodyKey(anchor, body)}`, (policy) => policy.refuses(anchor, body));

  refusesNode: NonNullable<RegionPolicy["refusesNode"]> = (node) =>
    this.#refusal(`node ${regionKey(node)}`, (policy) => policy.refusesNode?.(node));

  /** Kept, and not asked of other policies: features move predicted times by little, and how many steps there are is better the same for all. */
  compare: Compare = (question, node, ways) => {
    const key = `${question} ${regionKey(node)}`;
    const made = this.#compared.get(key) ?? this.#policy.compare?.(question, node, ways) ?? { seconds: [] };
    this.#compared.set(key, made);
    return made;
  };

  /** Whether the other policy refuses what this one did, and nothing else, of all that this one was asked. */
  agreesWith(other: RegionPolicy): boolean {
    return [...this.#said.values()].every(({ ask, refusal }) => (ask(other) === undefined) === (refusal === undefined));
  }

  #refusal(key: string, ask: Ask): string | undefined {
    const known = this.#said.get(key);
    if (known) return known.refusal;
    const refusal = ask(this.#policy);
    this.#said.set(key, { ask, refusal });
    return refusal;
  }
}

type Compare = NonNullable<RegionPolicy["compare"]>;
