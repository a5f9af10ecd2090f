// Graphs of any kind on a device, called with tensors: what the module of a bundle of graphs stands on. Language models have
// more to offer; see bundle-model.ts.
import { listNames, shortValue } from "../base/index.ts";
import { evalPlanDim, type PlanDim, type PlanEntry, type PlanSymbolValues, type PlanTensor } from "../base/plan.ts";
import { callSymbols, printTensor, printValues } from "./call-symbols.ts";
import { checkSymbols } from "./check-symbols.ts";
import type { AdapterReport } from "./device.ts";
import { bundleError, isLoss, lostError, optionError, type RuntimeError } from "./errors.ts";
import type { LoadedPlan } from "./loaded-plan.ts";
import type { ReplaceableDevice } from "./replaceable-device.ts";
import type { SequenceState } from "./sequence-state.ts";
import type { TensorData } from "./storage-buffer.ts";
import type { AnyTensor, Tensor, TensorArrays } from "./tensor.ts";
import { closedError } from "./turns.ts";

/** What a caller was compiled for: dtype and shape of each result, null for a length that a call decides. */
export type ResultTypes = Readonly<
  Record<string, { readonly dtype: keyof TensorArrays; readonly shape: readonly (number | null)[] }>
>;

/** The tensors of a call, for those types. */
export type Results<O extends ResultTypes> = {
  readonly [K in keyof O]: Tensor<O[K]["dtype"], Lengths<O[K]["shape"]>>;
};
/** The lengths of a result: null becomes `number`. */
export type Lengths<S> = { readonly [I in keyof S]: S[I] extends number ? S[I] : number } extends infer R extends
  readonly number[]
  ? R
  : never;

/** What a device holds of a graph model. */
export interface GraphOnDevice {
  readonly loaded: LoadedPlan;
  readonly state: SequenceState;
}

/** How it comes back when the device is lost. */
export interface GraphReload {
  readonly device: ReplaceableDevice;
  load(): Promise<GraphOnDevice>;
}

/** Tensors of a call, by the graph's names. */
export type Inputs = Readonly<Record<string, AnyTensor>>;

/**
 * The entry points of a bundle of graphs, with one set of states: those begin as zeros, and each call leaves them as its graph
 * says. Calls put their work into the GPU's queue in the order in which they are made, so that none has to wait for another.
 *
 * Where a device of its own is lost, calls go on with another one. What states held is gone with the device: calls that need them say
 * so until `reset` begins anew.
 */
export class GraphModel {
  /** The variant of the bundle's plan that runs. */
  readonly variant: string;
  /** What it runs on. */
  readonly adapter: AdapterReport;
  #on: GraphOnDevice;
  readonly #reload: GraphReload | undefined;
  #reloading: Promise<void> | undefined;
  readonly #close: (first: () => void) => Promise<void>;
  #closing: Promise<void> | undefined;
  /** Whether a call has changed states since they were zeros. */
  #statesUsed = false;
  /** What calls say that need the states, where those went with a device. */
  #statesLost: RuntimeError | undefined;

  constructor(on: GraphOnDevice, variant: string, close: (first: () => void) => Promise<void>, reload?: GraphReload) {
    this.#on = on;
    this.variant = variant;
    this.adapter = on.loaded.weights.open.adapter;
    this.#close = close;
    this.#reload = reload;
  }

  /** Bytes of all GPU buffers. */
  get bufferBytes(): number {
    const { loaded, state } = this.#on;
    return loaded.weights.bufferBytes + loaded.bufferBytes + state.bufferBytes;
  }

  /** The variant that runs, which is one of `names`. */
  variantIn<const V extends string>(names: readonly V[]): V {
    const found = names.find((name) => name === this.variant);
    if (found === undefined) throw mismatch(`knows the variants ${listNames(names)}`, `runs ${this.variant}`);
    return found;
  }

