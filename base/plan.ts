// The plan: the only contract between the compiler and the runtime. Plain data, versioned, made without a GPU.
import type { CheckpointNames } from "./checkpoint-names.ts";
import type { Count, Integer, PositiveCount } from "./counts.ts";
import { addDims, type Dim, mulDims, printDim, productOf, type SymbolValues, symbol } from "./dim.ts";
import type { DType } from "./dtype.ts";
import { own } from "./own.ts";
import { tensorRecipe, type WeightRecipe } from "./recipe.ts";

/** Raised by one whenever an older runtime could misread a newer plan. */
export const PLAN_VERSION = 2;
/** The compiler's number, checked against the runtime's where both are compiled. */
export type PlanVersion = typeof PLAN_VERSION;

/** A symbol of a plan: a number that each call of an entry point gives, where the entry point does not fix it. */
export interface PlanSymbol {
  /**
   * An identifier, such as T.
   * @pattern ^[A-Za-z]\w*$
   */
  readonly name: string;
  /** The least value it takes. */
  readonly min: 0 | 1;
  /** The largest; buffers are sized for it. */
  readonly max: Count;
}
/** Values of symbols, by name. */
export type PlanSymbolValues = SymbolValues;

/** A number, or a sum of products, each a factor and the symbols by which it is multiplied: 2·P·T + 8 is `[[2, "P", "T"], [8]]`. */
export type PlanDim = Integer | readonly (readonly [factor: Integer, ...symbols: string[]])[];

/** `weight`s are uploaded once, `state`s live from call to call, `temporary` ones are shared by values that never meet. */
export type PlanBufferKind = "weight" | "state" | "input" | "output" | "temporary";

/** A GPU buffer. */
export interface PlanBuffer {
  /** As steps bind it. */
  readonly name: string;
  /** What it holds, and how long. */
  readonly kind: PlanBufferKind;
  /** The largest of these products, each in bytes, at the symbols' maxima. */
  readonly bytes: readonly (readonly PlanDim[])[];
}

/** How a kernel uses a storage buffer. */
export type PlanAccess = "read" | "read_write";

/** Whole numbers by name, such as the lanes of a workgroup. */
export type PlanConfig = Readonly<Record<string, Integer>>;

/** A shader and how it is bound. */
export interface PlanKernel {
  /** As steps call it. */
  readonly name: string;
  /** What it computes, in one line. */
  readonly summary: string;
  /** The shader's text. */
  readonly wgsl: string;
  /** Storage buffers of group 0, in the order of their bindings. */
  readonly access: readonly PlanAccess[];
  /** Whether group 1 has the symbols, as a uniform at binding 0 that is bound with an offset. */
  readonly usesSymbols: boolean;
  /** The configuration that the compiler chose, of those that its kernel has: whole numbers by name. The shader has them as text. */
  readonly config?: PlanConfig;
}

/** Π ⌈dim / per⌉. */
export type PlanCount = readonly PlanCountFactor[];

/** ⌈dim / per⌉ */
export interface PlanCountFactor {
  /** What is dealt out. */
  readonly dim: PlanDim;
  /** How much of it each gets. */
  readonly per: PositiveCount;
}

/** One dispatch. */
export interface PlanStep {
  /** The kernel, by name. */
  readonly kernel: string;
  /** The IR value that the step computes; GPU objects are labelled with it. */
  readonly label: string;
  /** Buffer names, one for each binding of group 0. */
  readonly bindings: readonly string[];
  /** Along x, y and z. */
  readonly workgroups: readonly [PlanCount, PlanCount, PlanCount];
}

/** An input or an output of an entry point, row-major from the beginning of its buffer. */
export interface PlanTensor {
  /** The graph's name for it. */
  readonly name: string;
  /** The buffer that it lies in, by name. */
  readonly buffer: string;
  /** The type of its elements. */
  readonly dtype: DType;
  /** The length of each axis. */
  readonly shape: readonly PlanDim[];
}

