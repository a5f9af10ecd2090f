// What the cost model says of a compiled entry point: each distinct step, what it asks of the target's machine and how long it is
// predicted to take; and the limits that those predictions can't pass. Reckons nothing itself: see cost.ts.
import type { Plan } from "../base/plan.ts";
import { at, type SymbolValues } from "../ir/index.ts";
import type { CompiledEntry } from "./compile-source.ts";
import { type Demand, demandOf, type Prediction, predict } from "./cost.ts";
import type { Kernel } from "./kernel.ts";
import type { ComputedNode } from "./lower.ts";
import type { Machine } from "./machine.ts";
import { regionKey } from "./region-key.ts";
import { renderShader } from "./render-shader.ts";
import type { Config } from "./space.ts";
import type { Target } from "./target.ts";
import { standard, type Toolkit } from "./toolkit.ts";
import type { Account } from "./work.ts";

/** What is predicted of one dispatch. */
export interface PredictedDispatch {
  /** The ops of its region in the order of the body: `layer_norm + matmul + add`. */
  readonly ops: string;
  readonly demand: Demand;
  readonly prediction: Prediction;
  /** What its kernel accounts for; absent where it does not, and each buffer is taken to be touched once. */
  readonly account?: Account;
}

/** A distinct step of an entry point: what has one kernel of the plan and asks for the same. */
export interface PredictedStep extends PredictedDispatch {
  /** The IR value that the first of them computes. */
  readonly label: string;
  /** The kernel's name in the plan. */
  readonly kernel: string;
  /** The kernel that it was made by, and how that is configured. */
  readonly made: Kernel;
  readonly config: Config;
  /** The places of these steps in the entry point: one for each dispatch. */
  readonly places: readonly number[];
}

/** What is predicted of one dispatch of the node on the target, where symbols have these values. */
export function predictDispatch(
  { node, kernel, config }: ComputedNode,
  target: Target,
  lengths: SymbolValues,
  toolkit: Pick<Toolkit, "storages"> = standard,
): PredictedDispatch {
  const shader = renderShader({ kernel, config }, node, target, undefined, toolkit);
  const demand = demandOf(shader, lengths);
  const account = shader.account?.(lengths);
  return { ops: shader.title, demand, prediction: predict(demand, target.machine), ...(account && { account }) };
}

/**
 * The distinct steps of a compiled entry point, in the order of their first dispatch. `target` is what it was compiled for, and
 * `lengths` has a value for every symbol: those that kernels were chosen for when absent.
 * @throws CompileError as `renderShader` does, for another target or toolkit than the plan was compiled with.
 */
export function predictSteps(
  { entries }: Pick<Plan, "entries">,
  { name, computed, lengths: typical }: CompiledEntry,
  target: Target,
  lengths: SymbolValues = typical,
  toolkit: Pick<Toolkit, "storages"> = standard,
): readonly PredictedStep[] {
  const steps = entries.find((e) => e.name === name)?.steps ?? [];
  // Layers are alike: what one of them asks for is found once.
  const known = new Map<string, PredictedDispatch>();
  const found = new Map<string, PredictedStep>();
  steps.forEach(({ kernel, label }, i) => {
    const made = at(computed, i);
    const region = `${kernel} ${regionKey(made.node)}`;
    const one = known.get(region) ?? predictDispatch(made, target, lengths, toolkit);
    known.set(region, one);
    const key = `${kernel} ${JSON.stringify(one.demand)}`;
    const first = found.get(key) ?? { ...one, label, kernel, made: made.kernel, config: made.config, places: [] };
    found.set(key, { ...first, places: [...first.places, i] });
  });
  return [...found.values()];
}

/** The rates that no prediction for a machine passes. */
export interface Roofs {
  /** Bytes a second of memory. */
  readonly memory: number;
  /** Bytes a second of the cache that all units share; absent where loads cost the same wherever the bytes are, as on software. */
  readonly cache?: number;
  /** Multiply-adds a second. */
  readonly multiplyAdds: number;
}

/** So many that every unit of any machine has as many invocations as it can hold. */
const MANY = 2 ** 20;
/** A dispatch that keeps a whole machine busy, and asks for nothing. */
const BUSY: Demand = {
  groups: MANY,
  size: 256,
  sharedBytes: 0,
  memoryBytes: 0,
  cacheBytes: 0,
  accesses: 0,
  accessBytes: 0,
  unpacked: 0,
  waits: 0,
  nearWaits: 0,
  multiplyAdds: 0,
  shared: 0,
  barriers: 0,
};

/** The machine's limits as the cost model has them: what it predicts of a dispatch that asks for one thing alone. */
export function roofsOf(machine: Machine): Roofs {
  const { parts } = predict({ ...BUSY, memoryBytes: MANY, cacheBytes: MANY, multiplyAdds: MANY }, machine);
  return {
    memory: MANY / parts.memory,
    ...(machine.software === undefined && { cache: MANY / parts.cache }),
    multiplyAdds: MANY / parts.arithmetic,
  };
}
