// WebGPU on Node: Dawn, through the npm package `webgpu`, which is loaded when a GPU is first asked for: what compiles needs
// none of it, and runs where its binary does not. A browser must not load this file, nor those that read files.
import { isMainThread } from "node:worker_threads";
import { checkOptions } from "./check-call.ts";
import {
  type AdapterReport,
  type Connection,
  connect,
  describeAdapter,
  firstLine,
  lend,
  type OpenDevice,
  type Wait,
} from "./device.ts";
import { RuntimeError } from "./errors.ts";
import { withoutDawnWarnings } from "./quiet-dawn.ts";
import { answerPending, watchWorkerExit } from "./worker-exit.ts";

/** `null` runs nothing: it validates shaders and measures the host's own cost. */
export type DawnBackend = "vulkan" | "metal" | "d3d12" | "null";

/** How Dawn chooses an adapter, and what it may do. */
export interface DawnOptions {
  /**
   * Keeps Dawn's own warnings about limits off stderr while it looks for adapters, wherever stderr points. What another
   * thread writes to stderr in that time is lost, so that this is for commands rather than for servers. It needs the
   * optional package koffi; without it, the warnings stay.
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
// Of each device that was ever opened Dawn keeps two threads and 2 MB, destroyed or not. So one that is given back serves the next
// who asks with equal options. By options: devices that nobody uses, when they are done with what they were given.
const idle = new Map<string, Promise<Connection | undefined>[]>();

/** An instance whose adapters are found; Dawn warns then, and once. */
async function findGpu(options: DawnOptions): Promise<GPU> {
  const gpu = await createGpu(options);
  if (options.quiet) await withoutDawnWarnings(() => gpu.requestAdapter());
  return gpu;
}

const dawnFlags = ({ backend, enable = [], disable = [] }: DawnOptions): string[] => [
  ...(backend === undefined ? [] : [`backend=${backend}`]),
  ...(enable.length === 0 ? [] : [`enable-dawn-features=${enable.join(",")}`]),
  ...(disable.length === 0 ? [] : [`disable-dawn-features=${disable.join(",")}`]),
];

async function createGpu(options: DawnOptions): Promise<GPU> {
  const { create, globals } = await loadDawn();
  watchWorkerExit(() => {
    for (const device of devices) device.destroy();
  });
  Object.assign(globalThis, globals);
  // One instance for equal options, so that opening devices again and again holds on to no more than one.
  const flags = dawnFlags(options);
  const key = flags.join(" ");
  const gpu = instances.get(key) ?? create(flags);
  instances.set(key, gpu);
  return gpu;
}

/** @throws RuntimeError where the package is missing, or has no binary for this system. */
const loadDawn = () =>
  import("webgpu").catch((error: unknown) => {
    const why = error instanceof Error ? firstLine(error.message) : String(error);
    throw new RuntimeError("dawn", `the package webgpu can't be loaded: ${why}`, {
      code: "no-adapter",
      hint: "install it again on this system",
    });
  });

const REST_MS = 0.5;
const cell = new Int32Array(new SharedArrayBuffer(4));
let pending = 0;
let resting = false;

/**
 * While a promise of Dawn's is pending, its binding asks again in every turn of the event loop, and the thread is never
 * idle. With a GPU that costs nothing but power; a software adapter computes on the same cores and loses one of them.
 * So the thread rests in every turn, for less than a frame of anything else that it serves, however many are pending.
 */
const restingWait: Wait = (promise) => {
  pending++;
  void restWhilePending();
  return promise.finally(() => {
    pending--;
  });
};

async function restWhilePending(): Promise<void> {
  if (resting) return;
  resting = true;
  while (pending > 0) {
    await new Promise((resolve) => setImmediate(resolve));
    if (pending > 0) Atomics.wait(cell, 0, 0, REST_MS);
  }
  resting = false;
}

const NO_ADAPTER = "run `wgpt doctor`: it says which driver to install";

/**
 * Opens the best adapter. Close it when done; the process then exits by itself.
 *
 * A device that was closed is kept, and opened again for the next who asks with equal options: Dawn would hold two threads and
 * 2 MB of each new one for as long as the process lives. So destroy the buffers that you made on it; nobody else does. Devices that
 * are open at the same time are different ones. One that you destroy yourself, or that is lost, is not opened again.
 *
 * In a worker thread, one that ends by itself, by `process.exit` or by an error may do so at any time. `worker.terminate()`
 * leaves it no time to let go of the GPU, and Dawn then ends the whole process: ask the worker to close the model and
 * the device first, and terminate it when it has; a device that is closed there is destroyed. Opening a device in a worker replaces
 * `globalThis.setImmediate` there by one that does the same and remembers Dawn's calls.
 * @throws RuntimeError when there is none, or Dawn can not be loaded.
 */
export async function openDawn(options: DawnOptions = {}): Promise<OpenDevice> {
  checkOptions("openDawn", options, KINDS);
  const key = dawnFlags(options).join(" ");
  const connection = (await takeIdle(key)) ?? (await connectDawn(options));
  return lend(connection, () => giveBack(key, connection));
}

const KINDS = {
  quiet: "flag",
  backend: ["vulkan", "metal", "d3d12", "null"],
  enable: "texts",
  disable: "texts",
} as const;

async function connectDawn(options: DawnOptions): Promise<Connection> {
  const waitFor = ({ software }: AdapterReport): Wait => (software ? restingWait : (promise) => promise);
  const connection = await connect(await findGpu(options), NO_ADAPTER, waitFor);
  devices.push(connection.device);
  return connection;
}

async function takeIdle(key: string): Promise<Connection | undefined> {
  for (let next = idle.get(key)?.pop(); next; next = idle.get(key)?.pop()) {
    const connection = await next;
    if (connection && connection.loss() === undefined) return connection;
  }
  return undefined;
}

function giveBack(key: string, connection: Connection): void {
  if (isMainThread && connection.loss() === undefined) {
    idle.set(key, [...(idle.get(key) ?? []), quiesce(connection)]);
    return;
  }
  connection.device.destroy();
  answerPending();
}

/** How many error scopes somebody may have left open. */
const MOST_SCOPES = 1000;

/** The device when it has done all that it was given, so that the next user hears of no error of this one. */
async function quiesce(connection: Connection): Promise<Connection | undefined> {
  const { device, wait } = connection;
  try {
    // What was written to buffers that are freed now is let go of by a submit.
    device.queue.submit([]);
    await wait(device.queue.onSubmittedWorkDone());
    for (let left = MOST_SCOPES; left > 0 && (await popScope(device)); left--);
  } catch {
    device.destroy();
    return undefined;
  }
  return connection;
}

const popScope = (device: GPUDevice): Promise<boolean> =>
  device.popErrorScope().then(
    () => true,
    () => false,
  );

/**
 * What the adapter that `openDawn` would take offers, or nothing when there is none.
 * @throws RuntimeError when Dawn can not be loaded.
 */
export async function findAdapter(options: DawnOptions = {}): Promise<AdapterReport | undefined> {
  checkOptions("findAdapter", options, KINDS);
  const gpu = await findGpu(options);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  return adapter ? describeAdapter(adapter) : undefined;
}
