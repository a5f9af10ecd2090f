// Buffers through which results come back to the host. They are kept and used again, so that a step makes none; there are
// never more of them than reads at a time.
import { firstLine, type OpenDevice } from "./device.ts";
import { RuntimeError } from "./errors.ts";

/** The staging buffers of one sequence. */
export class Staging {
  readonly #open: OpenDevice;
  /** Buffers that no read is using. */
  readonly #free: GPUBuffer[] = [];
  readonly #reading = new Set<GPUBuffer>();
  #closed = false;

  constructor(open: OpenDevice) {
    this.#open = open;
  }

  /**
   * Adds a copy to what `encoder` has, submits it, and gives `size` bytes of `source` from `offset` on (both multiples of 4),
   * as they are then. `check` comes when the bytes are there, or can't be had, and may throw what has been reported.
   * @throws RuntimeError that names `place` when they can't be had.
   */
  async read(
    encoder: GPUCommandEncoder,
    { source, offset, size }: { readonly source: GPUBuffer; readonly offset: number; readonly size: number },
    place: string,
    check: () => void | Promise<void>,
  ): Promise<ArrayBuffer> {
    const staging = this.#take(size);
    this.#reading.add(staging);
    let kept = false;
    try {
      encoder.copyBufferToBuffer(source, offset, staging, 0, size);
      this.#open.device.queue.submit([encoder.finish()]);
      let problem: string | undefined;
      try {
        await this.#open.wait(staging.mapAsync(GPUMapMode.READ, 0, size));
      } catch (error) {
        problem = firstLine(String(error));
      }
      const checking = check();
      if (checking) await checking;
      if (problem !== undefined) throw new RuntimeError(place, problem, { code: "device" });
      if (this.#closed) throw new RuntimeError(place, "its buffers were freed meanwhile", { code: "closed" });
      const bytes = staging.getMappedRange(0, size).slice(0);
      staging.unmap();
      this.#free.push(staging);
      kept = true;
      return bytes;
    } finally {
      // `close` may have destroyed the buffer already.
      if (this.#reading.delete(staging) && !kept) staging.destroy();
    }
  }

  /** Frees them all; reads that wait for the GPU fail. */
  close(): void {
    this.#closed = true;
    for (const buffer of [...this.#free.splice(0), ...this.#reading]) buffer.destroy();
    this.#reading.clear();
  }

  /** One that is large enough, or a new one in the place of one that is not. */
  #take(size: number): GPUBuffer {
    const large = this.#free.findIndex((b) => b.size >= size);
    const [found] = this.#free.splice(Math.max(large, 0), 1);
    if (found && found.size >= size) return found;
    found?.destroy();
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return this.#open.device.createBuffer({ label: "staging", size, usage });
  }
}
