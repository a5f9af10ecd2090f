// The machines that kernels are compiled for, in figures. Peaks are the vendor's; what vendors don't tell is measured, by us or
// others, or an estimate, and the sources say which. Not here: limits and features; see target.ts.
import { PLAIN_TARGET } from "../base/index.ts";
import type { Machine, SoftwareCosts } from "./machine.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const ns = 1e-9;
const µs = 1e-6;

const GPU_BENCHES = "https://github.com/te42kyfo/gpu-benches";
const H200_PROBE = "bench/results/README.md";
const LAUNCH = `launch: estimate, that of an H200 (${H200_PROBE})`;

const LAVAPIPE_COSTS: SoftwareCosts = {
  group: 61 * ns,
  wave: 33 * ns,
  access: 0.16 * ns,
  byte: 0.056 * ns,
  unpack: 0.015 * ns,
  multiplyAdd: 0.055 * ns,
  shared: 0.62 * ns,
  barrier: 196 * ns,
};

/**
 * A software driver's machine is the processor: 2 cores of an AMD EPYC. A load costs the same out of memory and out of the
 * cache, since the driver's code around it takes longer than either. Values that don't fit the 16 vector registers lie in a
 * core's cache of 32 KiB, which is what `registers` counts.
 */
const LAVAPIPE = {
  id: "lavapipe",
  summary: "Mesa's software Vulkan driver, on 2 cores",
  software: LAVAPIPE_COSTS,
  sources: [
    "https://docs.mesa3d.org/drivers/llvmpipe.html",
    "measured under Dawn on 2 cores of an AMD EPYC, Mesa 25.0.7, best of 15 runs: bandwidth and cacheBandwidth by sums of vec4f over 128 and 16 MiB in workgroups of 8, latency by a random chain through the lines of 128 MiB, multiplyAdds by 8 independent chains of vec4 fma an invocation, sharedBandwidth by loads of vec4f from an array of 64, launch by chains of 100 and 1100 dispatches of one workgroup",
    "lanes, sharedBytes: what the driver reports; cacheBytes: lscpu; nativeHalves: measured, unpacking takes 0.6 of the time",
    "registers: the first-level cache of a core; waves: estimate, what must be on its way to read at that bandwidth with that latency",
    "software: fitted to the processor's time of 949 kernels and configurations of gpt2's decode steps in f32 and f16 (bench/spaces.ts), of which half lie within 20 %; unpack and multiplyAdd: estimates, which those kernels do not tell from loads",
  ],
  units: 2,
  lanes: 8,
  waves: 8,
  schedulers: 1,
  registers: (32 * KiB) / 4,
  sharedBytes: 32 * KiB,
  bandwidth: 7.8e9,
  latency: 200 * ns,
  cacheBytes: 32 * MiB,
  cacheBandwidth: 7.8e9,
  sharedBandwidth: 15e9,
  multiplyAdds: { f32: 13e9, f16: 7e9 },
  nativeHalves: false,
  launch: 17 * µs,
} satisfies Machine;

const timesAll = (costs: SoftwareCosts, factor: number): SoftwareCosts => ({
  group: costs.group * factor,
  wave: costs.wave * factor,
  access: costs.access * factor,
  byte: costs.byte * factor,
  unpack: costs.unpack * factor,
  multiplyAdd: costs.multiplyAdd * factor,
  shared: costs.shared * factor,
  barrier: costs.barrier * factor,
});

/** Halves of SwiftShader's are those that kernels unpack and compute as f32: it has no f16. */
const SWIFTSHADER: Machine = {
  ...LAVAPIPE,
  id: "swiftshader",
  summary: "Google's software Vulkan driver, on 2 cores",
  sources: [
    "https://swiftshader.googlesource.com/SwiftShader/",
    "measured as lavapipe is, in one run, with the build of Debian's chromium",
    "registers, waves: as lavapipe; software: lavapipe's, times the ratio of the multiply-adds",
  ],
  software: timesAll(LAVAPIPE_COSTS, LAVAPIPE.multiplyAdds.f32 / 4.1e9),
  lanes: 4,
  sharedBytes: 16 * KiB,
  bandwidth: 1.2e9,
  latency: 257 * ns,
  cacheBandwidth: 1.2e9,
  sharedBandwidth: 2.3e9,
  multiplyAdds: { f32: 4.1e9, f16: 4.1e9 },
  launch: 11 * µs,
};

