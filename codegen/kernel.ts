// What a kernel is: a template, the regions it can compute, and how a region's shapes become parameters and workgroups.

import { type PlanCount, planDim } from "../base/plan.ts";
import { shortValue } from "../base/short-json.ts";
import {
  at,
  CompileError,
  callMember,
  type Dim,
  type Node,
  type Op,
  POINTWISE_ANCHOR,
  type Value,
} from "../ir/index.ts";
import type { CommonParam, Lowered } from "./lowered.ts";
import type { Region } from "./region.ts";
import type { Config } from "./space.ts";
import type { VectorSize } from "./storage.ts";
import type { Target } from "./target.ts";
import type { Param, Template } from "./template.ts";

export { COMMON_PARAMS, type CommonParam, type Lowered } from "./lowered.ts";

/** The families that kernels are made for: regions without anchor, and anchors that have the trait, whichever op they are. */
export const TRAIT_KINDS = [POINTWISE_ANCHOR, "writes", "reduces", "normalizes"] as const;
/** What a kernel computes: an op, or a family of ops. */
export type KernelKind = Op | (typeof TRAIT_KINDS)[number];

/**
 * A kernel: the regions it can compute, and how. Its answers depend on a region's ops, attributes, types and who reads what, and not
 * on names: what it says of one region is taken to hold for all that differ in names.
 */
export interface Kernel {
  readonly name: string;
  readonly summary: string;
  /** The anchor op it computes, itself and not its name; or a family, which is a trait. */
  readonly kind: KernelKind;
  readonly template: Template<string>;
  /** The configurations that it may be lowered with, the default first; one without numbers when absent. */
  space?(region: Region, target: Target): readonly Config[];
  /** Why it can't compute the region on the target so, or nothing. */
  refuses(region: Region, target: Target, config: Config): string | undefined;
  /** Features of the adapter that its WGSL enables. */
  readonly features?: readonly string[];
  /** Takes a row normalisation into its region, as a prologue. */
  readonly takesNormalization?: boolean;
  /** Stores two neighbouring columns at a time where the region's epilogue combines them; see `Region.neighbours`. */
  readonly storesPairs?: boolean;
  /** Values that lie in buffers and are read several elements a load, and how many; see `Region.vectorFunction`. */
  readonly vectors?: (region: Region) => ReadonlyMap<Value, VectorSize>;
  /** Parameters, functions and workgroups for a region that it does not refuse. */
  lower(region: Region, target: Target, config: Config): Lowered;
}

/** A kernel, and the configuration of its space that it is lowered with. */
export interface ConfiguredKernel {
  readonly kernel: Kernel;
  readonly config: Config;
}

/** A kernel whose parameters TypeScript checks against its template's, and its configurations against its space. */
export interface KernelSpec<K extends string, C extends Config>
  extends Omit<Kernel, "template" | "space" | "refuses" | "lower"> {
  readonly template: Template<K | CommonParam>;
  /** The configurations that it may be lowered with, the default first; one without numbers when absent. */
  readonly space?: (region: Region, target: Target) => readonly C[];
  /** Why it can't compute the region on the target so, or nothing. */
  refuses(region: Region, target: Target, config: NoInfer<C>): string | undefined;
  /** Parameters, functions and workgroups for a region that it does not refuse. */
  lower(region: Region, target: Target, config: NoInfer<C>): Lowered & { readonly params: Readonly<Record<K, Param>> };
}

/** A kernel, whose `lower` TypeScript holds to the parameters that its template declares and to the space's configurations. */
export const defineKernel = <K extends string, C extends Config = Config>(spec: KernelSpec<K, C>): Kernel =>
  // A configuration that it is given is one of its space's.
  spec as unknown as Kernel;

/**
 * The configurations that a kernel may be lowered with, the default first.
 * @throws CompileError for what its `space` gives that is no list of such.
 */
export function spaceOf(kernel: Kernel, region: Region, target: Target): readonly Config[] {
  const { space } = kernel;
  if (space === undefined) return [{}];
  const place = placeOf(kernel, region.node);
  const configs: unknown = callMember(place, "space", () => space(region, target));
  const strange = Array.isArray(configs) ? configs.find((config) => !isConfig(config)) : configs;
  if (Array.isArray(configs) && strange === undefined) return configs;
  throw new CompileError(
    place,
    `its space gives ${shortValue(strange)}`,
    "a list of configurations, each an object of whole numbers such as { lanes: 64 }",
  );
}

