// WebGPU's own objects in this package's signatures, as the program that uses it knows them; see base/host-type.ts.
import type { Known } from "../base/host-type.ts";

export type { Address } from "../base/host-type.ts";

/** `GPU`, whose adapters are asked for: `navigator.gpu` in a browser. */
export type Gpu = Known<
  "GPU",
  {
    /** A `GPUAdapter`, or null where there is none. */
    requestAdapter(options?: object): Promise<object | null>;
  }
>;

/** `GPUAdapter`. */
export type GpuAdapter = Known<
  "GPUAdapter",
  {
    /** A `GPUDevice`. */
    requestDevice(options?: object): Promise<object>;
  }
>;

/** `GPUDevice`. */
export type GpuDevice = Known<
  "GPUDevice",
  {
    readonly label: string;
    /** Frees what it holds. */
    destroy(): void;
  }
>;

/** `GPUBuffer`. */
export type GpuBuffer = Known<
  "GPUBuffer",
  {
    readonly label: string;
    /** In bytes. */
    readonly size: number;
    /** Frees what it holds. */
    destroy(): void;
  }
>;