const NVIDIA = { nativeHalves: true, lanes: 32, schedulers: 4, registers: 65536 } as const;

/** 132 SMs of 128 lanes at 1.98 GHz. */
const H100: Machine = {
  ...NVIDIA,
  id: "h100",
  summary: "NVIDIA H100 SXM: Hopper with HBM3",
  sources: [
    "https://resources.nvidia.com/en-us-tensor-core/gtc22-whitepaper-hopper",
    "https://docs.nvidia.com/cuda/hopper-tuning-guide/index.html",
    `latency, launch: measured under Dawn on an H200, which has the same chip (${H200_PROBE})`,
    `cacheBandwidth: measured on an H200 (${GPU_BENCHES}, gpu-l2-cache/h200.txt)`,
    "sharedBandwidth: 128 bytes a clock of an SM",
  ],
  units: 132,
  waves: 64,
  sharedBytes: 228 * KiB,
  bandwidth: 3.35e12,
  latency: 263 * ns,
  cacheBytes: 50 * MiB,
  cacheBandwidth: 9.7e12,
  sharedBandwidth: 33.5e12,
  multiplyAdds: { f32: 33.5e12, f16: 67e12 },
  launch: 1.9 * µs,
};

/** 72 SMs of 128 lanes at 1.695 GHz. */
const A10: Machine = {
  ...NVIDIA,
  id: "a10",
  summary: "NVIDIA A10: Ampere with GDDR6",
  sources: [
    "https://www.nvidia.com/en-us/data-center/products/a10-gpu/",
    "https://www.nvidia.com/content/PDF/nvidia-ampere-ga-102-gpu-architecture-whitepaper-v2.pdf",
    "https://docs.nvidia.com/cuda/ampere-tuning-guide/index.html",
    `latency: estimate, between those measured on Ada and Hopper (${GPU_BENCHES}, gpu-latency/l40.txt; ${H200_PROBE})`,
    `cacheBandwidth: estimate, the bytes a clock and SM of an L40 (${GPU_BENCHES}, gpu-l2-cache/l40.txt)`,
    "sharedBandwidth: 128 bytes a clock of an SM",
    LAUNCH,
  ],
  units: 72,
  waves: 48,
  sharedBytes: 100 * KiB,
  bandwidth: 600e9,
  latency: 260 * ns,
  cacheBytes: 6 * MiB,
  cacheBandwidth: 1.8e12,
  sharedBandwidth: 15.6e12,
  multiplyAdds: { f32: 15.6e12, f16: 15.6e12 },
  launch: 1.9 * µs,
};

/** 24 SMs of 128 lanes at 2.46 GHz. */
const RTX_4060: Machine = {
  ...NVIDIA,
  id: "rtx-4060",
  summary: "NVIDIA RTX 4060: Ada, a modest GPU of its vendor",
  sources: [
    "https://www.nvidia.com/en-us/geforce/graphics-cards/40-series/rtx-4060-4060ti/",
    "https://images.nvidia.com/aem-dam/Solutions/geforce/ada/nvidia-ada-gpu-architecture.pdf",
    "https://docs.nvidia.com/cuda/ada-tuning-guide/index.html",
    `latency: measured on an L40, a larger chip of the family (${GPU_BENCHES}, gpu-latency/l40.txt: 631 clocks of 2.49 GHz)`,
    `cacheBandwidth: estimate, the bytes a clock and SM of an L40 (${GPU_BENCHES}, gpu-l2-cache/l40.txt)`,
    "sharedBandwidth: 128 bytes a clock of an SM",
    LAUNCH,
  ],
  units: 24,
  waves: 48,
  sharedBytes: 100 * KiB,
  bandwidth: 272e9,
  latency: 253 * ns,
  cacheBytes: 24 * MiB,
  cacheBandwidth: 0.87e12,
  sharedBandwidth: 7.6e12,
  multiplyAdds: { f32: 7.6e12, f16: 7.6e12 },
  launch: 1.9 * µs,
};

