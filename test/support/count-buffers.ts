// Which buffers of a device live: what was made and not destroyed. A buffer that is destroyed twice, or used by a queue after
// that, is told as well.
import type { OpenDevice } from "../../runtime/device.ts";

export interface CountedBuffers {
  readonly open: OpenDevice;
  /** The labels of those that live, in the order in which they were made. */
  labels(): readonly string[];
  /** Bytes of those that live. */
  bytes(): number;
  /** How many were made so far. */
  made(): number;
  /** Labels of buffers that were destroyed once more. */
  readonly twice: readonly string[];
}

/** The device with its buffers counted. `change` may give another descriptor for one that is to be made. */
export function countBuffers(
  open: OpenDevice,
  change: (descriptor: GPUBufferDescriptor) => GPUBufferDescriptor = (d) => d,
): CountedBuffers {
  const live = new Set<GPUBuffer>();
  const twice: string[] = [];
  let made = 0;
  const createBuffer = (descriptor: GPUBufferDescriptor): GPUBuffer => {
    const buffer = open.device.createBuffer(change(descriptor));
    const destroy = buffer.destroy.bind(buffer);
    live.add(buffer);
    made++;
    buffer.destroy = () => {
      if (!live.delete(buffer)) twice.push(buffer.label);
      return destroy();
    };
    return buffer;
  };
  return {
    open: { ...open, device: withMethods(open.device, { createBuffer }) },
    labels: () => [...live].map((b) => b.label),
    bytes: () => [...live].reduce((n, b) => n + b.size, 0),
    made: () => made,
    twice,
  };
}

/** An object of WebGPU's with some members replaced. Native methods want the object itself as `this`. */
export function withMethods<T extends object>(object: T, replaced: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      if (Reflect.has(replaced, key)) return Reflect.get(replaced, key);
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
