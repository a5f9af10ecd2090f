// `wgpt inspect --stage isa`: the machine code that AMD's compiler makes of a model's kernels, without a GPU.
import { Option } from "commander";
import { optionError, type Plan, type PlanEntry } from "../runtime/index.ts";
import { counted } from "./counted.ts";
import { GPU_IDS, type Gpu, readGpus } from "./isa/gpus.ts";
import { compileForGpus, type Progress } from "./isa/machine-code.ts";
import { codeJson, printCode, printCodeTable } from "./isa/print-code.ts";
import { kernelsOf } from "./only.ts";

export interface IsaOptions {
  readonly gpu?: readonly Gpu[];
  readonly code?: boolean;
  readonly only?: string;
  readonly json?: boolean;
}

export const gpuOption = (): Option =>
  new Option(
    "--gpu <id,…>",
    `with --stage isa: for which of AMD's GPUs, ${GPU_IDS.join(", ")} or a family of Mesa's such as gfx1201`,
  ).argParser(readGpus);

export const codeOption = (): Option =>
  new Option("--code", "with --stage isa: print the code of all kernels, as it is of one that --only leaves");

/** @throws RuntimeError for a stage without its GPUs, or for what is of this stage with another. */
export function checkIsaOptions({ gpu, code }: IsaOptions, stage: string | undefined): void {
  if (stage === "isa" && gpu === undefined)
    throw optionError(
      "--stage isa",
      "is given, but no GPU",
      `give --gpu: ${GPU_IDS.join(", ")}, or a family of Mesa's`,
    );
  const other = gpu !== undefined ? "--gpu" : code ? "--code" : undefined;
  if (stage !== "isa" && other !== undefined)
    throw optionError(other, "is given, but says what is shown of machine code", "give --stage isa with it");
}

/** A table of what the code says of itself, and the code where it is asked for or is that of one kernel. */
export async function inspectIsa(model: string, plan: Plan, entry: PlanEntry, options: IsaOptions): Promise<string> {
  const kernels = kernelsOf(plan, entry, options.only);
  const codes = await compileForGpus(kernels, options.gpu ?? [], printProgress());
  const calls = new Map(kernels.map((k) => [k.name, entry.steps.filter((s) => s.kernel === k.name).length]));
  const withCode = options.code === true || (options.only !== undefined && kernels.length === 1);
  const of = { model, entry: entry.name, target: plan.target };
  if (options.json) return `${JSON.stringify({ ...of, gpus: codeJson(codes, calls, withCode) })}\n`;
  const title = `${model}, entry ${entry.name}, target ${plan.target}: ${counted(kernels.length, "kernel")}`;
  return `${printCodeTable(title, codes, calls)}${withCode ? `\n${printCode(codes)}` : ""}`;
}

const EVERY_MS = 3000;

/** A line on stderr every few seconds. */
function printProgress(): Progress {
  let last = performance.now();
  return (done, all) => {
    if (performance.now() - last < EVERY_MS) return;
    last = performance.now();
    process.stderr.write(`wgpt: compiled ${done} of ${all} shaders\n`);
  };
}
