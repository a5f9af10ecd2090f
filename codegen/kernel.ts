// What a kernel is: a template, the regions it can compute, and how a region's shapes become parameters and workgroups.

import { type PlanCount, planDim } from "../base/plan.ts";
import {
  at,
  CompileError,
  callMember,
  causedBy,
  type Dim,
  graphSymbols,
  type Node,
  type Op,
  POINTWISE_ANCHOR,
  type Value,
} from "../ir/index.ts";
import type { VectorSize } from "./binding.ts";
import { Region } from "./region.ts";
import type { Target } from "./target.ts";
import type { Param, Template } from "./template.ts";
import { declaredTwice, strangeSymbol } from "./wgsl/names.ts";
import { symbolMember } from "./wgsl-index.ts";

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
}

/** The families that kernels are made for: regions without anchor, and anchors that have the trait, whichever op they are. */
export const TRAIT_KINDS = [POINTWISE_ANCHOR, "writes", "reduces", "normalizes"] as const;
/** What a kernel computes: an op, or a family of ops. */
export type KernelKind = Op | (typeof TRAIT_KINDS)[number];

/** A kernel: the regions it can compute, and how. */
export interface Kernel {
  readonly name: string;
  readonly summary: string;
  /** The anchor op it computes, itself and not its name; or a family, which is a trait. */
  readonly kind: KernelKind;
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
  /** Parameters, functions and workgroups for a region that it does not refuse. */
  lower(region: Region, target: Target): Lowered & { readonly params: Readonly<Record<K, Param>> };
}

/** A kernel, whose `lower` TypeScript holds to the parameters that its template declares. */
export const defineKernel = <K extends string>(spec: KernelSpec<K>): Kernel => ({
  ...spec,
  template: spec.template as Template<string>,
});

/** Whether the kernel is made for the region's anchor: for the op itself, or for a trait that it has. */
export const isOfKind = ({ kind }: Kernel, { kind: wanted, anchor }: Region): boolean =>
  kind === wanted || (typeof kind === "string" && kind !== POINTWISE_ANCHOR && anchor?.op.traits[kind] !== undefined);

/** Why the kernel does not take the region on the target, or nothing. */
export function refusalOf(kernel: Kernel, region: Region, target: Target): string | undefined {
  const missing = kernel.features?.filter((f) => !target.features.includes(f)) ?? [];
  if (missing.length > 0) return `${target.name} has no ${missing.join(", ")}`;
  // A normalisation beside the anchor is a prologue that a kernel has to be made for.
  const normalizes = region.body.nodes.some((n) => n !== region.anchor && n.op.traits.normalizes !== undefined);
  if (normalizes && kernel.takesNormalization !== true) return "it can't normalise a row on the way in";
  const place = placeOf(kernel, region.node);
  const refusal: unknown = callMember(place, "refuses", () => kernel.refuses(region, target));
  if (refusal === undefined || typeof refusal === "string") return refusal;
  throw new CompileError(
    place,
    `its refuses gives ${String(refusal)}`,
    "it says why the kernel can't compute the region, or nothing",
  );
}

const kindName = (kind: KernelKind): string => (typeof kind === "string" ? kind : kind.name);

const placeOf = (kernel: Kernel, node: Node): string =>
  `kernel ${kernel.name} for ${node.op.name} ${at(node.results, 0).name}`;

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
 * The shader of a kernel for one node. `symbols` are the plan's, in the order of the uniform; the node's own when absent.
 * @throws CompileError when the kernel does not take the node, fails, or gives its template what that does not read.
 */
