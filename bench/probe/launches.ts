// What a dispatch and a submit cost by themselves.
import { compile, type Dispatch, makeBuffer, median, type Probe, report, timePasses } from "./timing.ts";

const TOUCH = (size: number) => `
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(${size})
fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = y[id.x] + 1.0; }`;

/** µs a dispatch of a chain in which each reads what the one before wrote, and of one in which none does. */
export async function measureLaunches(probe: Probe): Promise<void> {
  const kernel = await compile(probe, TOUCH(64));
  const buffers = Array.from({ length: 64 }, () => makeBuffer(probe, 1 << 20));
  const groups = buffers.map((b) => kernel.bind(b));
  const count = Math.max(64, Math.round(1024 / probe.scale));
  for (const workgroups of [1, 132, 1024])
    for (const [chain, distinct] of [
      ["dependent", 1],
      ["independent", 64],
    ] as const) {
      const steps: Dispatch[] = Array.from({ length: count }, (_, i) => ({
        pipeline: kernel.pipeline,
        group: groups[i % distinct] as GPUBindGroup,
        workgroups: [workgroups],
      }));
      report({ part: "launches", chain, workgroups, microseconds: median(await timePasses(probe, steps)) / count });
    }
  for (const b of buffers) b.destroy();
}

/** From a submit to its bytes on the host, and of a submit alone, in µs of the host's clock. */
export async function measureSubmits(probe: Probe): Promise<void> {
  const { device } = probe;
  const kernel = await compile(probe, TOUCH(64));
  const buffer = makeBuffer(probe, 1 << 20);
  const group = kernel.bind(buffer);
  const back = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const submit = (copy: boolean): void => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.end();
    if (copy) encoder.copyBufferToBuffer(buffer, 0, back, 0, 4);
    device.queue.submit([encoder.finish()]);
  };
  const trips: number[] = [];
  for (let i = 0; i < 60; i++) {
    const began = performance.now();
    submit(true);
    await back.mapAsync(GPUMapMode.READ);
    back.unmap();
    trips.push(1000 * (performance.now() - began));
  }
  const alone: number[] = [];
  for (let i = 0; i < 200; i++) {
    const began = performance.now();
    submit(false);
    alone.push(1000 * (performance.now() - began));
  }
  await device.queue.onSubmittedWorkDone();
  const sort = (xs: readonly number[]) => xs.slice(10).toSorted((a, b) => a - b);
  report({ part: "submits", roundTripMicroseconds: median(sort(trips)), submitMicroseconds: median(sort(alone)) });
  buffer.destroy();
}
