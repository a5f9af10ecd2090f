import { Command, Option } from "commander";
import { type Compilation, compileGpt2, ENTRY_NAMES, type EntryName, targetByName } from "../codegen/index.ts";
import { type Gpt2Config, type Graph, indexGraph, printGraph, printNode } from "../ir/index.ts";
import { Explainer, type Pass, type PassReport } from "../passes/index.ts";
import { optionError } from "../runtime/errors.ts";
import {
  bufferBytes,
  type PlanCount,
  type PlanDim,
  type PlanEntry,
  printPlanDim,
  symbolMaxima,
} from "../runtime/index.ts";
import { chooseDType } from "./check-checkpoint.ts";
import { printMemoryTable } from "./inspect-memory.ts";
import { contextOption, dtypeOption, type MemoryOptions, withContext } from "./memory-options.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { readConfig } from "./read-config.ts";
import { collect, filePath } from "./usage.ts";

const STAGES = ["graph", "fused", "plan", "wgsl"] as const;

interface Options extends MemoryOptions, PluginOptions {
  readonly stage?: (typeof STAGES)[number];
  readonly entry: EntryName;
  readonly only?: string;
  readonly explain?: boolean;
  readonly memory?: boolean;
  readonly target: string;
  readonly disablePass?: readonly string[];
  readonly printIrAfter?: string;
  readonly json?: boolean;
}

export const inspectCommand = new Command("inspect")
  .summary("show a model's graph, fused graph, plan or kernels")
  .description(
    "Shows what becomes of MODEL, a preset or a checkpoint folder, on its way to kernels. Needs no GPU and no weights.",
  )
  .argument(
    "<model>",
    "a preset (gpt2, gpt2-medium, gpt2-large, gpt2-xl, gpt2-xl-overview) or a folder with config.json",
    filePath,
  )
  .addOption(new Option("--stage <stage>", "what to show; a summary when absent").choices(STAGES))
  .addOption(new Option("--entry <entry>", "which entry point").choices(ENTRY_NAMES).default("decode"))
  .option("--only <name>", "only what has NAME in its own name: values, steps, kernels, sites")
  .option("--explain", "list every candidate site of every rule: fired, or the first predicate that said no")
  .option("--memory", "what the model takes of the GPU's memory, by kind and by its largest buffers")
  .option("--target <name>", "what the kernels may count on", "webgpu-default")
  .addOption(dtypeOption())
  .addOption(contextOption())
  .addOption(pluginOption())
  .option("--disable-pass <name>", "leave a pass out; may be given several times", collect)
  .option("--print-ir-after <pass>", "show the graph after this pass (`all`: after each)")
  .option("--json", "print JSON where a script would want it: the summary, the plan, the explanation, the memory")
  .action(run);

async function run(model: string, options: Options, command: Command): Promise<void> {
  const config = withContext(await readConfig(model), options.context);
  const explainer = new Explainer();
  const dumps = new Map<string, Graph>();
  const compiled = compileGpt2(config, {
    target: targetByName(options.target),
    toolkit: await loadToolkit(options.plugin),
    weights: await chooseDType(options.dtype, model, config),
    disable: options.disablePass ?? [],
    allowExcess: true,
    entries: options.memory ? memoryEntries(options, command) : [options.entry],
    observe: () => [
      ...(options.explain ? [explainer] : []),
      ...(options.printIrAfter === undefined
        ? []
        : [{ after: (pass: Pass, graph: Graph) => dumps.set(pass.name, graph) }]),
    ],
  });
  const { excess } = compiled;
  if (excess) process.stderr.write(`wgpt: warning: ${excess.place}: ${excess.facts}\n`);
  if (options.memory) process.stdout.write(printMemoryTable(model, compiled.plan, options.json ?? false));
  else process.stdout.write(show(model, config, compiled, explainer.reports, dumps, options));
}

/** Those that `generate` loads, unless one was asked for. */
const memoryEntries = ({ entry }: Options, command: Command): readonly EntryName[] =>
  command.getOptionValueSource("entry") === "cli" ? [entry] : ["prefill", "decode"];

function show(
  model: string,
  config: Gpt2Config,
  compiled: Compilation,
  reports: readonly PassReport[],
  dumps: ReadonlyMap<string, Graph>,
  options: Options,
): string {
  const [entry] = compiled.entries;
  const [plan] = compiled.plan.entries;
  if (!entry || !plan) throw optionError(`inspect ${model}`, `there is no entry point ${options.entry}`);
  if (options.printIrAfter !== undefined) return printDumps(dumps, options.printIrAfter, options.only);
  if (options.explain) {
    const sites = only(reports, (r) => r.site, options.only, "site");
    return options.json ? `${JSON.stringify(sites)}\n` : printReports(sites);
  }
  switch (options.stage) {
    case "graph":
      return printPart(entry.graph, options.only);
    case "fused":
      return printPart(entry.fused, options.only);
    case "plan":
      return options.json ? `${JSON.stringify(compiled.plan)}\n` : printPlan(compiled, plan, options.only);
    case "wgsl":
      return only(compiled.plan.kernels, (k) => k.name, options.only, "kernel")
        .map((k) => `// ==== ${k.name}.wgsl ====\n${k.wgsl}`)
        .join("\n");
    case undefined:
      return printSummary(model, config, compiled, plan, options.json ?? false);
    default:
      return options.stage satisfies never;
  }
}

