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

// Dawn lives as long as this object is referred to; dropping it while work is queued crashes Node at exit.
const instances = new Set<GPU>();

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
  const gpu = create(options);
  instances.add(gpu);
  return gpu;
}

const NO_ADAPTER = "run `wgpt doctor`: it says which driver to install";

/** Opens the best adapter. Close it when done; the process then exits by itself. */
export async function openDawn(options: DawnOptions = {}): Promise<OpenDevice> {
  const gpu = await findGpu(options);
  try {
    const open = await openDevice(gpu, NO_ADAPTER);
    return {
      ...open,
      close() {
        open.close();
        instances.delete(gpu);
      },
    };
  } catch (error) {
    instances.delete(gpu);
    throw error;
  }
}

/** What the adapter that `openDawn` would take offers, or nothing when there is none. */
export async function findAdapter(options: DawnOptions = {}): Promise<AdapterReport | undefined> {
  const gpu = await findGpu(options);
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    return adapter ? describeAdapter(adapter) : undefined;
  } finally {
    instances.delete(gpu);
  }
}