/** 96 CUs of 2 SIMDs of 32 lanes at 2.5 GHz; f32 may issue in pairs, packed halves may not. */
const RX_7900_XTX: Machine = {
  id: "rx-7900-xtx",
  summary: "AMD Radeon RX 7900 XTX: RDNA 3 with GDDR6",
  nativeHalves: true,
  sources: [
    "https://www.amd.com/en/products/graphics/desktops/radeon/7000-series/amd-radeon-rx-7900xtx.html",
    "https://www.amd.com/content/dam/amd/en/documents/radeon-tech-docs/instruction-set-architectures/rdna3-shader-instruction-set-architecture-feb-2023_0.pdf",
    "https://chipsandcheese.com/p/microbenchmarking-amds-rdna-3-graphics-architecture",
    "latency: estimate, twice the 150 ns measured to the Infinity Cache (https://chipsandcheese.com/p/latency-testing-is-hard-rdna-3-power-saving)",
    "cacheBandwidth: AMD's peak of the Infinity Cache; sharedBandwidth: 128 bytes a clock of a CU",
    LAUNCH,
  ],
  units: 96,
  lanes: 32,
  waves: 32,
  schedulers: 2,
  registers: 98304,
  sharedBytes: 64 * KiB,
  bandwidth: 960e9,
  latency: 300 * ns,
  cacheBytes: 96 * MiB,
  cacheBandwidth: 3.5e12,
  sharedBandwidth: 30.7e12,
  multiplyAdds: { f32: 30.7e12, f16: 30.7e12 },
  launch: 1.9 * µs,
  radv: "navi31",
};

/** One die of CDNA 2, as an MI210 has: 104 CUs of 4 SIMDs at 1.7 GHz, subgroups of 64. */
const MI200: Machine = {
  id: "mi200",
  summary: "AMD Instinct MI210: one die of CDNA 2 with HBM2e",
  nativeHalves: true,
  sources: [
    "https://www.amd.com/en/products/accelerators/instinct/mi200/mi210.html",
    "https://www.amd.com/content/dam/amd/en/documents/instinct-business-docs/white-papers/amd-cdna2-white-paper.pdf",
    "https://www.amd.com/content/dam/amd/en/documents/instinct-tech-docs/instruction-set-architectures/instinct-mi200-cdna2-instruction-set-architecture.pdf",
    `latency: measured, 571 clocks of 1.7 GHz (${GPU_BENCHES}, gpu-latency/mi210.txt)`,
    `cacheBandwidth: measured on 8 MiB (${GPU_BENCHES}, gpu-l2-cache/mi210.txt)`,
    "multiplyAdds: f16 is packed, twice f32; sharedBandwidth: 128 bytes a clock of a CU",
    LAUNCH,
  ],
  units: 104,
  lanes: 64,
  waves: 32,
  schedulers: 4,
  registers: 131072,
  sharedBytes: 64 * KiB,
  bandwidth: 1.6e12,
  latency: 336 * ns,
  cacheBytes: 8 * MiB,
  cacheBandwidth: 4.3e12,
  sharedBandwidth: 22.6e12,
  multiplyAdds: { f32: 11.3e12, f16: 22.6e12 },
  launch: 1.9 * µs,
  radv: "mi200",
};