/** The items whose names contain `part`; throws naming some when there is none. */
function only<X>(items: readonly X[], name: (x: X) => string, part: string | undefined, what: string): readonly X[] {
  if (part === undefined) return items;
  const found = items.filter((x) => name(x).includes(part));
  if (found.length === 0)
    throw optionError(
      `--only ${part}`,
      `no ${what} has that in its name`,
      `there are ${items.slice(0, 3).map(name).join(", ")}, …`,
    );
  return found;
}

function printDumps(dumps: ReadonlyMap<string, Graph>, pass: string, part: string | undefined): string {
  if (pass === "all") return [...dumps].map(([name, g]) => `# after ${name}\n${printPart(g, part)}`).join("\n");
  const graph = dumps.get(pass);
  if (graph === undefined)
    throw optionError(`--print-ir-after ${pass}`, "no such pass ran", `these did: ${[...dumps.keys()].join(", ")}`);
  return printPart(graph, part);
}

function printPart(graph: Graph, part: string | undefined): string {
  if (part === undefined) return printGraph(graph);
  const nodes = only(graph.nodes, (n) => n.results.map((r) => r.name).join(" "), part, "value");
  const index = indexGraph(graph);
  return nodes
    .map(
      (n) =>
        `${printNode(n)}\n${n.results
          .map(
            (r) =>
              `    # ${r.name} is read by ${
                index
                  .users(r)
                  .map((u) => u.results[0]?.name ?? u.op.name)
                  .join(", ") || "nothing"
              }${index.isResult(r) ? ", returned" : ""}\n`,
          )
          .join("")}`,
    )
    .join("");
}

function printReports(reports: readonly PassReport[]): string {
  const width = (text: (r: PassReport) => string) => Math.max(0, ...reports.map((r) => text(r).length));
  const [passes, rules, sites] = [width((r) => r.pass), width((r) => r.rule), width((r) => r.site)];
  const lines = reports.map((r) => {
    const outcome = r.refusal ? `no     ${r.refusal.predicate}: ${r.refusal.facts}` : "fired";
    return `${r.pass.padEnd(passes)}  ${r.rule.padEnd(rules)}  ${r.site.padEnd(sites)}  ${outcome}`;
  });
  return `${lines.join("\n")}\n`;
}

const printProduct = (product: readonly PlanDim[]): string => product.map(printPlanDim).join("·");
const printGroups = (counts: readonly PlanCount[]): string =>
  counts
    .map(
      (c) =>
        c.map(({ dim, per }) => (per === 1 ? printPlanDim(dim) : `⌈${printPlanDim(dim)}/${per}⌉`)).join("·") || "1",
    )
    .join(" × ");

function printPlan({ plan }: Compilation, entry: PlanEntry, part: string | undefined): string {
  const steps = only(entry.steps, (s) => `${s.label} ${s.kernel}`, part, "step").map(
    (s) => `  ${s.label.padEnd(26)} ${s.kernel}\n    ${printGroups(s.workgroups)} workgroups; ${s.bindings.join(", ")}`,
  );
  const buffers = plan.buffers
    .filter((b) => part === undefined && b.kind !== "weight" && b.kind !== "state")
    .map(
      (b) =>
        `  ${b.name.padEnd(26)} ${b.kind.padEnd(10)} ${bufferBytes(b, symbolMaxima(plan))} bytes = max(${b.bytes.map(printProduct).join(", ")})`,
    );
  const head = `plan ${plan.name}, entry ${entry.name}, target ${plan.target}: ${entry.steps.length} dispatches, ${plan.kernels.length} kernels`;
  return `${[head, ...steps, ...(buffers.length > 0 ? ["buffers beside weights and states:", ...buffers] : [])].join("\n")}\n`;
}

function printSummary(
  model: string,
  config: Gpt2Config,
  { plan, entries }: Compilation,
  entry: PlanEntry,
  json: boolean,
): string {
  const bytes = (kind: string) =>
    plan.buffers.filter((b) => b.kind === kind).reduce((n, b) => n + bufferBytes(b, symbolMaxima(plan)), 0);
  const layer = entry.steps.filter((s) => s.label.startsWith("h.0.")).length;
  const facts = {
    model,
    config,
    parameters: plan.weights.reduce((n, w) => n + w.shape.reduce((m, d) => m * d, 1), 0),
    entry: entry.name,
    target: plan.target,
    nodes: entries[0]?.graph.nodes.length ?? 0,
    dispatches: entry.steps.length,
    dispatches_per_layer: layer,
    kernels: plan.kernels.length,
    bytes: {
      weights: bytes("weight"),
      states: bytes("state"),
      temporaries: bytes("temporary"),
      inputs_and_outputs: bytes("input") + bytes("output"),
    },
  };
  if (json) return `${JSON.stringify(facts)}\n`;
  const mib = (n: number) => `${(n / 1024 / 1024).toFixed(2)} MiB`;
  const settings = Object.entries(config).map(([k, v]) => `  ${k.padEnd(32)} ${[v].flat().join(", ") || "none"}`);
  return `${[
    `${model}: ${facts.parameters.toLocaleString("en-US")} parameters`,
    ...settings,
    `entry ${entry.name} for ${plan.target}`,
    `  ${facts.nodes} primitive ops → ${facts.dispatches} dispatches (${layer} a layer), ${facts.kernels} distinct kernels`,
    `  weights ${mib(facts.bytes.weights)}, caches ${mib(facts.bytes.states)}, temporaries ${mib(facts.bytes.temporaries)}, inputs and outputs ${mib(facts.bytes.inputs_and_outputs)}`,
    "next: --stage graph | fused | plan | wgsl, --explain",
  ].join("\n")}\n`;
}
