// A device that is lost at a moment of the test's choosing: between two calls of WebGPU's, whoever makes them.

export interface Losses {
  /** How many calls were made so far. */
  calls(): number;
  /** How many devices were destroyed. */
  lost(): number;
  /** Destroys the device that was used last, at once. */
  now(): void;
  /** Puts WebGPU back as it was. */
  restore(): void;
}

const CALLS = {
  GPUDevice: [
    "createBuffer",
    "createShaderModule",
    "createComputePipelineAsync",
    "createBindGroup",
    "createCommandEncoder",
    "pushErrorScope",
    "popErrorScope",
  ],
  GPUQueue: ["writeBuffer", "submit", "onSubmittedWorkDone"],
  GPUBuffer: ["mapAsync", "getMappedRange"],
} as const;

type Methods = Record<string, (...args: unknown[]) => unknown>;

/**
 * Counts calls of WebGPU's, and destroys the device that was used last just before each call that `isMoment` says yes to. What is
 * used must be one device at a time.
 */
export function loseDevices(isMoment: (call: number) => boolean = () => false): Losses {
  let [calls, lost] = [0, 0];
  let device: GPUDevice | undefined;
  const now = (): void => {
    if (!device) return;
    lost++;
    device.destroy();
    device = undefined;
  };
  const undo: (() => void)[] = [];
  for (const [type, names] of Object.entries(CALLS)) {
    const prototype = Reflect.get(globalThis, type).prototype as Methods;
    for (const name of names) {
      const original = prototype[name] as Methods[string];
      prototype[name] = function (this: object, ...args) {
        if (type === "GPUDevice") device = this as GPUDevice;
        if (isMoment(calls++)) now();
        return Reflect.apply(original, this, args);
      };
      undo.push(() => {
        prototype[name] = original;
      });
    }
  }
  return {
    calls: () => calls,
    lost: () => lost,
    now,
    restore: () => {
      for (const back of undo) back();
    },
  };
}
