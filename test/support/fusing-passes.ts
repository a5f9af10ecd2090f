// The passes that fuse, by name: what a test leaves out to see a graph unfused.
import { PASSES } from "../../passes/pipeline.ts";

export const FUSING_PASSES: readonly string[] = PASSES.filter((p) => p.role === "fuse").map((p) => p.name);
