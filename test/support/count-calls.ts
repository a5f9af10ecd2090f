// Counts what a device is asked to make and to write.
import type { OpenDevice } from "../../runtime/device.ts";

const MAKES = [
  "createBuffer",
  "createTexture",
  "createSampler",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createBindGroup",
  "createShaderModule",
  "createComputePipeline",
  "createComputePipelineAsync",
  "createQuerySet",
] as const;

export interface Calls {
  /** By method, those called at all. */
  readonly made: Record<string, number>;
  writes: number;
  submits: number;
  encoders: number;
}

/** The device with its calls counted in `calls`, which the caller may set to zero. */
export function countCalls(open: OpenDevice): { readonly open: OpenDevice; readonly calls: Calls } {
  const calls: Calls = { made: {}, writes: 0, submits: 0, encoders: 0 };
  const { device } = open;
  const queue = through(device.queue, (name) => {
    if (name === "writeBuffer") calls.writes++;
    if (name === "submit") calls.submits++;
  });
  const counted = through(
    device,
    (name) => {
      if (MAKES.some((m) => m === name)) calls.made[name] = (calls.made[name] ?? 0) + 1;
      if (name === "createCommandEncoder") calls.encoders++;
    },
    { queue },
  );
  return { open: { ...open, device: counted }, calls };
}

/** The object with `heard` told of every method call. Native methods want the object itself as `this`. */
function through<T extends object>(object: T, heard: (method: string) => void, replaced: Partial<T> = {}): T {
  return new Proxy(object, {
    get(target, key) {
      if (Reflect.has(replaced, key)) return Reflect.get(replaced, key);
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        heard(String(key));
        return Reflect.apply(value, target, args);
      };
    },
  });
}
