// The families that wgpt brings: a line for each.
import type { Family } from "../family.ts";
import { gpt2 } from "./gpt2/family.ts";

/** wgpt's own families. */
export const FAMILIES: readonly Family[] = [gpt2];
