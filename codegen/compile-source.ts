// The steps of the compiler: run the passes, place the values in memory, choose and print a kernel for every node.

import {
  type Plan,
  type PlanEntry,
  type PlanSymbolValues,
  type PlanVersion,
  type PlanWeight,
  recipeOf,
  symbolMaxima,
} from "../base/plan.ts";
import {
  CompileError,
  ENTRY_NAMES,
  type EntryName,
  type EntrySpec,
  type Family,
  familyGraph,
  type Graph,
  MODEL_ROLES,
  type ModelConfig,
  optionError,
  printRecipe,
  type Value,
} from "../ir/index.ts";
import type { CacheDType, PassObserver, WeightDType } from "../passes/index.ts";
import { FusedGraphs } from "./fused-graphs.ts";
import { type ComputedNode, KernelTable, lowerGraph, refuseDtypes, refuseLiteralResults } from "./lower.ts";
import { MemoryPlan } from "./plan-memory.ts";
import { planOutputs, planTensor } from "./plan-outputs.ts";
import { checkRolePlaces, checkRoles, rolesOf } from "./plan-roles.ts";
import { entryConstraints, freeSymbols, planSymbols } from "./plan-symbols.ts";
import { requiredLimits } from "./required-limits.ts";
import type { KernelChoice } from "./select-kernel.ts";
import { type Target, targetByName } from "./target.ts";
import { findExcess } from "./target-limits.ts";
import { standard, type Toolkit } from "./toolkit.ts";
import { weightTraffic } from "./traffic.ts";
import { DEFAULT_CHUNK, type WayOut } from "./way-out.ts";

/** The format of the plans made here. */
const VERSION: PlanVersion = 2;

/** How to compile: for which target, which passes, which entry points. */
export interface CompileOptions {
  readonly target?: Target;
  /** The ops, kernels and passes to compile with; `standard` when absent. */
  readonly toolkit?: Toolkit;
  /** Passes to leave out, by name. */
  readonly disable?: readonly string[];
  /** Watches the passes of one entry point. */
  readonly observe?: (entry: string) => readonly PassObserver[];
  /** The entry points to compile; all when absent. */
  readonly entries?: readonly EntryName[];
  /** How matrices and tables lie in GPU memory; f32 when absent. */
  readonly weights?: WeightDType;
  /**
   * How caches of two or more axes lie in GPU memory; f32 when absent. As f16 they take half the memory, and keys and values are rounded
   * as they are written: |x| ≤ 65504, to 11 significant bits.
   */
  readonly caches?: CacheDType;
  /** Tokens of one prefill call; a longer prompt is fed in chunks. 128 when absent. */
  readonly chunk?: number;
  /** Compiles beyond the target's limits too, for looking at. The plan then says what it needs, and no adapter of the target runs it. */
  readonly allowExcess?: boolean;
  /** What an error may suggest to change where the target can't hold the model; all that helps when absent. */
  readonly ways?: readonly WayOut[];
  /**
   * Whether the vectors that a kernel reads, such as gains and biases, become one weight. By default a model's do, which come from a
   * checkpoint by name; those of a graph keep a buffer each, which a program finds by the graph's own name for it.
   */
  readonly packVectors?: boolean;
  /** Another choice of kernels than those of the least predicted times: to compare them, or to test each. */
  readonly kernelFor?: KernelChoice;
}

/** A plan, and what it was made from. */
export interface Compilation {
  readonly plan: Plan;
  readonly entries: readonly CompiledEntry[];
  /** Where the plan goes beyond the target's limits, if that was allowed. */
  readonly excess?: CompileError;
}

/** An entry point of a plan as the compiler saw it. */
export interface CompiledEntry {
  readonly name: string;
  readonly graph: Graph;
  /** The graph after the passes, whose nodes became the steps. */
  readonly fused: Graph;
  /** For each step, the values that its bindings hold. */
  readonly bound: readonly (readonly Value[])[];
  /** What each step computes, and with what. */
  readonly computed: readonly ComputedNode[];
  /** What the symbols are in the call that kernels are chosen for. */
  readonly lengths: PlanSymbolValues;
}

/** What is compiled: graphs, and what a plan says of the model that they are of. */
export interface CompileSource {
  readonly name: string;
  readonly entries: readonly EntrySpec[];
  readonly model?: Pick<Plan, "model" | "names">;
  /** Whether vectors are packed where the options do not say. */
  readonly packVectors?: boolean;
}

