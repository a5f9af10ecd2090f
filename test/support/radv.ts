// Whether AMD's compiler can be called here: Mesa's two drivers and the optional package koffi.
import { findDriver } from "../../cli/isa/drivers.ts";

async function whatIsMissing(): Promise<string | undefined> {
  try {
    for (const driver of ["radv", "lavapipe"] as const) findDriver(driver);
    await import("koffi");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error);
  }
}

/** Why the compiler can't be called; undefined where it can. */
export const noRadv: string | undefined = await whatIsMissing();
