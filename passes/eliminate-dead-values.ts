import { withoutDeadNodes } from "../ir/index.ts";
import type { Pass } from "./pass.ts";

/** Drops what nothing needs. */
export const eliminateDeadValues: Pass = {
  name: "eliminate-dead-values",
  summary: "drop nodes whose results nothing reads",
  role: "simplify",
  run: withoutDeadNodes,
};
