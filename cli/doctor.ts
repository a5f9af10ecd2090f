import { arch, cpus, platform, release } from "node:os";
import { Command } from "commander";
import { targetForAdapter } from "../codegen/index.ts";
import { type AdapterReport, findAdapter, OPTIONAL_FEATURES, openDawn, printAdapter } from "../runtime/index.ts";
import { planDriver, printSteps } from "./driver/driver-plan.mjs";
import { readMachine } from "./driver/machine.mjs";
import { printJson, printLines } from "./terminal.ts";

export const doctorCommand = new Command("doctor")
  .summary("what wgpt would run on, and what to install")
  .description(
    "Looks for an adapter, opens a device on it, and says what would be used and why; where nothing works, what to install. Exits with 1 then.",
  )
  .option("--json", "print one object")
  .action(run);

interface Finding {
  readonly adapter?: AdapterReport;
  /** Why there is none, or why it can't be used. */
  readonly problem?: string;
}

async function look(): Promise<Finding> {
  try {
    const adapter = await findAdapter({ quiet: true });
    if (!adapter) return { problem: "Dawn finds no adapter" };
    (await openDawn({ quiet: true })).close();
    return { adapter };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

async function run(options: { readonly json?: boolean }): Promise<void> {
  const { adapter, problem } = await look();
  const machine = {
    node: process.version,
    platform: platform(),
    arch: arch(),
    release: release(),
    processors: cpus().length,
  };
  if (options.json) {
    const target = adapter && targetForAdapter(adapter).name;
    printJson({
      machine,
      adapter: adapter ?? null,
      target: target ?? null,
      problem: problem ?? null,
      advice: adapter ? null : advice(),
    });
  } else
    printLines(
      adapter
        ? describe(machine, adapter)
        : `node ${machine.node} on ${machine.platform} ${machine.arch}\nno adapter: ${problem ?? "unknown"}\n\n${advice()}\n`,
    );
  if (!adapter) process.exitCode = 1;
}

function describe(
  machine: { readonly node: string; readonly platform: string; readonly arch: string; readonly processors: number },
  adapter: AdapterReport,
): string {
  const target = targetForAdapter(adapter);
  const why = adapter.software
    ? "a software adapter: it runs on the processor, and is used because no GPU's driver answers; its speed says nothing about a GPU"
    : "the adapter that Dawn ranks first for high performance";
  return `${[
    `node ${machine.node} on ${machine.platform} ${machine.arch}, ${machine.processors} processors`,
    `adapter   ${printAdapter(adapter)}`,
    `why       ${why}`,
    `target    ${target.name}: ${target.summary}`,
    `features  ${describeFeatures(adapter)}`,
    "limits",
    ...Object.entries(adapter.limits).map(([name, value]) => `  ${name.padEnd(36)} ${value}`),
    "everything wgpt needs is there",
  ].join("\n")}\n`;
}

/** The features that kernels can use; --json lists all, of which dozens are for drawing. */
function describeFeatures({ features }: AdapterReport): string {
  const used = OPTIONAL_FEATURES.filter((feature) => features.includes(feature));
  return `${used.join(", ") || "none that kernels can use"} (of ${features.length})`;
}

function advice(): string {
  const plan = planDriver(readMachine());
  return plan.kind === "advice" ? `what to do: ${plan.advice}` : `what to do: run\n${printSteps(plan.steps)}`;
}