/** 10 cores of 128 lanes at 1.4 GHz, on the processor's memory. */
const APPLE_M2: Machine = {
  id: "apple-m2",
  summary: "Apple M2: 10 GPU cores on the processor's memory",
  nativeHalves: true,
  sources: [
    "https://www.apple.com/newsroom/2022/06/apple-unveils-m2-with-breakthrough-performance-and-capabilities/",
    "https://github.com/philipturner/metal-benchmarks",
    "https://dougallj.github.io/applegpu/docs.html",
    "latency: measured on an M2 Pro (https://chipsandcheese.com/2023/10/31/a-brief-look-at-apples-m2-pro-igpu/)",
    "registers: 208 KiB a core, which is 1024 invocations of 104 registers of 16 bits",
    "cacheBytes: the system-level cache; cacheBandwidth: estimate, twice the memory's",
    "sharedBandwidth: estimate, 64 bytes a clock of a core; launch: estimate",
  ],
  units: 10,
  lanes: 32,
  waves: 96,
  schedulers: 4,
  registers: 53248,
  sharedBytes: 64 * KiB,
  bandwidth: 100e9,
  latency: 342 * ns,
  cacheBytes: 8 * MiB,
  cacheBandwidth: 200e9,
  sharedBandwidth: 0.9e12,
  multiplyAdds: { f32: 1.8e12, f16: 1.8e12 },
  launch: 4 * µs,
};

/** 32 Xe cores of 16 vector engines of 8 lanes at 2.1 GHz; a driver chooses subgroups of 8, 16 or 32. */
const INTEL_ARC_A770: Machine = {
  id: "intel-arc-a770",
  summary: "Intel Arc A770: Xe-HPG with GDDR6",
  nativeHalves: true,
  sources: [
    "https://www.intel.com/content/www/us/en/products/sku/229151/intel-arc-a770-graphics-16gb/specifications.html",
    "https://www.intel.com/content/www/us/en/docs/oneapi/optimization-guide-gpu/2024-1/intel-xe-gpu-architecture.html",
    "https://chipsandcheese.com/2022/10/20/microbenchmarking-intels-arc-a770/",
    "lanes: the middle of the three sizes; registers: 8 threads of 128 registers of 32 bytes a vector engine",
    "latency: estimate; cacheBandwidth: estimate, 32 bytes a clock of a Xe core",
    "sharedBandwidth: estimate, 128 bytes a clock of a Xe core; launch: estimate",
  ],
  units: 32,
  lanes: 16,
  waves: 128,
  schedulers: 16,
  registers: 131072,
  sharedBytes: 128 * KiB,
  bandwidth: 560e9,
  latency: 450 * ns,
  cacheBytes: 16 * MiB,
  cacheBandwidth: 2.1e12,
  sharedBandwidth: 8.6e12,
  multiplyAdds: { f32: 8.6e12, f16: 17.2e12 },
  launch: 4 * µs,
};

/** What integrated GPUs of the last years have at least: a kernel that suits it wastes little elsewhere. */
const MODEST: Machine = {
  id: PLAIN_TARGET,
  summary: "the limits that every WebGPU device has, on a modest GPU",
  nativeHalves: true,
  sources: ["estimate: an integrated GPU, somewhat below apple-m2", "https://www.w3.org/TR/webgpu/#limits"],
  units: 8,
  lanes: 32,
  waves: 32,
  schedulers: 4,
  registers: 65536,
  sharedBytes: 64 * KiB,
  bandwidth: 80e9,
  latency: 350 * ns,
  cacheBytes: 4 * MiB,
  cacheBandwidth: 160e9,
  sharedBandwidth: 0.6e12,
  multiplyAdds: { f32: 1.2e12, f16: 1.2e12 },
  launch: 4 * µs,
};

/** Every described machine, by id; the plain one first. */
export const MACHINES = {
  [PLAIN_TARGET]: MODEST,
  lavapipe: LAVAPIPE,
  swiftshader: SWIFTSHADER,
  "rtx-4060": RTX_4060,
  a10: A10,
  h100: H100,
  "rx-7900-xtx": RX_7900_XTX,
  mi200: MI200,
  "apple-m2": APPLE_M2,
  "intel-arc-a770": INTEL_ARC_A770,
} as const satisfies Readonly<Record<string, Machine>>;
