// `wgpt inspect --memory`: what a model takes of the GPU's memory, by kind and by its largest buffers.
import { largestBuffers, memoryNeed, memoryParts, type Plan, printBytes } from "../runtime/index.ts";
import { memoryJson } from "./memory.ts";

const LARGEST = 5;

export function printMemoryTable(model: string, plan: Plan, json: boolean): string {
  const need = memoryNeed(plan);
  const largest = largestBuffers(plan, LARGEST);
  const entries = plan.entries.map((e) => e.name);
  const dtype = plan.weights.some((w) => w.dtype === "f16") ? "f16" : "f32";
  const context = plan.model?.n_ctx;
  if (json)
    return `${JSON.stringify({
      model,
      entries,
      target: plan.target,
      dtype,
      ...(context !== undefined && { context }),
      bytes: memoryJson(need),
      largest: largest.map(({ name, kind, size }) => ({ name, kind, bytes: size })),
    })}\n`;
  const row = (name: string, bytes: number, more = "") =>
    `  ${name.padEnd(28)} ${printBytes(bytes).padStart(10)}${more}`;
  return `${[
    `${model} as ${dtype}${context === undefined ? "" : ` with a context of ${context}`}, for ${entries.join(" and ")} on ${plan.target}`,
    ...memoryParts(need).map(([name, bytes]) => row(name, bytes)),
    row("all", need.total),
    "largest buffers",
    ...largest.map(({ name, kind, size }) => row(name, size, `  ${kind}`)),
  ].join("\n")}\n`;
}
