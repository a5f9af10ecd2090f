// An adapter and a device, chosen and described. Knows nothing of Node: the caller brings the GPU object.

import type { AdapterReport } from "../base/adapter.ts";
import { deviceError, RuntimeError } from "./errors.ts";
import type { Gpu, GpuAdapter, GpuDevice } from "./host-types.ts";

export type { AdapterReport } from "../base/adapter.ts";

/** A device with what is known of its adapter. */
export interface OpenDevice {
  readonly device: GpuDevice;
  readonly adapter: AdapterReport;
  /** Waits for the GPU as the host does best; see `Wait`. */
  readonly wait: Wait;
  /** Waits for what is queued and throws the first error that WebGPU has reported since the last call. */
  check(place: string): Promise<void>;
  /** Throws the first error that WebGPU has reported by now, without waiting. */
  throwReported(place: string): void;
  /** Frees the device. */
  close(): void;
}

/** Gives what a promise of WebGPU's gives, which settles when the GPU is done. */
export type Wait = <T>(promise: Promise<T>) => Promise<T>;

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|software|warp/i;

/** The limits that plans ask for; each is raised to what the adapter offers, so that one device serves any plan. */
const LIMITS = [
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** Features that kernels can use; the device gets those of them that the adapter has. */
export const OPTIONAL_FEATURES: readonly string[] = [
  "shader-f16",
  "subgroups",
  "timestamp-query",
  // Chromium's experiment, which the types of the standard do not know.
  "chromium-experimental-subgroup-matrix",
];

/** What a user should know about an adapter. */
export function describeAdapter(adapter: GpuAdapter): AdapterReport {
  const { vendor, architecture, description, device } = adapter.info;
  const text = [vendor, architecture, device, description].join(" ");
  return {
    vendor,
    architecture,
    // Browsers tell vendor and architecture, and keep the rest to themselves.
    description: description || device || `${vendor} ${architecture}`.trim() || "an unnamed adapter",
    software: adapter.info.isFallbackAdapter || SOFTWARE.test(text),
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  };
}

/** One line: `llvmpipe: Mesa 25.0.7 (software)`. */
export const printAdapter = (report: AdapterReport): string =>
  `${report.description}${report.software ? " (software)" : ""}`;

/**
 * The best adapter there is and a device with all it offers. A software adapter is taken when it is all there is.
 * @throws RuntimeError when there is none.
 */
export async function openDevice(
  gpu: Gpu,
  noAdapterHint?: string,
  waitFor: (adapter: AdapterReport) => Wait = () => (promise) => promise,
): Promise<OpenDevice> {
  const adapter =
    (await gpu.requestAdapter({ powerPreference: "high-performance" })) ??
    (await gpu.requestAdapter({ forceFallbackAdapter: true }));
  if (!adapter)
    throw new RuntimeError("adapter", "WebGPU finds no adapter, but kernels need one to run on", {
      code: "no-adapter",
      hint: noAdapterHint,
    });
  const report = describeAdapter(adapter);
  const device = await adapter.requestDevice({
    label: "wgpt",
    requiredFeatures: OPTIONAL_FEATURES.filter((f): f is GPUFeatureName => adapter.features.has(f)),
    requiredLimits: { ...report.limits },
  });
  const errors: string[] = [];
  device.onuncapturederror = (event) => {
    errors.push(event.error.message);
  };
  let closed = false;
  void device.lost.then((info) => {
    if (!closed) errors.push(`the device was lost: ${info.message || info.reason}`);
  });
  const throwReported = (place: string): void => {
    if (errors.length === 0) return;
    const [first = ""] = errors.splice(0);
    throw deviceError(place, firstLine(first));
  };
  const wait = waitFor(report);
  return {
    device,
    adapter: report,
    wait,
    throwReported,
    async check(place) {
      await wait(device.queue.onSubmittedWorkDone());
      throwReported(place);
    },
    close() {
      closed = true;
      device.destroy();
    },
  };
}

/** Dawn's messages go on for pages; the first line says what is wrong, the label says where. */
export const firstLine = (message: string): string => message.trim().split("\n").slice(0, 2).join(" ").trim();