/**
 * What must hold of the symbols of a call beyond the range of each, so that the rows that it reads and writes are there:
 * `value` ≤ `most`, such as P+T ≤ 1024.
 */
export interface PlanConstraint {
  /** What is bounded. */
  readonly value: PlanDim;
  /** By what. */
  readonly most: Count;
  /** The state, the input or another value of the graph whose length sets it. */
  readonly of: string;
}

/**
 * What an entry point of a language model calls what its caller writes, reads and gives: values of its graph and symbols, by name.
 * A runtime knows these roles and no name.
 */
export interface PlanRoles {
  /** The state i32[n_ctx + 1] that holds the sequence by position: a call reads its new tokens there, and puts the drawn one behind them. */
  readonly tokens: string;
  /** The result f32[rows, n_vocab]: of the last new token, or of every one. */
  readonly logits: string;
  /** The inputs of the draw, where the entry point draws: see `sample_token`. */
  readonly draw?: PlanDrawRoles;
  /** The symbol that says how many tokens are new. */
  readonly newTokens: string;
  /** The symbol that says how many there were before. */
  readonly pastTokens: string;
}

/** The inputs of a draw. */
export interface PlanDrawRoles {
  /** f32[5]: temperature, top-k, top-p, min-p and repetition penalty. */
  readonly settings: string;
  /** u32[1] */
  readonly seed: string;
  /** u32[⌈n_vocab / 32⌉]: a bit for each id that is not to be drawn. */
  readonly suppressed: string;
}

/** One way to call the model: `prefill` a chunk of tokens, `decode` one. */
export interface PlanEntry {
  /** What callers call it. */
  readonly name: string;
  /** Symbols that the entry fixes. */
  readonly fixed: PlanSymbolValues;
  /** Symbols that each call gives, by name: those of the entry's graph that it does not fix. */
  readonly symbols: readonly string[];
  /** Of the symbols that it does not fix; a call that breaks one is refused. None that the symbols' largest values imply. */
  readonly constraints: readonly PlanConstraint[];
  /** What a caller writes before a call. */
  readonly inputs: readonly PlanTensor[];
  /** What a caller reads after it. */
  readonly outputs: readonly PlanTensor[];
  /** What is what to a language model's runtime; absent where the graphs are none. */
  readonly roles?: PlanRoles;
  /** The dispatches, in order. */
  readonly steps: readonly PlanStep[];
  /** Bytes of weights that one call reads: the sum of these products. */
  readonly weightBytes: readonly (readonly PlanDim[])[];
}

/** What a weight buffer holds. */
export interface PlanWeight {
  /** What a packed file calls it. */
  readonly name: string;
  /** The buffer that it fills, by name. */
  readonly buffer: string;
  /** The dtype it has in GPU memory. */
  readonly dtype: DType;
  /** The length of each axis. */
  readonly shape: readonly Count[];
  /** What it is made of; its type is the weight's. It is the checkpoint's tensor of its own name and shape when absent. */
  readonly recipe?: WeightRecipe;
}

/** What a weight is made of. */
export const recipeOf = ({ name, dtype, shape, recipe }: PlanWeight): WeightRecipe =>
  recipe ?? tensorRecipe(name, shape, dtype);

/** Facts about the model that the runtime needs besides the kernels. */
export interface PlanModel {
  /** Blocks. */
  readonly n_layer: PositiveCount;
  /** The longest sequence, in tokens. */
  readonly n_ctx: PositiveCount;
  /** Logits of a token; ids are 0 to n_vocab − 1. */
  readonly n_vocab: PositiveCount;
  /** The tokens that end a text; none where the model has no end. */
  readonly eos_token_ids: readonly Count[];
}

