// What a kernel is: a template, the regions it can compute, and how a region's shapes become parameters and workgroups.
import { CompileError, type Dim, type Node, type Value } from "../ir/index.ts";
import type { PlanCount } from "../runtime/plan.ts";
import { Region, type VectorSize } from "./region.ts";
import type { Target } from "./target.ts";
import type { Param, Template } from "./template.ts";

/** What every template is given. */
export const COMMON_PARAMS = ["title", "bindings", "functions"] as const;
export type CommonParam = (typeof COMMON_PARAMS)[number];

/** What a kernel makes of a region: the template's parameters, and how many workgroups. */
export interface Lowered {
  readonly params: Readonly<Record<string, Param>>;
  /** WGSL functions for the template's hooks: loads of what the anchor reads, the store of what becomes of its result. */
  readonly functions: readonly string[];
  readonly workgroups: readonly [PlanCount, PlanCount, PlanCount];
}

/** A kernel: the regions it can compute, and how. */
export interface Kernel {
  readonly name: string;
  readonly summary: string;
  /** The anchor op it computes, or a family: `pointwise`, `writes`, `reduces`. */
  readonly kind: string;
  readonly template: Template<string>;
  /** Why it can't compute the region on the target, or nothing. */
  refuses(region: Region, target: Target): string | undefined;
  /** Features of the adapter that its WGSL enables. */
  readonly features?: readonly string[];
  /** Takes a row normalisation into its region, as a prologue. */
  readonly takesNormalization?: boolean;
  /** Operands to bind as arrays of vectors, and how many elements those have. */
  readonly vectors?: (region: Region) => ReadonlyMap<Value, VectorSize>;
  /** Parameters, functions and workgroups for a region that it does not refuse. */
  lower(region: Region, target: Target): Lowered;
}

/** A kernel whose parameters TypeScript checks against its template's. */
export interface KernelSpec<K extends string> extends Omit<Kernel, "template" | "lower"> {
  readonly template: Template<K | CommonParam>;
  lower(region: Region, target: Target): Lowered & { readonly params: Readonly<Record<K, Param>> };
}

export const defineKernel = <K extends string>(spec: KernelSpec<K>): Kernel => ({
  ...spec,
  template: spec.template as Template<string>,
});

/** A kernel's shader for one region. */
export interface Shader {
  readonly kernel: Kernel;
  readonly region: Region;
  readonly title: string;
  readonly wgsl: string;
  readonly usesSymbols: boolean;
  /** What an adapter must offer to run it. */
  readonly features: readonly string[];
  readonly workgroups: Lowered["workgroups"];
}

/**
 * The shader of a kernel for one node.
 * @throws CompileError when the template and what the kernel gives it differ.
 */
export function renderShader(kernel: Kernel, node: Node, target: Target): Shader {
  const plain = new Region(node);
  const halves = target.features.includes("shader-f16") && target.tuning.nativeHalves ? "native" : "packed";
  const region = new Region(node, kernel.vectors?.(plain) ?? new Map(), halves);
  const lowered = kernel.lower(region, target);
  const title = titleOf(region);
  const render = (bindings: string) =>
    kernel.template.render({
      title,
      bindings,
      functions: [region.helpers, ...lowered.functions].filter((f) => f !== "").join("\n\n"),
      ...lowered.params,
    });
  // Whether the symbols are read shows only in the finished text.
  const usesSymbols = region.usesSymbols(render(""));
  return {
    kernel,
    region,
    title,
    wgsl: render(region.declarations(usesSymbols)),
    usesSymbols,
    features: [...(kernel.features ?? []), ...(region.usesFloat16 ? ["shader-f16"] : [])],
    workgroups: lowered.workgroups,
  };
}

/** The ops of a region in the order of its body: `layer_norm + matmul + add + gelu`. */
export const titleOf = (region: Region): string => region.body.nodes.map((n) => n.op.name).join(" + ");

export const count = (...factors: readonly (Dim | readonly [dim: Dim, per: number])[]): PlanCount =>
  factors.map((f) => (Array.isArray(f) ? { dim: f[0] as Dim, per: f[1] as number } : { dim: f as Dim, per: 1 }));

/** A dim that has to be a number for a kernel to be chosen; the kernel's `refuses` has made sure. */
export function fixed(d: Dim | undefined): number {
  if (typeof d !== "number")
    throw new CompileError(
      "kernel",
      "a dim is symbolic where the kernel needs a number",
      "the kernel's `refuses` should have said so",
    );
  return d;
}
