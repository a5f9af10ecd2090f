// What a kernel makes of a region, and whether it did: a kernel of a user's may give anything.
import type { PlanCount } from "../base/plan.ts";
import { listNames, shortName, shortValue } from "../base/short-json.ts";
import { CompileError, type Value } from "../ir/index.ts";
import type { Region } from "./region.ts";
import type { VectorSize } from "./storage.ts";
import type { Param } from "./template.ts";
import type { Work, WorkOf } from "./work.ts";

/** What every template is given. */
export const COMMON_PARAMS = ["title", "bindings", "functions"] as const;
/** What every template is given; see `COMMON_PARAMS`. */
export type CommonParam = (typeof COMMON_PARAMS)[number];

/** What a kernel makes of a region: the template's parameters, and how many workgroups. */
export interface Lowered {
  readonly params: Readonly<Record<string, Param>>;
  /** WGSL functions for the template's hooks: loads of what the anchor reads, the store of what becomes of its result. */
  readonly functions: readonly string[];
  readonly workgroups: readonly [PlanCount, PlanCount, PlanCount];
  /** What a dispatch does; when absent, the cost model takes it that every buffer is touched once. */
  readonly work?: WorkOf;
}

/** @throws CompileError for what its `lower` gives that is no `Lowered` over the plan's symbols. */
export function checkLowered(lowered: Partial<Lowered> | undefined, symbols: readonly string[], place: string): void {
  const { params, functions, workgroups } = lowered ?? {};
  const problem =
    paramProblem(params) ??
    (!Array.isArray(functions) || !functions.every((f) => typeof f === "string")
      ? "no functions as WGSL text"
      : !Array.isArray(workgroups) || workgroups.length !== 3 || !workgroups.every((c) => isCount(c, symbols))
        ? "no three counts of workgroups"
        : undefined);
  if (problem !== undefined)
    throw new CompileError(
      place,
      `its lower gives ${problem}`,
      "see `Lowered`; `count` makes a count of workgroups, of lengths of the region",
    );
}

function paramProblem(params: Lowered["params"] | undefined): string | undefined {
  if (!params) return "no params";
  for (const [name, value] of Object.entries(params)) {
    if ((COMMON_PARAMS as readonly string[]).includes(name))
      return `the parameter ${name}, which every template is given already`;
    if (typeof value === "number" && !Number.isFinite(value))
      return `the parameter ${name} as ${value}, which is no number of WGSL`;
    if (!["number", "string", "boolean", "undefined"].includes(typeof value))
      return `the parameter ${name}, which is no number, text or boolean`;
  }
  return undefined;
}

/** Whether each factor is a length of 0 or more, in symbols that the plan has, over a whole number of 1 or more. */
const isCount = (factors: unknown, symbols: readonly string[]): boolean =>
  Array.isArray(factors) &&
  factors.every((f: Partial<PlanCount[number]> | undefined | null) => isFactor(f ?? {}, symbols));

function isFactor({ dim, per = 0 }: Partial<PlanCount[number]>, symbols: readonly string[]): boolean {
  if (!(Number.isInteger(per) && per >= 1)) return false;
  if (typeof dim === "number") return Number.isInteger(dim) && dim >= 0;
  return (
    Array.isArray(dim) &&
    dim.every(([, ...names]: readonly unknown[]) => names.every((name) => symbols.includes(String(name))))
  );
}

/** @throws CompileError for an account without `calls`, and for what it says of calls that it does not count. */
export function checkWork(work: Partial<Work> | undefined | null, place: string): asserts work is Work {
  const { calls, ahead = {}, alike = {} } = work ?? {};
  if (typeof calls !== "object" || calls === null)
    throw new CompileError(
      place,
      `its work gives ${shortValue(work)}`,
      "see `Work`: an object whose `calls` say how often each function is called",
    );
  for (const [member, counts] of Object.entries({ ahead, alike })) {
    const strange = Object.keys(counts).find((name) => !Object.hasOwn(calls, name));
    if (strange === undefined) continue;
    throw new CompileError(
      place,
      `its work has ${shortName(strange)} in ${member}, but counts calls of ${listNames(Object.keys(calls)) || "nothing"}`,
      `what ${member} speaks of is counted in \`calls\` too`,
    );
  }
}

/** @throws CompileError for what its `vectors` gives that are no loads of the region's values. */
export function checkVectors(vectors: ReadonlyMap<Value, VectorSize> | undefined, region: Region, place: string): void {
  if (vectors === undefined) return;
  const entries: readonly (readonly [Value, VectorSize])[] = vectors instanceof Map ? [...vectors] : [];
  const strange = entries.find(([v, size]) => region.stored(v)?.storage.sizes.includes(size) !== true);
  if (vectors instanceof Map && !strange) return;
  const given = strange ? `${shortValue(strange[1])} elements of ${strange[0]?.name}` : shortValue(vectors);
  const sizes = strange && region.stored(strange[0])?.storage.sizes.join(" or ");
  throw new CompileError(
    place,
    `its vectors gives ${given}`,
    `a map from values that lie in buffers to how many elements a load gives${sizes ? `, which is ${sizes}` : ""}`,
  );
}
