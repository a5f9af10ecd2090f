// `wgpt roofline`: how long a model's steps are predicted to take on a machine, and what holds each of them back. Needs no GPU.
import { Command, InvalidArgumentError, Option } from "commander";
import { PLAIN_TARGET } from "../base/index.ts";
import { ENTRY_NAMES, standard, TARGETS, type Target, targetByName } from "../codegen/index.ts";
import { embeddedModel, presetNames } from "../engine/index.ts";
import { printWarning } from "./errors.ts";
import { openSubject, type SubjectOptions } from "./inspect-subject.ts";
import { maxOption } from "./max-option.ts";
import { cacheDtypeOption, contextOption, dtypeOption } from "./memory-options.ts";
import { claimFile, writeOutputFile } from "./output-file.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { PLOT, plotRooflines } from "./roofline-plot.ts";
import { reportJson, rooflineReport } from "./roofline-report.ts";
import { printRoofline } from "./roofline-text.ts";
import { printJson, printLines } from "./terminal.ts";
import { collect, count, filePath } from "./usage.ts";

interface Options extends SubjectOptions, PluginOptions {
  readonly gpu: readonly Target[];
  readonly past?: number;
  readonly svg?: string;
  readonly disablePass?: readonly string[];
  readonly json?: boolean;
}

/** `h100,rtx-4060`; one that is given twice is taken once. */
function readMachines(text: string): readonly Target[] {
  const targets = text.split(",").map((name) => {
    try {
      return targetByName(name.trim());
    } catch {
      throw new InvalidArgumentError(
        `There is no machine ${name.trim() || "without a name"}; there are ${Object.keys(TARGETS).join(", ")}.`,
      );
    }
  });
  return [...new Set(targets)];
}

export const rooflineCommand = new Command("roofline")
  .summary("predict what bounds each step of a model on a GPU")
  .description(
    "Predicts how long each distinct step of MODEL takes on a machine, and what bounds it: memory, latency (too few loads on their way), the cache, shared (workgroup memory), arithmetic, the launch. Nothing is measured, and no GPU and no weights are needed. Steps that take most of the time come first. memory: bytes that a call touches, each once, in KiB or MiB; multiply-adds: of a call, two operations each; GB/s (10^9 bytes) and GFLOP/s: these by the predicted time; share: of the time of all calls.",
  )
  .argument(
    "[model]",
    `a preset (${presetNames(standard)}), a folder with config.json, or a file of graphs (default: the embedded model)`,
    filePath,
  )
  .addOption(
    new Option(
      "--gpu <id,…>",
      `the machines that kernels are compiled for and predicted on: ${Object.keys(TARGETS).join(", ")}`,
    )
      .argParser(readMachines)
      .default([targetByName(PLAIN_TARGET)], PLAIN_TARGET),
  )
  .option(
    "--entry <entry>",
    `which entry point: ${ENTRY_NAMES.join(", ")}, or a graph of the file (default: decode, or the first)`,
  )
  .option("--past <n>", "tokens that stand before (default: half of the context)", count)
  .option("--svg <file>", "write a roofline plot as SVG: FLOP/s against FLOP for each byte of memory", filePath)
  .addOption(maxOption())
  .addOption(dtypeOption())
  .addOption(cacheDtypeOption())
  .addOption(contextOption())
  .addOption(pluginOption())
  .option("--disable-pass <name>", "leave a compiler pass out; may be given several times", collect)
  .option("--json", "print one object")
  .action(run);

async function run(given: string | undefined, options: Options): Promise<void> {
  const { svg, past, gpu } = options;
  if (svg !== undefined) await claimFile(svg, PLOT);
  const name = given ?? "embedded";
  const toolkit = await loadToolkit(options.plugin);
  const subject = await openSubject(given ?? (await embeddedModel()), options, toolkit);
  const reports = gpu.map((target) => {
    const compiled = subject.compile({ target, toolkit, disable: options.disablePass ?? [], allowExcess: true }, false);
    if (compiled.excess) printWarning(`${target.name}: ${compiled.excess.place}: ${compiled.excess.facts}`);
    return rooflineReport(compiled, target, toolkit, past);
  });
  if (svg !== undefined) await writeOutputFile(svg, PLOT, plotRooflines(name, reports));
  if (options.json) {
    const [first] = reports;
    printJson({ model: name, entry: first?.entry, dtype: first?.dtype, machines: reports.map(reportJson) });
  } else printLines(reports.map((report) => printRoofline(name, report)).join("\n"));
}