  /**
   * Runs an entry point: writes its inputs, and gives its results. Symbols take their values from the inputs' shapes; `symbols`
   * has those that no input says.
   * @throws RuntimeError for inputs that are not the graph's, symbols beyond the plan's maxima, and what WebGPU reports.
   */
  async call<const O extends ResultTypes>(
    name: string,
    inputs: Inputs,
    symbols: PlanSymbolValues,
    types: O,
  ): Promise<Results<O>> {
    if (this.#closing) throw closedError(name, "model", "load it again");
    checkCall(String(name), inputs, symbols, types);
    const usesStates = this.#usesStates(name);
    if (usesStates && this.#statesLost) throw this.#statesLost;
    this.#statesUsed ||= usesStates;
    const given = this.#reload && !usesStates ? copyOf(inputs) : inputs;
    for (;;) {
      const on = this.#on;
      try {
        const results = await callOn(on.state, name, given, symbols, types);
        this.#reload?.device.progressed();
        return results;
      } catch (error) {
        if (!isLoss(error) || !this.#reload || this.#closing) throw error;
        if (this.#statesUsed) {
          const why = error.facts.replace(/^.*?: /, "");
          this.#statesLost ??= lostError(error.place, `${why}, and what the states held is gone`, RESET);
        }
        if (usesStates) throw this.#statesLost ?? error;
        await this.#replace(on, error);
      }
    }
  }

  /** Makes zeros of all states. */
  async reset(): Promise<void> {
    if (this.#closing) throw closedError("reset", "model", "load it again");
    for (;;) {
      const on = this.#on;
      try {
        on.state.clearStates();
        this.#statesUsed = false;
        this.#statesLost = undefined;
        return;
      } catch (error) {
        if (!isLoss(error) || this.#closing) throw error;
        await this.#replace(on, error);
      }
    }
  }

  /** Frees what it holds on the GPU, and the device if the bundle opened it. Later calls say that it is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close(() => this.#on.loaded.close());
    return this.#closing;
  }

  #usesStates(name: string): boolean {
    const { state } = this.#on;
    const states = new Set(state.plan.buffers.filter(({ kind }) => kind === "state").map((b) => b.name));
    return state.entry(name).steps.some(({ bindings }) => bindings.some((buffer) => states.has(buffer)));
  }

  /** Goes over to another device, all calls to the same one. */
  async #replace(on: GraphOnDevice, loss: RuntimeError): Promise<void> {
    const reload = this.#reload;
    if (!reload) throw loss;
    if (on !== this.#on) return;
    reload.device.lose(on.loaded.weights.open, loss);
    this.#reloading ??= this.#loadAgain(reload).finally(() => {
      this.#reloading = undefined;
    });
    await this.#reloading;
  }

  async #loadAgain({ load }: GraphReload): Promise<void> {
    // What the lost device held went with it; other calls on it still have to hear why they fail.
    this.#on = await load();
    if (this.#closing) this.#on.loaded.close();
  }
}

const RESET = "reset() begins anew, on another device";

/**
 * Whether a call has what it needs before anything of it is looked into.
 * @throws RuntimeError for arguments and tensors that are no objects, and for tensors without a shape or without numbers.
 */
function checkCall(call: string, inputs: Inputs, symbols: PlanSymbolValues, types: ResultTypes): void {
  for (const [what, given] of Object.entries({ inputs, symbols, types }))
    if (typeof given !== "object" || given === null)
      throw optionError(call, `its ${what} are ${shortValue(given)}, but they must be an object`, "give `{}` for none");
  for (const [name, tensor] of Object.entries(inputs)) {
    const { shape, data }: Partial<AnyTensor> = Object(tensor);
    const wanted = "an input is `{ dtype, shape, data }`";
    if (!Array.isArray(shape)) throw optionError(`${call} ${name}`, "has no list of lengths as its shape", wanted);
    if (!ArrayBuffer.isView(data)) throw optionError(`${call} ${name}`, "its data is no typed array", wanted);
    if (isDetached(data.buffer))
      throw optionError(`${call} ${name}`, "its data was transferred to another thread", "give a copy of it there");
  }
}

/** What was transferred is of no length, and refuses to be looked at. */
function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** A call that is made again computes what it was asked for, whatever the caller makes of the memory meanwhile. */
const copyOf = (inputs: Inputs): Inputs =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() } as AnyTensor]),
  );

/** One call on one device. */
async function callOn<const O extends ResultTypes>(
  state: SequenceState,
  name: string,
  inputs: Inputs,
  symbols: PlanSymbolValues,
  types: O,
): Promise<Results<O>> {
  const entry = state.entry(name);
  checkResults(entry, types);
  const values = callSymbols(`${state.plan.name}.${name}`, entry, inputs, symbols);
  checkSymbols(state.plan, entry, values);
  const all = { ...values, ...entry.fixed };
  const shapes = entry.outputs.map(({ name: result, shape }) =>
    resultShape(`${state.plan.name}.${name} ${result}`, shape, all),
  );
  for (const { name: input, buffer } of entry.inputs) {
    const data = inputs[input]?.data;
    if (data) state.write(buffer, toBuffer(data));
  }
  state.run(name, values);
  // All are asked for before the first is waited for: what other calls do to the buffers comes later in the queue.
  const read = await Promise.all(entry.outputs.map((output) => state.read(output, all)));
  return Object.fromEntries(
    entry.outputs.map(({ name: result, dtype }, i) => [result, { dtype, shape: shapes[i], data: read[i] }]),
    // `checkResults` compared the plan's types with these.
  ) as unknown as Results<O>;
}

/** A length below 0 is none: a plan that was changed by hand may have one for some symbols. */
function resultShape(place: string, dims: readonly PlanDim[], symbols: PlanSymbolValues): readonly number[] {
  const shape = dims.map((d) => evalPlanDim(d, symbols));
  if (shape.every((length) => length >= 0)) return shape;
  throw bundleError(place, `has the shape [${shape.join(", ")}]${printValues(symbols)}`, "compile the bundle again");
}

/** As WebGPU takes it: not memory that threads share. */
function toBuffer(data: AnyTensor["data"]): TensorData {
  return (data.buffer instanceof ArrayBuffer ? data : data.slice()) as TensorData;
}

function checkResults({ name, outputs }: PlanEntry, types: ResultTypes): void {
  const fits = ({ name: result, dtype, shape }: PlanTensor): boolean => {
    const type = Object.hasOwn(types, result) ? types[result] : undefined;
    return (
      type?.dtype === dtype &&
      Array.isArray(type.shape) &&
      type.shape.length === shape.length &&
      type.shape.every((length, axis) => length === null || length === shape[axis])
    );
  };
  const other = outputs.find((o) => !fits(o));
  if (other) throw mismatch(`was made for another ${other.name} of ${name}`, `gives ${printTensor(other)}`);
  if (Object.keys(types).length > outputs.length)
    throw mismatch(`was made for ${Object.keys(types).length} results of ${name}`, `gives ${outputs.length}`);
}

const mismatch = (module: string, plan: string): RuntimeError =>
  bundleError(
    "bundle",
    `its module ${module}, but its plan ${plan}`,
    "they come from different compilations: compile it again",
  );
