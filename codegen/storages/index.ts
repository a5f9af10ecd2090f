// The storages that there are, and how each dtype lies in a buffer. A plugin brings storages of its own.
import type { DType } from "../../ir/index.ts";
import type { BufferFormat } from "../buffer-format.ts";
import type { Storage } from "../storage.ts";
import { f16, halves } from "./f16.ts";
import { bools, f32, scalars } from "./f32.ts";

/** wgpt's own; the last that knows how a value lies is asked. */
export const STORAGES: readonly Storage[] = [f32, f16];

/** How buffers of each dtype are bound and read. */
export const BUFFER_FORMATS: Readonly<Record<DType, BufferFormat>> = {
  f32: scalars("f32"),
  f16: halves,
  i32: scalars("i32"),
  u32: scalars("u32"),
  bool: bools,
};
