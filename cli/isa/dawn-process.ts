// The process in which Dawn makes SPIR-V of WGSL, on Mesa's lavapipe, which writes what it is given to MESA_SPIRV_DUMP_PATH.
// Started by dawn-spirv.ts.
import { readdirSync } from "node:fs";
import { type OpenDevice, openDawn } from "../../runtime/index.ts";
import { driverFault } from "./errors.ts";
import { serveRequests } from "./helper-process.ts";
import type { DawnReply, DawnRequest } from "./protocol.ts";

let opened: Promise<OpenDevice> | undefined;

serveRequests(async ({ kernel, wgsl, folder }: DawnRequest): Promise<DawnReply> => {
  opened ??= openDawn({ backend: "vulkan" });
  const { device, wait } = await opened;
  const before = new Set(readdirSync(folder));
  const module = device.createShaderModule({ label: kernel, code: wgsl });
  try {
    await wait(
      device.createComputePipelineAsync({ label: kernel, layout: "auto", compute: { module, entryPoint: "main" } }),
    );
  } catch (error) {
    const [why = ""] = error instanceof Error ? error.message.trim().split("\n") : [];
    throw driverFault(
      kernel,
      `Dawn does not take it on lavapipe: ${why}`,
      "lavapipe has less than some targets: choose another --target",
    );
  }
  return { files: readdirSync(folder).filter((name) => !before.has(name)) };
});
