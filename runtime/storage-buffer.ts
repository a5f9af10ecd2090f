// Buffers that kernels read and write, all of one kind: the host may write and copy each of them.

import { bufferBytes, type Plan, type PlanBuffer, symbolMaxima } from "../base/plan.ts";
import { optionError } from "./errors.ts";
import type { GpuBuffer, GpuDevice } from "./host-types.ts";

/** Elements of a tensor on the host, row-major. */
export type TensorData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** A buffer of a plan, as large as the plan's largest symbols want it. WebGPU clears it. */
export const createStorageBuffer = (device: GpuDevice, plan: Plan, buffer: PlanBuffer): GpuBuffer =>
  device.createBuffer({
    label: buffer.name,
    size: bufferBytes(buffer, symbolMaxima(plan)),
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
  });

/**
 * Destroys buffers, and lets go of what was written to them: a write lies in memory of its own until the next submit, also where its
 * buffer is gone by then.
 */
export function freeBuffers(device: GpuDevice, buffers: Iterable<GpuBuffer>): void {
  for (const buffer of buffers) buffer.destroy();
  device.queue.submit([]);
  // While a promise is pending, Dawn looks for what is done; nobody has to wait for it.
  device.queue.onSubmittedWorkDone().catch(() => undefined);
}

/**
 * Writes bytes from `offset` on; both are multiples of 4.
 * @throws RuntimeError for bytes beyond the buffer's end.
 */
export function writeStorageBuffer(
  device: GpuDevice,
  into: GpuBuffer,
  data: Uint8Array<ArrayBuffer> | TensorData,
  offset: number,
): void {
  if (offset + data.byteLength > into.size)
    throw optionError(
      `buffer ${into.label}`,
      `has ${into.size} bytes, but ${data.byteLength} are written from byte ${offset} on`,
      "it is sized for the plan's largest symbols",
    );
  device.queue.writeBuffer(into, offset, data);
}
