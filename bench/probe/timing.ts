// A device with the toggles that a measurement wants, and the time of passes on it.
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);

export interface Probe {
  readonly device: GPUDevice;
  readonly adapter: GPUAdapter;
  readonly toggles: readonly string[];
  /** What sizes are divided by. */
  readonly scale: number;
}

/** Stays referenced: an instance that is collected takes its devices down. */
const instances: GPU[] = [];

const ENABLE = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia", "use_vulkan_memory_model"];
const DISABLE = ["timestamp_quantization"];
const FEATURES = [
  "shader-f16",
  "subgroups",
  "timestamp-query",
  "subgroup-size-control",
  "chromium-experimental-subgroup-matrix",
] as GPUFeatureName[];

export async function openProbe(scale: number, enable = ENABLE, disable = DISABLE): Promise<Probe> {
  const gpu = create([`enable-dawn-features=${enable.join(",")}`, `disable-dawn-features=${disable.join(",")}`]);
  instances.push(gpu);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("no adapter");
  const { limits } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((f) => adapter.features.has(f)),
    requiredLimits: {
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxBufferSize: limits.maxBufferSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
    },
  });
  return { device, adapter, toggles: [...enable, ...disable.map((d) => `-${d}`)], scale };
}

interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

export const matrixConfigs = ({ adapter }: Probe): readonly MatrixConfig[] =>
  [...((adapter.info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> }).subgroupMatrixConfigs ?? [])].map(
    ({ componentType, resultComponentType, M, N, K }) => ({ componentType, resultComponentType, M, N, K }),
  );

export function describe(probe: Probe): object {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = probe.adapter.info as {
    vendor: string;
    architecture: string;
    device: string;
    description: string;
    subgroupMinSize: number;
    subgroupMaxSize: number;
  };
  return {
    part: "adapter",
    adapter: { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize },
    features: [...probe.adapter.features].sort(),
    matrices: matrixConfigs(probe),
    toggles: probe.toggles,
    scale: probe.scale,
  };
}

export type Dispatch = {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number?, number?];
};

export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  bind(...buffers: readonly (GPUBuffer | GPUBufferBinding)[]): GPUBindGroup;
}

/** The pipeline of a shader whose storage buffers are bound at 0, 1, …; throws what the compiler says. */
export async function compile({ device }: Probe, code: string): Promise<Kernel> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message.split("\n").slice(0, 3).join(" "));
  return {
    pipeline,
    bind: (...buffers) =>
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: buffers.map((b, binding) => ({ binding, resource: "buffer" in b ? b : { buffer: b } })),
      }),
  };
}

/** What stands in a buffer of `makeBuffer`, by word: no denormal in f32, nor are its halves in f16. */
const word = (i: number): number => 0x2c002c00 + (Math.imul(i & 0xfffff, 2654435761) & 0x03ff03ff);

const cell = new DataView(new ArrayBuffer(4));
/** The same as a number of f32. */
export function floatAt(i: number): number {
  cell.setUint32(0, word(i));
  return cell.getFloat32(0);
}
/** The same as a half: `i` counts halves. They lie between 2⁻⁴ and 2⁻³. */
export const halfAt = (i: number): number => 2 ** -4 * (1 + ((word(i >> 1) >>> (16 * (i & 1))) & 0x3ff) / 1024);

/** A storage buffer, filled with `word`. */
export function makeBuffer({ device }: Probe, bytes: number): GPUBuffer {
  const size = Math.ceil(bytes / 256) * 256;
  const buffer = device.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
  });
  const chunk = new Uint32Array(Math.min(size, 1 << 22) / 4);
  for (let i = 0; i < chunk.length; i++) chunk[i] = word(i);
  for (let at = 0; at < size; at += chunk.byteLength)
    device.queue.writeBuffer(buffer, at, chunk, 0, Math.min(chunk.byteLength, size - at) / 4);
  return buffer;
}

/** The first numbers of a buffer. */
export async function readFloats({ device }: Probe, buffer: GPUBuffer, count: number): Promise<Float32Array> {
  const back = device.createBuffer({ size: 4 * count, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, back, 0, 4 * count);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  const numbers = new Float32Array(back.getMappedRange().slice(0));
  back.destroy();
  return numbers;
}

/** Throws where a number is not what the host makes of the same data, within f32's rounding of a long sum. */
export function expectNear(what: string, got: number, want: number): void {
  if (!(Math.abs(got - want) <= 1e-4 * Math.abs(want))) throw new Error(`${what} is ${got}, but should be ${want}`);
}

/** `f` of each, some at a time: drivers compile on several cores. The order of the results is that of `xs`. */
export async function inParallel<X, Y>(xs: readonly X[], f: (x: X) => Promise<Y>, atOnce = 16): Promise<readonly Y[]> {
  const results: Y[] = [];
  for (let i = 0; i < xs.length; i += atOnce) results.push(...(await Promise.all(xs.slice(i, i + atOnce).map(f))));
  return results;
}

/** The most bytes to measure on: a GiB, less where the adapter binds less. */
export const poolBytes = ({ device, scale }: Probe): number =>
  256 * Math.floor(Math.min(1 << 30, device.limits.maxStorageBufferBindingSize) / scale / 256);

/** GPU time in µs of each of `repeats` passes that run `dispatches` in order, the first pass left out; sorted. */
export async function timePasses(
  { device }: Probe,
  dispatches: readonly Dispatch[],
  repeats = 5,
): Promise<readonly number[]> {
  const count = repeats + 1;
  const set = device.createQuerySet({ type: "timestamp", count: 2 * count });
  const resolved = device.createBuffer({
    size: 16 * count,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const back = device.createBuffer({ size: 16 * count, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  for (let i = 0; i < count; i++) {
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet: set, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
    });
    for (const { pipeline, group, workgroups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
  }
  encoder.resolveQuerySet(set, 0, 2 * count, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, back, 0, 16 * count);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  const stamps = new BigUint64Array(back.getMappedRange().slice(0));
  for (const b of [back, resolved, set]) b.destroy();
  return Array.from(
    { length: repeats },
    (_, i) => Number((stamps[2 * i + 3] ?? 0n) - (stamps[2 * i + 2] ?? 0n)) / 1000,
  ).sort((a, b) => a - b);
}

export const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? Number.NaN;

/** One line of JSON, numbers to four digits. */
export const report = (line: object): void =>
  console.log(
    JSON.stringify(line, (_, x: unknown) =>
      typeof x === "number" && !Number.isInteger(x) ? Number(x.toPrecision(4)) : x,
    ),
  );
