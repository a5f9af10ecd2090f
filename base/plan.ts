// The plan: the only contract between the compiler and the runtime. Plain data, versioned, made without a GPU.
import { addDims, type Dim, mulDims, printDim, productOf, type SymbolValues, symbol } from "./dim.ts";
import type { DType } from "./dtype.ts";

/** Raised by one whenever an older runtime could misread a newer plan. */
export const PLAN_VERSION = 2;
/** The compiler's number, checked against the runtime's where both are compiled. */
export type PlanVersion = typeof PLAN_VERSION;

/** A symbol of a plan: a number that each call of an entry point gives, where the entry point does not fix it. */
export interface PlanSymbol {
  readonly name: string;
  /** The least value it takes: 0 or 1. */
  readonly min: number;
  /** The largest; buffers are sized for it. */
  readonly max: number;
}
/** Values of symbols, by name. */
export type PlanSymbolValues = SymbolValues;

/** A number, or a sum of products, each a factor and the symbols by which it is multiplied: 2·P·T + 8 is `[[2, "P", "T"], [8]]`. */
export type PlanDim = number | readonly (readonly [factor: number, ...symbols: string[]])[];

/** `weight`s are uploaded once, `state`s live from call to call, `temporary` ones are shared by values that never meet. */
export type PlanBufferKind = "weight" | "state" | "input" | "output" | "temporary";

/** A GPU buffer. */
export interface PlanBuffer {
  readonly name: string;
  readonly kind: PlanBufferKind;
  /** The largest of these products, each in bytes, at the symbols' maxima. */
  readonly bytes: readonly (readonly PlanDim[])[];
}

/** How a kernel uses a storage buffer. */
export type PlanAccess = "read" | "read_write";

/** A shader and how it is bound. */
export interface PlanKernel {
  readonly name: string;
  /** What it computes, in one line. */
  readonly summary: string;
  readonly wgsl: string;
  /** Storage buffers of group 0, in the order of their bindings. */
  readonly access: readonly PlanAccess[];
  /** Whether group 1 has the symbols, as a uniform at binding 0 that is bound with an offset. */
  readonly usesSymbols: boolean;
}

/** Π ⌈dim / per⌉. */
export type PlanCount = readonly { readonly dim: PlanDim; readonly per: number }[];

/** One dispatch. */
export interface PlanStep {
  readonly kernel: string;
  /** The IR value that the step computes; GPU objects are labelled with it. */
  readonly label: string;
  /** Buffer names, one for each binding of group 0. */
  readonly bindings: readonly string[];
  readonly workgroups: readonly [PlanCount, PlanCount, PlanCount];
}

/** An input or an output of an entry point, row-major from the beginning of its buffer. */
export interface PlanTensor {
  readonly name: string;
  readonly buffer: string;
  readonly dtype: DType;
  readonly shape: readonly PlanDim[];
}

/** One way to call the model: `prefill` a chunk of tokens, `decode` one. */
export interface PlanEntry {
  readonly name: string;
  /** Symbols that the entry fixes. */
  readonly fixed: PlanSymbolValues;
  /** Symbols that each call gives, by name: those of the entry's graph that it does not fix. */
  readonly symbols: readonly string[];
  readonly inputs: readonly PlanTensor[];
  readonly outputs: readonly PlanTensor[];
  readonly steps: readonly PlanStep[];
  /** Bytes of weights that one call reads: the sum of these products. */
  readonly weightBytes: readonly (readonly PlanDim[])[];
}

/** What a weight buffer holds. */
export interface PlanWeight {
  readonly name: string;
  readonly buffer: string;
  /** The dtype it has in GPU memory. */
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Set when it is a part of a checkpoint's tensor: from `start` on along `axis` of a tensor of that name and shape. */
  readonly part?: {
    readonly whole: string;
    readonly shape: readonly number[];
    readonly axis: number;
    readonly start: number;
  };
}

/** Facts about the model that the runtime needs beside the kernels. */
export interface PlanModel {
  readonly n_layer: number;
  readonly n_ctx: number;
  readonly n_vocab: number;
  /** The tokens that end a text; none where the model has no end. */
  readonly eos_token_ids: readonly number[];
}

/** All that a runtime needs to run a model, but its weights. */
export interface Plan {
  readonly version: number;
  readonly name: string;
  /** The target that the plan was made for. */
  readonly target: string;
  readonly requiredFeatures: readonly string[];
  readonly requiredLimits: Readonly<Record<string, number>>;
  /** In the order in which they lie in the uniform, each as u32. */
  readonly symbols: readonly PlanSymbol[];
  readonly model?: PlanModel;
  readonly buffers: readonly PlanBuffer[];
  readonly weights: readonly PlanWeight[];
  readonly kernels: readonly PlanKernel[];
  readonly entries: readonly PlanEntry[];
}

/** Throws nothing: a symbol without a value makes NaN, which the caller reports with its place. */
export function evalPlanDim(dim: PlanDim, symbols: PlanSymbolValues): number {
  if (typeof dim === "number") return dim;
  return dim.reduce(
    (sum, [factor, ...names]) => sum + names.reduce((product, s) => product * (symbols[s] ?? Number.NaN), factor),
    0,
  );
}

/** The dim as a plan has it. */
export const planDim = (d: Dim): PlanDim =>
  typeof d === "number"
    ? d
    : [
        ...d.terms.map(({ factor, symbols }) => [factor, ...symbols.map((s) => s.name)] as const),
        ...(d.constant === 0 ? [] : [[d.constant] as const]),
      ];

/** `2P*T+8` */
export const printPlanDim = (dim: PlanDim): string =>
  typeof dim === "number"
    ? String(dim)
    : printDim(
        dim.reduce<Dim>(
          (sum, [factor, ...names]) => addDims(sum, mulDims(productOf(names.map((n) => symbol(n))), factor)),
          0,
        ),
      );

/** The largest value of each symbol. */
export const symbolMaxima = ({ symbols }: Pick<Plan, "symbols">): PlanSymbolValues =>
  Object.fromEntries(symbols.map((s) => [s.name, s.max]));

/** Workgroups along one axis. */
export const evalPlanCount = (count: PlanCount, symbols: PlanSymbolValues): number =>
  count.reduce((n, { dim, per }) => n * Math.ceil(evalPlanDim(dim, symbols) / per), 1);

/** Bytes of weights that one call of the entry point reads. */
export const weightBytesRead = (entry: PlanEntry, symbols: PlanSymbolValues): number =>
  entry.weightBytes.reduce(
    (sum, product) => sum + product.reduce<number>((n, d) => n * evalPlanDim(d, { ...symbols, ...entry.fixed }), 1),
    0,
  );

/** A buffer's size at the plan's maxima, in bytes: at least 4 and a multiple of 4, as WebGPU wants it. */
export function bufferBytes(buffer: PlanBuffer, maxima: PlanSymbolValues): number {
  const sizes = buffer.bytes.map((product) => product.reduce<number>((n, d) => n * evalPlanDim(d, maxima), 1));
  return Math.max(4, Math.ceil(Math.max(0, ...sizes) / 4) * 4);
}
