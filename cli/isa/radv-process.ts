// The process that compiles for one of AMD's GPUs: RADV_FORCE_FAMILY says which. Started by machine-code.ts.
import { missing } from "./errors.ts";
import { serveRequests } from "./helper-process.ts";
import type { RadvReply, RadvRequest } from "./protocol.ts";
import { RadvDevice } from "./vulkan.ts";

let opened: Promise<RadvDevice> | undefined;

async function open(): Promise<RadvDevice> {
  const { default: koffi } = await import("koffi").catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw missing(
      "koffi",
      `the package koffi, which calls Mesa's driver, can't be loaded: ${why}`,
      "it is an optional package: npm install koffi",
    );
  });
  return new RadvDevice(koffi);
}

serveRequests(async (request: RadvRequest): Promise<RadvReply> => {
  opened ??= open();
  const device = await opened;
  return "spirv" in request ? device.compile(request.spirv, request.kernel) : { driver: device.driver };
});
