// Passes that depend on what is compiled: for which entry point, and for which target.
import type { SymbolValues } from "../ir/index.ts";
import type { RegionPolicy } from "./fuse-pointwise.ts";
import type { Pass, PassFacts } from "./pass.ts";

/** How weights of two or more axes are stored. */
export type WeightDType = "f32" | "f16";

/** What a pass may have to know of the entry point and the target. */
export interface PassContext {
  /** The symbols that the entry point fixes: `{ T: 1 }` for the decode step. */
  readonly symbols: SymbolValues;
  /** What kernels take. */
  readonly policy: RegionPolicy;
  /** The largest weight that the target binds, in bytes; no limit when absent. */
  readonly maxWeightBytes?: number;
  /** How many buffers a kernel of the target binds. */
  readonly maxBuffers?: number;
  /** How matrices and tables lie in GPU memory. */
  readonly weights: WeightDType;
}

/** A pass that is made anew for each entry point and target. */
export interface PassMaker extends PassFacts {
  /** What the pass does there; nothing where there is nothing to do. */
  make(context: PassContext): Pass["run"] | undefined;
}

/** A pass as a toolkit lists it. */
export type PassSpec = Pass | PassMaker;

/** The pass for an entry point and a target, if there is anything for it to do. */
export function makePass(spec: PassSpec, context: PassContext): Pass | undefined {
  if ("run" in spec) return spec;
  const { name, summary, role } = spec;
  const run = spec.make(context);
  return run && { name, summary, role, run };
}