const isConfig = (config: unknown): boolean =>
  typeof config === "object" && config !== null && Object.values(config).every((n) => Number.isSafeInteger(n));

/** `lanes 8, split 4` */
export const printConfig = (config: Config): string =>
  Object.entries(config)
    .map(([name, n]) => `${name} ${n}`)
    .join(", ");

/** Whether the kernel is made for the region's anchor: for the op itself, or for a trait that it has. */
export const isOfKind = ({ kind }: Kernel, { kind: wanted, anchor }: Region): boolean =>
  kind === wanted || (typeof kind === "string" && kind !== POINTWISE_ANCHOR && anchor?.op.traits[kind] !== undefined);

/** Whether and how a kernel takes a region: the configurations that it takes it with, in the order of its space, or why with none. */
export interface Taking {
  readonly configs: readonly Config[];
  /** Why the default is refused; absent where there is a configuration. */
  readonly refusal?: string;
}

/** How the kernel takes the region on the target, if it does. */
export function takingOf(kernel: Kernel, region: Region, target: Target): Taking {
  const refusal = generalRefusal(kernel, region, target);
  if (refusal !== undefined) return { configs: [], refusal };
  const space = spaceOf(kernel, region, target);
  const [first] = space;
  if (!first) return { configs: [], refusal: `it has no configuration for ${target.name}` };
  const refusals = space.map((config) => refusalOf(kernel, region, target, config));
  const configs = space.filter((_, i) => refusals[i] === undefined);
  return configs.length > 0 ? { configs } : { configs, ...(refusals[0] !== undefined && { refusal: refusals[0] }) };
}

/** Whether the kernel takes the region on the target with a configuration, which is one of its space. */
export const takesWith = (kernel: Kernel, region: Region, target: Target, config: Config): boolean =>
  generalRefusal(kernel, region, target) === undefined &&
  spaceOf(kernel, region, target).some((c) => isSame(c, config)) &&
  refusalOf(kernel, region, target, config) === undefined;

const isSame = (a: Config, b: Config): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, n]) => b[name] === n);

/** Why the kernel does not take the region on the target, however it is configured, or nothing. */
function generalRefusal(kernel: Kernel, region: Region, target: Target): string | undefined {
  const missing = kernel.features?.filter((f) => !target.features.includes(f)) ?? [];
  if (missing.length > 0) return `${target.name} has no ${missing.join(", ")}`;
  // A normalisation besides the anchor is a prologue, which only kernels made for it can take.
  const normalizes = region.body.nodes.some((n) => n !== region.anchor && n.op.traits.normalizes !== undefined);
  if (normalizes && kernel.takesNormalization !== true) return "it can't normalise a row on the way in";
  return region.neighbours > 1 && kernel.storesPairs !== true ? "it hands over one element at a time" : undefined;
}

/** Why the kernel does not take the region so. */
function refusalOf(kernel: Kernel, region: Region, target: Target, config: Config): string | undefined {
  const place = placeOf(kernel, region.node);
  const refusal: unknown = callMember(place, "refuses", () => kernel.refuses(region, target, config));
  if (refusal === undefined || typeof refusal === "string") return refusal;
  throw new CompileError(
    place,
    `its refuses gives ${String(refusal)}`,
    "it says why the kernel can't compute the region, or nothing",
  );
}

/** What errors call a kind. */
export const kindName = (kind: KernelKind): string => (typeof kind === "string" ? kind : kind.name);

/** What errors call a kernel that computes a node. */
export const placeOf = (kernel: Kernel, node: Node): string =>
  `kernel ${kernel.name} for ${node.op.name} ${at(node.results, 0).name}`;

/** Workgroups on one axis of a dispatch: the product of the dims, each divided by `per` and rounded up. */
export const count = (...factors: readonly (Dim | readonly [dim: Dim, per: number])[]): PlanCount =>
  factors.map((f) => {
    const [dim, per] = Array.isArray(f) ? (f as readonly [Dim, number]) : [f as Dim, 1];
    return { dim: planDim(dim), per };
  });

/** A dim that has to be a number for a kernel to be chosen; the kernel's `refuses` has made sure. */
export function constantDim(d: Dim | undefined): number {
  if (typeof d !== "number")
    throw new CompileError(
      "kernel",
      "a dim is symbolic where the kernel needs a number",
      "the kernel's `refuses` should have said so",
    );
  return d;
}
