// What the command and the processes that load drivers for it say to each other.
import type { CompiledShader } from "./vulkan.ts";

/** To dawn-process.ts. */
export interface DawnRequest {
  readonly kernel: string;
  readonly wgsl: string;
  /** Where Mesa writes what it is given. */
  readonly folder: string;
}

export interface DawnReply {
  /** Names of the files of SPIR-V that Mesa wrote. */
  readonly files: readonly string[];
}

/** To radv-process.ts: to open the driver, which every other request does too, or to compile. */
export type RadvRequest = { readonly open: true } | { readonly kernel: string; readonly spirv: Uint8Array };

export type RadvReply = { readonly driver: string } | CompiledShader;
