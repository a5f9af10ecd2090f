// The GPU of the tests: one device for the whole test process, opened when the first test needs it and closed when Node
// has nothing left to do. Not here: compiling and running a graph on it; see run-plan.ts.
import type { Test } from "uvu";
import { findAdapter, openDawn } from "../../runtime/dawn.ts";
import type { AdapterReport, OpenDevice } from "../../runtime/device.ts";
import { skipUnless } from "./skip.ts";

const opened: OpenDevice[] = [];
const closeAll = () => {
  for (const device of opened.splice(0)) device.close();
};
// The runner ends by `process.exit`; a file run by itself ends when its tests do.
process.once("exit", closeAll);
process.once("beforeExit", closeAll);

async function open(options: Parameters<typeof openDawn>[0]): Promise<OpenDevice> {
  const device = await openDawn(options);
  opened.push(device);
  return device;
}

/** What the tests run on, or undefined on a machine without a Vulkan driver. */
export const adapter: AdapterReport | undefined = await findAdapter({ backend: "vulkan", quiet: true });

let real: Promise<OpenDevice> | undefined;
/** The device of the adapter; only where there is one. */
export function gpuDevice(): Promise<OpenDevice> {
  real ??= open({ backend: "vulkan" });
  return real;
}

let validator: Promise<OpenDevice> | undefined;
/** A device that runs nothing and has every feature: it says whether WGSL is valid, on any machine. */
export function nullDevice(): Promise<OpenDevice> {
  validator ??= open({ backend: "null", enable: ["allow_unsafe_apis"] });
  return validator;
}

export type GpuBody = (gpu: OpenDevice) => Promise<void>;

/**
 * `test` for bodies that need a GPU: they are skipped, visibly, where there is none, and an error that WebGPU reports is a
 * failure of the test that caused it.
 *
 *     const gpuTest = onGpu(test);
 *     gpuTest("adds", async () => { … });
 */
export function onGpu<T>(test: Test<T>): (name: string, body: GpuBody) => void {
  const run = skipUnless(test, adapter, "no Vulkan adapter");
  return (name, body) => run(name, async () => withErrorScopes(await gpuDevice(), name, body));
}

const FILTERS: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];

/** Runs `body`; throws what WebGPU reported meanwhile, and also when the body leaves an error scope open. */
export async function withErrorScopes(gpu: OpenDevice, name: string, body: GpuBody): Promise<void> {
  const { device } = gpu;
  const failures: unknown[] = [];
  for (const filter of FILTERS) device.pushErrorScope(filter);
  await body(gpu).catch((error: unknown) => failures.push(error));
  for (const _ of FILTERS) {
    const problem = await device.popErrorScope();
    if (problem) failures.push(new Error(`${name}: WebGPU reports: ${problem.message}`));
  }
  let left = 0;
  while (await hasScope(device)) left++;
  if (left > 0) failures.push(new Error(`${name}: leaves ${left} error scopes open, which hide later errors`));
  await gpu.check(name).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

const hasScope = (device: GPUDevice): Promise<boolean> =>
  device.popErrorScope().then(
    () => true,
    () => false,
  );