/** All that a runtime needs to run a model, but its weights. */
export interface Plan {
  /** The format's number; a runtime refuses one that it does not know. */
  readonly version: Count;
  /** What errors call it. */
  readonly name: string;
  /** The target that it was made for. */
  readonly target: string;
  /** Features of WebGPU that its kernels need, by their names there. */
  readonly requiredFeatures: readonly string[];
  /** Limits of WebGPU that its kernels and buffers need, by their names there. */
  readonly requiredLimits: Readonly<Record<string, Count>>;
  /** In the order in which they lie in the uniform, each as u32. */
  readonly symbols: readonly PlanSymbol[];
  /** Absent where the graphs are no language model of a family. */
  readonly model?: PlanModel;
  /** All buffers; sequences have those that are no weights each for itself. */
  readonly buffers: readonly PlanBuffer[];
  /** What the buffers of weights hold. */
  readonly weights: readonly PlanWeight[];
  /** How checkpoints name what the weights are made of, besides those names; absent where they have those and no others. */
  readonly names?: CheckpointNames;
  /** The distinct shaders. */
  readonly kernels: readonly PlanKernel[];
  /** Ways to call it. */
  readonly entries: readonly PlanEntry[];
}

/** Throws nothing: a symbol without a value makes NaN, which the caller reports with its place. */
export function evalPlanDim(dim: PlanDim, symbols: PlanSymbolValues): number {
  if (typeof dim === "number") return dim;
  return dim.reduce(
    (sum, [factor, ...names]) => sum + names.reduce((product, s) => product * (own(symbols, s) ?? Number.NaN), factor),
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

/** The symbol that a length is, where it is one and nothing else. */
export function bareSymbol(dim: PlanDim): string | undefined {
  if (typeof dim === "number") return undefined;
  const [term, ...others] = dim;
  if (!term || others.length > 0) return undefined;
  const [factor, symbol, ...more] = term;
  return factor === 1 && more.length === 0 ? symbol : undefined;
}

/** Symbols that no shape of an input gives, so that the caller has to. */
export function symbolsToGive(entry: PlanEntry): readonly string[] {
  const given = new Set(entry.inputs.flatMap((i) => i.shape.map(bareSymbol)));
  return entry.symbols.filter((name) => !given.has(name));
}

/** The first of the constraints that the values break, as two facts that disagree; undefined when all hold. */
export function brokenConstraint(constraints: readonly PlanConstraint[], values: PlanSymbolValues): string | undefined {
  for (const { value, most, of } of constraints) {
    const given = evalPlanDim(value, values);
    if (given > most) return `${printPlanDim(value)} is ${given}, but ${of} lets it be ${most} at most`;
  }
  return undefined;
}

/** The largest value of each symbol. */
export const symbolMaxima = ({ symbols }: Pick<Plan, "symbols">): PlanSymbolValues =>
  Object.fromEntries(symbols.map((s) => [s.name, s.max]));

/** The most new tokens that a call of a language model takes, by its roles; 1 where the plan has none. */
export function chunkOf({ symbols, entries }: Pick<Plan, "symbols" | "entries">): number {
  const name = entries.find((e) => e.roles)?.roles?.newTokens;
  return name === undefined ? 1 : (symbolMaxima({ symbols })[name] ?? 1);
}

/** Workgroups along one axis. */
export const evalPlanCount = (count: PlanCount, symbols: PlanSymbolValues): number =>
  count.reduce((n, { dim, per }) => n * Math.ceil(evalPlanDim(dim, symbols) / per), 1);

/** Bytes of weights that one call of the entry point reads. */
export const weightBytesRead = (entry: PlanEntry, symbols: PlanSymbolValues): number =>
  entry.weightBytes.reduce(
    (sum, product) => sum + product.reduce<number>((n, d) => n * evalPlanDim(d, { ...symbols, ...entry.fixed }), 1),
    0,
  );

/** What a storage buffer takes for so many bytes: at least 4 and a multiple of 4, as WebGPU wants it. */
export const storageBytes = (bytes: number): number => Math.max(4, Math.ceil(bytes / 4) * 4);

/** A buffer's size at the plan's maxima, in bytes. */
export function bufferBytes(buffer: PlanBuffer, maxima: PlanSymbolValues): number {
  const sizes = buffer.bytes.map((product) => product.reduce<number>((n, d) => n * evalPlanDim(d, maxima), 1));
  return storageBytes(Math.max(0, ...sizes));
}