export function renderShader(
  kernel: Kernel,
  node: Node,
  target: Target,
  symbols: readonly string[] = symbolsOfNode(node),
): Shader {
  const plain = new Region(node);
  const place = placeOf(kernel, node);
  const sameName = kindName(kernel.kind) === kindName(plain.kind);
  if (!isOfKind(kernel, plain))
    throw new CompileError(
      place,
      `computes ${kindName(kernel.kind)}, but the region's anchor is ${sameName ? "another op of that name" : kindName(plain.kind)}`,
      "choose one of `candidates`",
    );
  const refusal = refusalOf(kernel, plain, target);
  if (refusal !== undefined)
    throw new CompileError(place, `does not take it: ${refusal}`, "choose one of `candidates`");
  const halves = target.features.includes("shader-f16") && target.tuning.nativeHalves ? "native" : "packed";
  const vectors = callMember(place, "vectors", () => kernel.vectors?.(plain));
  const asking = `${place}, template ${kernel.template.file}`;
  const region = new Region(node, { vectors: vectors ?? new Map(), halves, place: asking });
  const lowered = callMember(place, "lower", () => kernel.lower(region, target));
  checkLowered(lowered, place);
  const title = titleOf(region);
  // All that the template is given has been printed by now.
  const usesSymbols = region.print.symbols.size > 0;
  const params: Readonly<Record<string, Param>> = {
    title,
    bindings: region.declarations(usesSymbols ? symbols : []),
    functions: [region.helpers, ...lowered.functions].filter((f) => f !== "").join("\n\n"),
    ...lowered.params,
  };
  const wgsl = renderAt(asking, () => kernel.template.render(params));
  const twice = declaredTwice(wgsl);
  if (twice !== undefined)
    throw new CompileError(
      place,
      `its WGSL declares ${twice} twice`,
      "ops of your own need helpers and operands of other names",
    );
  const strange = strangeSymbol(wgsl, new Set([...region.print.symbols].map(symbolMember)));
  if (strange !== undefined)
    throw new CompileError(
      asking,
      `its WGSL reads the symbol ${strange}, which nothing binds`,
      "a kernel gets its lengths as text by `region.print.dim`, and its template gets them as parameters",
    );
  const left = region.unstored;
  if (left)
    throw new CompileError(
      place,
      `asks for no function that stores ${left.name}`,
      "a kernel has a `storeFunction` for each result of its anchor, and its template calls it",
    );
  return {
    kernel,
    region,
    title,
    wgsl,
    usesSymbols,
    features: [...(kernel.features ?? []), ...(region.usesFloat16 ? ["shader-f16"] : [])],
    workgroups: lowered.workgroups,
  };
}

/** The symbols that a node's types and attributes name. */
const symbolsOfNode = (node: Node): readonly string[] =>
  graphSymbols({
    name: "node",
    inputs: node.operands.map((value) => ({ kind: "input", value })),
    nodes: [node],
    results: node.results,
  }).map((s) => s.name);

/** What the template says of its parameters is said of the kernel that gives them. */
function renderAt(place: string, render: () => string): string {
  try {
    return callMember(place, "template", render);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const { facts, code, hint, fix } = error;
    throw causedBy(new CompileError(place, facts, { code, hint, fix }), error);
  }
}

/** What a kernel of a user's gives may be anything. */
function checkLowered(lowered: Partial<Lowered> | undefined, place: string): void {
  const { params, functions, workgroups } = lowered ?? {};
  const counts: readonly unknown[] = Array.isArray(workgroups) ? workgroups : [];
  const strange = Object.entries(params ?? {}).find(
    ([, p]) => !["number", "string", "boolean", "undefined"].includes(typeof p),
  );
  const problem = !params
    ? "no params"
    : strange
      ? `the parameter ${strange[0]}, which is no number, text or boolean`
      : !Array.isArray(functions) || !functions.every((f) => typeof f === "string")
        ? "no functions as WGSL text"
        : counts.length !== 3 || !counts.every((c) => Array.isArray(c))
          ? "no three counts of workgroups"
          : undefined;
  if (problem !== undefined) throw new CompileError(place, `its lower gives ${problem}`, "see `Lowered`");
}

/** The ops of a region in the order of its body: `layer_norm + matmul + add + gelu`. */
export const titleOf = (region: Region): string => region.body.nodes.map((n) => n.op.name).join(" + ");

/** Workgroups on one axis of a dispatch: the product of the dims, each divided by `per` and rounded up. */
export const count = (...factors: readonly (Dim | readonly [dim: Dim, per: number])[]): PlanCount =>
  factors.map((f) => {
    const [dim, per] = Array.isArray(f) ? (f as readonly [Dim, number]) : [f as Dim, 1];
    return { dim: planDim(dim), per };
  });

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
