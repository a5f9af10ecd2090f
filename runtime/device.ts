// An adapter and a device, chosen and described. Knows nothing of Node: the caller brings the GPU object.

import type { AdapterReport } from "../base/adapter.ts";
import { shortValue } from "../base/index.ts";
import { deviceError, lostError, optionError, RuntimeError } from "./errors.ts";
import type { Gpu, GpuAdapter, GpuDevice } from "./host-types.ts";
import { closedError } from "./turns.ts";

export type { AdapterReport } from "../base/adapter.ts";

/** A device with what is known of its adapter. */
export interface OpenDevice {
  readonly device: GpuDevice;
  readonly adapter: AdapterReport;
  /** Waits for the GPU as the host does best; see `Wait`. */
  readonly wait: Wait;
  /** Waits for what is queued and throws the first error that WebGPU has reported since the last call, or that the device is lost. */
  check(place: string): Promise<void>;
  /** Throws the first error that WebGPU has reported by now, or that the device is lost, without waiting. */
  throwReported(place: string): void;
  /** Throws that the device is lost, with the code `device-lost`, or closed; of both, what came first, and from then on always. */
  throwIfLost(place: string): void;
  /** Gives the device back. A second call does nothing. */
  close(): void;
}

/**
 * Whether it is a device that is open already, rather than options to open one.
 * @throws RuntimeError for what is neither.
 */
export function isOpenDevice(gpu: object | undefined): gpu is OpenDevice {
  if (gpu === undefined) return false;
  const wanted = "it must be what `openDawn` or `openDevice` gave, or options to open one";
  if (typeof gpu !== "object" || gpu === null)
    throw optionError("gpu", `is ${shortValue(gpu)}, but ${wanted}`, LEAVE_OUT);
  if ("createBuffer" in gpu) throw optionError("gpu", `is a GPUDevice, but ${wanted}`, LEAVE_OUT);
  if (!("device" in gpu)) return false;
  if ("adapter" in gpu && "check" in gpu && typeof gpu.check === "function") return true;
  throw optionError("gpu", `has a device, but no adapter and no \`check\`: ${wanted}`, LEAVE_OUT);
}

const LEAVE_OUT = "leave it out for the best adapter";

/** A device with what is known of it, whoever uses it. */
export interface Connection extends Pick<OpenDevice, "device" | "adapter" | "wait"> {
  /** Why the device was lost; nothing while it is there. */
  loss(): string | undefined;
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
  "maxComputeWorkgroupSizeZ",
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
    ...(device && { device }),
    software: adapter.info.isFallbackAdapter || SOFTWARE.test(text),
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  };
}

/** One line: `llvmpipe: Mesa 25.0.7 (software)`. */
export const printAdapter = (report: AdapterReport): string =>
  `${report.description}${report.software ? " (software)" : ""}`;

/**
 * The best adapter there is and a device with all it offers, which closing it destroys. A software adapter is taken when it is all
 * there is.
 * @throws RuntimeError when there is none.
 */
export async function openDevice(
  gpu: Gpu,
  noAdapterHint?: string,
  waitFor?: (adapter: AdapterReport) => Wait,
): Promise<OpenDevice> {
  const connection = await connect(gpu, noAdapterHint, waitFor);
  return lend(connection, () => connection.device.destroy());
}

/**
 * What `openDevice` opens, for `lend`.
 * @throws RuntimeError when there is no adapter.
 */
export async function connect(
  gpu: Gpu,
  noAdapterHint?: string,
  waitFor: (adapter: AdapterReport) => Wait = () => (promise) => promise,
): Promise<Connection> {
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
  let loss: string | undefined;
  void device.lost.then((info) => {
    loss = info.message || info.reason;
  });
  return { device, adapter: report, wait: waitFor(report), loss: () => loss };
}

/** The device for one who uses it alone, and hears of errors from now on, until `giveBack`. */
export function lend({ device, adapter, wait, loss }: Connection, giveBack: () => void): OpenDevice {
  const errors: string[] = [];
  device.onuncapturederror = (event) => {
    errors.push(event.error.message);
  };
  let closed = false;
  let lost: string | undefined;
  const throwIfLost = (place: string): void => {
    if (closed && lost === undefined) throw closedError(place, "device", "open another one");
    lost ??= loss();
    if (lost !== undefined) throw lostError(place, lost);
  };
  const throwReported = (place: string): void => {
    throwIfLost(place);
    if (errors.length === 0) return;
    const [first = ""] = errors.splice(0);
    throw deviceError(place, firstLine(first));
  };
  return {
    device,
    adapter,
    wait,
    throwIfLost,
    throwReported,
    async check(place) {
      const failed = await wait(device.queue.onSubmittedWorkDone()).then(() => undefined, String);
      throwReported(place);
      if (failed !== undefined) throw deviceError(place, firstLine(failed));
    },
    close() {
      if (closed) return;
      lost ??= loss();
      closed = true;
      giveBack();
    },
  };
}

/** Dawn's messages go on for pages; the first line says what is wrong, the label says where. */
export const firstLine = (message: string): string => message.trim().split("\n").slice(0, 2).join(" ").trim();
