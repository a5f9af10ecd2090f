// `wgpt inspect --stage plan`: the steps of an entry point, with what they bind, and its buffers.
import type { Compilation } from "../codegen/index.ts";
import {
  bufferBytes,
  type PlanCount,
  type PlanDim,
  type PlanEntry,
  printPlanDim,
  symbolMaxima,
} from "../runtime/index.ts";
import { counted } from "./counted.ts";
import { only } from "./only.ts";

const printProduct = (product: readonly PlanDim[]): string => product.map(printPlanDim).join("·");
const printGroups = (counts: readonly PlanCount[]): string =>
  counts
    .map(
      (c) =>
        c.map(({ dim, per }) => (per === 1 ? printPlanDim(dim) : `⌈${printPlanDim(dim)}/${per}⌉`)).join("·") || "1",
    )
    .join(" × ");

/** The steps of an entry point, and the buffers that are no weights and no states. */
export function printPlan({ plan }: Compilation, entry: PlanEntry, part: string | undefined): string {
  const steps = only(entry.steps, (s) => `${s.label} ${s.kernel}`, part, "step").map(
    (s) => `  ${s.label.padEnd(26)} ${s.kernel}\n    ${printGroups(s.workgroups)} workgroups; ${s.bindings.join(", ")}`,
  );
  const buffers = plan.buffers
    .filter((b) => part === undefined && b.kind !== "weight" && b.kind !== "state")
    .map(
      (b) =>
        `  ${b.name.padEnd(26)} ${b.kind.padEnd(10)} ${bufferBytes(b, symbolMaxima(plan))} bytes = max(${b.bytes.map(printProduct).join(", ")})`,
    );
  const head = `plan ${plan.name}, entry ${entry.name}, target ${plan.target}: ${counted(entry.steps.length, "dispatch", "dispatches")}, ${counted(plan.kernels.length, "kernel")}`;
  return `${[head, ...steps, ...(buffers.length > 0 ? ["buffers besides weights and states:", ...buffers] : [])].join("\n")}\n`;
}
