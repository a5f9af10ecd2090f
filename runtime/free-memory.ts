// How much memory a process may still take, on Node.
import { freemem } from "node:os";

/** Bytes that the system would give without swapping; fewer where the process runs in a container with a limit. */
export const freeBytes = (): number => Math.min(freemem(), process.availableMemory?.() ?? Number.POSITIVE_INFINITY);
