// Latency of a load that depends on the last one, and bandwidth by how many bytes are on their way at once.
import { compile, makeBuffer, median, type Probe, poolBytes, report, timePasses } from "./timing.ts";

/** ns a dependent load, in working sets from a cache's to memory's. */
export async function measureLatency(probe: Probe): Promise<void> {
  const hops = Math.round(4096 / probe.scale);
  const kernel = await compile(
    probe,
    `@group(0) @binding(0) var<storage, read_write> chain: array<u32>;
@compute @workgroup_size(1)
fn main() {
  var at = chain[0];
  for (var i = 0u; i < ${hops}u; i++) { at = chain[at]; }
  chain[1] = at;
}`,
  );
  for (const mib of [0.0625, 4, 32, 128, 512]) {
    if (mib > poolBytes(probe) / (1 << 20)) continue;
    const words = (mib * (1 << 20)) / 4;
    const buffer = makeBuffer(probe, 4 * words);
    // A walk in steps that no prefetcher follows: every place once, 128 bytes or more apart.
    const chain = new Uint32Array(words);
    const places = words / 32;
    let at = 0;
    let seed = 1;
    const order = Uint32Array.from({ length: places }, (_, i) => i);
    for (let i = places - 1; i > 0; i--) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const j = seed % (i + 1);
      [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
    }
    for (const place of order) {
      chain[at] = 32 * place;
      at = 32 * place;
    }
    chain[at] = 0;
    probe.device.queue.writeBuffer(buffer, 0, chain);
    const microseconds = median(
      await timePasses(probe, [{ pipeline: kernel.pipeline, group: kernel.bind(buffer), workgroups: [1] }], 3),
    );
    report({ part: "latency", mib, nanoseconds: (1000 * microseconds) / hops });
    buffer.destroy();
  }
}

/** GB/s of reading 1 GiB once, by workgroups, invocations of each, and 16-byte loads before the first use. */
export async function measureBandwidth(probe: Probe): Promise<void> {
  const bytes = poolBytes(probe);
  const buffer = makeBuffer(probe, bytes);
  const sink = makeBuffer(probe, 1 << 20);
  for (const size of [64, 256])
    for (const loads of [1, 2, 4, 8, 16])
      for (const workgroups of [64, 132, 264, 528, 1056, 2112, 4224]) {
        const stride = size * workgroups;
        const turns = Math.floor(bytes / 16 / stride / loads);
        if (turns < 1) continue;
        const list = Array.from({ length: loads }, (_, i) => i);
        const kernel = await compile(
          probe,
          `@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(${size})
fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = vec4f();
  var at = id.x;
  for (var i = 0u; i < ${turns}u; i++) {
${list.map((l) => `    let x${l} = x[at + ${l * stride}u];`).join("\n")}
${list.map((l) => `    sum += x${l};`).join("\n")}
    at += ${loads * stride}u;
  }
  if (sum.x + sum.y + sum.z + sum.w == 12345.678) { y[0] = 1.0; }
}`,
        );
        const group = kernel.bind(buffer, sink);
        const microseconds = median(
          await timePasses(probe, [{ pipeline: kernel.pipeline, group, workgroups: [workgroups] }], 3),
        );
        report({
          part: "bandwidth",
          size,
          loads,
          workgroups,
          inFlightKiB: (16 * loads * size * workgroups) / 1024,
          gigabytesPerSecond: (16 * loads * turns * stride) / microseconds / 1000,
        });
      }
  buffer.destroy();
  sink.destroy();
}