/** The entry points of a model, and what its plan says of it. */
export function modelSource<C extends ModelConfig>(
  family: Family<C>,
  config: C,
  { chunk = DEFAULT_CHUNK, entries = ENTRY_NAMES }: Pick<CompileOptions, "chunk" | "entries">,
): CompileSource {
  const { n_layer, n_ctx, n_vocab, eos_token_ids } = config;
  const { name, names, roles = MODEL_ROLES } = family;
  const maxima = { [roles.newTokens]: Math.min(chunk, n_ctx), [roles.pastTokens]: n_ctx };
  const specs = entries.map((entry): EntrySpec => {
    const graph = familyGraph(family, config, entry);
    const fixed = entry === "decode" && { fixed: { [roles.newTokens]: 1 } };
    return { name: entry, graph, maxima, roles: rolesOf(graph, roles), ...fixed };
  });
  const model = { model: { n_layer, n_ctx, n_vocab, eos_token_ids }, ...(names && { names }) };
  return { name, entries: specs, model, packVectors: true };
}

/**
 * Compiles what is given. `graphs` is shared by compilations of one source that differ in the target's features at most.
 * @throws CompileError as `compileEntries` does.
 */
export function compileSource(
  { name, entries: specs, model, packVectors }: CompileSource,
  options: CompileOptions,
  graphs: FusedGraphs = new FusedGraphs(),
): Compilation {
  checkNames(name, specs);
  specs.forEach(checkRoles);
  const symbols = planSymbols(name, specs);
  const maxima = symbolMaxima({ symbols });
  const { target = targetByName("webgpu-default"), toolkit = standard } = options;
  const memory = new MemoryPlan(maxima);
  const table = new KernelTable();
  const entries = specs.map((spec) => {
    const lengths = typicalLengths(spec, maxima);
    const fused = graphs.of(spec, { packVectors: packVectors ?? false, ...options, target, toolkit, lengths });
    refuseLiteralResults(fused);
    refuseDtypes(fused);
    const places = memory.place(fused);
    checkRolePlaces(spec, fused, places);
    const lowered = lowerGraph(fused, {
      entry: spec.name,
      places,
      target,
      toolkit,
      symbols: symbols.map((s) => s.name),
      lengths,
      table,
      kernelFor: options.kernelFor,
    });
    const entry: PlanEntry = {
      name: spec.name,
      fixed: spec.fixed ?? {},
      symbols: freeSymbols(spec),
      constraints: entryConstraints(spec, symbols),
      inputs: fused.inputs.filter((i) => i.kind === "input").map(({ value }) => planTensor(value.name, value, places)),
      outputs: planOutputs(spec.graph, fused, places),
      ...(spec.roles && { roles: spec.roles }),
      steps: lowered.map((l) => l.step),
      weightBytes: weightTraffic(fused),
    };
    const [bound, computed] = [lowered.map((l) => l.bound), lowered.map((l) => l.computed)];
    return { entry, compiled: { name: spec.name, graph: spec.graph, fused, bound, computed, lengths } };
  });
  const { buffers, largestBytes } = memory;
  const { largest } = memory;
  const plan: Plan = {
    version: VERSION,
    name,
    target: target.name,
    requiredFeatures: table.features,
    requiredLimits: requiredLimits(table.kernels, largestBytes, target.limits),
    symbols,
    buffers,
    weights: planWeights(entries.map((e) => e.compiled)),
    kernels: table.kernels,
    entries: entries.map((e) => e.entry),
    ...model,
  };
  const excess = findExcess({ name, maxima, largest, kernels: plan.kernels, entries: plan.entries }, target);
  if (excess && !options.allowExcess) throw excess;
  return { plan, entries: entries.map((e) => e.compiled), ...(excess && { excess }) };
}

/** What a call's symbols are taken to be where a kernel is chosen: as many new tokens as it takes, half way through the context. */
function typicalLengths({ fixed, roles }: EntrySpec, maxima: PlanSymbolValues): PlanSymbolValues {
  const past = roles?.pastTokens;
  const half = past !== undefined && { [past]: Math.floor((maxima[past] ?? 0) / 2) };
  return { ...maxima, ...half, ...fixed };
}

function checkNames(name: string, specs: readonly EntrySpec[]): void {
  const names = specs.map((s) => s.name);
  const twice = names.find((n, i) => names.indexOf(n) < i);
  if (twice !== undefined)
    throw optionError(`plan ${name}`, `two entry points are called ${twice}`, "callers tell them apart by name");
}

/** The weights of all entry points, each once. */
function planWeights(entries: readonly CompiledEntry[]): readonly PlanWeight[] {
  const weights = new Map<string, PlanWeight>();
  for (const { fused } of entries)
    for (const { kind, value, recipe } of fused.inputs) {
      if (kind !== "weight") continue;
      const { name, type } = value;
      const shape = type.shape.map(Number);
      const weight: PlanWeight = { name, buffer: name, dtype: type.dtype, shape, ...(recipe && { recipe }) };
      const [made, other] = [recipeOf(weight), recipeOf(weights.get(name) ?? weight)].map(printRecipe);
      if (made !== other)
        throw new CompileError(
          name,
          `is ${other} of one entry point, but ${made} of another`,
          "entry points share what they name alike",
        );
      weights.set(name, weight);
    }
  return [...weights.values()];
}
