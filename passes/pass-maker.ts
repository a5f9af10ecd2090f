// Passes that depend on what is compiled: for which entry point, and for which target.
import { shortValue } from "../base/short-json.ts";
import { CompileError, callMember, type SymbolValues } from "../ir/index.ts";
import type { RegionPolicy } from "./fuse-pointwise.ts";
import type { Pass, PassFacts } from "./pass.ts";

/** How weights of two or more axes are stored. */
export type WeightDType = "f32" | "f16";
/** How caches are stored. */
export type CacheDType = "f32" | "f16";

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
  /** How caches lie there. */
  readonly caches: CacheDType;
  /** Whether the vectors that a kernel reads become one weight; each keeps a buffer of its name when absent. */
  readonly packVectors?: boolean;
}

/** A pass that is made anew for each entry point and target. */
export interface PassMaker extends PassFacts {
  /** What the pass does there; nothing where there is nothing to do. */
  make(context: PassContext): Pass["run"] | undefined;
}

/** A pass as a toolkit lists it. */
export type PassSpec = Pass | PassMaker;

/**
 * The pass for an entry point and a target, if there is anything for it to do.
 * @throws CompileError that names the pass for whatever its `make` throws, and where that gives no `run`.
 */
export function makePass(spec: PassSpec, context: PassContext): Pass | undefined {
  if (!("make" in spec) || spec.make === undefined) return spec as Pass;
  const { name, summary, role } = spec;
  const place = `pass ${name}`;
  const run: unknown = callMember(place, "make", () => spec.make(context));
  if (run === undefined) return undefined;
  if (typeof run === "function") return { name, summary, role, run: run as Pass["run"] };
  throw new CompileError(place, `its make gives ${shortValue(run)}`, "it gives the pass's `run`, or nothing");
}
