// WebGPU on Node: Dawn, through the npm package `webgpu`. The only file of the runtime that a browser must not load, beside
// those that read files.
import { create, globals } from "webgpu";
import { type AdapterReport, describeAdapter, type OpenDevice, openDevice } from "./device.ts";
import { withoutDawnWarnings } from "./quiet-dawn.ts";

/** `null` runs nothing: it validates shaders and measures the host's own cost. */
export type DawnBackend = "vulkan" | "metal" | "d3d12" | "null";

export interface DawnOptions {
  /**
   * Keeps Dawn's own warnings about limits off stderr while it looks for adapters; see quiet-dawn.ts. For a command, not
   * for a server whose other threads write to stderr.
   */
  readonly quiet?: boolean;
  readonly backend?: DawnBackend;
  /** Dawn toggles, such as `allow_unsafe_apis`. */
  readonly enable?: readonly string[];
  readonly disable?: readonly string[];
}

// Dawn's instance and its devices die with the last reference to them, and a device that is collected soon after it was
// destroyed takes the process down. They stay for as long as the process does; that does not keep Node from ending.
const instances = new Map<string, GPU>();
const devices: GPUDevice[] = [];

/** An instance whose adapters are found; Dawn warns then, and once. */
async function findGpu(options: DawnOptions): Promise<GPU> {
  const gpu = createGpu(options);
  if (options.quiet) await withoutDawnWarnings(() => gpu.requestAdapter());
  return gpu;
}

function createGpu({ backend, enable = [], disable = [] }: DawnOptions): GPU {
  Object.assign(globalThis, globals);
  const options = [
    ...(backend === undefined ? [] : [`backend=${backend}`]),
    ...(enable.length === 0 ? [] : [`enable-dawn-features=${enable.join(",")}`]),
    ...(disable.length === 0 ? [] : [`disable-dawn-features=${disable.join(",")}`]),
  ];
  // One instance for equal options, so that opening devices again and again holds on to no more than one.
  const key = options.join(" ");
  const gpu = instances.get(key) ?? create(options);
  instances.set(key, gpu);
  return gpu;
}

const NO_ADAPTER = "run `wgpt doctor`: it says which driver to install";

/** Opens the best adapter. Close it when done; the process then exits by itself. */
export async function openDawn(options: DawnOptions = {}): Promise<OpenDevice> {
  const open = await openDevice(await findGpu(options), NO_ADAPTER);
  devices.push(open.device);
  return open;
}

/** What the adapter that `openDawn` would take offers, or nothing when there is none. */
export async function findAdapter(options: DawnOptions = {}): Promise<AdapterReport | undefined> {
  const gpu = await findGpu(options);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  return adapter ? describeAdapter(adapter) : undefined;
}
