import { Command, Option } from "commander";
import { type Compilation, ENTRY_NAMES, standard, type Toolkit, targetByName } from "../codegen/index.ts";
import { presetNames } from "../engine/index.ts";
import { type Graph, indexGraph, printGraph, printNode, unreachable } from "../ir/index.ts";
import { Explainer, type Pass, type PassReport } from "../passes/index.ts";
import { bufferBytes, optionError, type PlanEntry, symbolMaxima } from "../runtime/index.ts";
import { counted } from "./counted.ts";
import { printWarning } from "./errors.ts";
import { checkIsaOptions, codeOption, gpuOption, type IsaOptions, inspectIsa } from "./inspect-isa.ts";
import { printMemoryTable } from "./inspect-memory.ts";
import { printPlan } from "./inspect-plan.ts";
import { openSubject, type Subject, type SubjectOptions } from "./inspect-subject.ts";
import { candidatesJson, printCandidates, stepCandidates } from "./kernel-candidates.ts";
import { maxOption } from "./max-option.ts";
import { cacheDtypeOption, contextOption, dtypeOption } from "./memory-options.ts";
import { kernelsOf, only } from "./only.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { targetOption } from "./target-option.ts";
import { printLines } from "./terminal.ts";
import { collect, filePath } from "./usage.ts";

const STAGES = ["graph", "fused", "plan", "kernels", "wgsl", "isa"] as const;

interface Options extends SubjectOptions, PluginOptions, IsaOptions {
  readonly stage?: (typeof STAGES)[number];
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
    "Shows what becomes of MODEL, a preset, a checkpoint folder or a file of graphs, on its way to kernels. Needs no GPU and no weights.",
  )
  .argument("<model>", `a preset (${presetNames(standard)}), a folder with config.json, or a file of graphs`, filePath)
  .addOption(new Option("--stage <stage>", "what to show; a summary when absent").choices(STAGES))
  .option(
    "--entry <entry>",
    `which entry point: ${ENTRY_NAMES.join(", ")}, or a graph of the file (default: decode, or the first)`,
  )
  .addOption(maxOption())
  .option("--only <name>", "only what has NAME in its own name: values, steps and their kernels, sites")
  .option(
    "--explain",
    "list every candidate site of every rule: fired, or the first predicate that said no; then kernels as --stage kernels",
  )
  .option("--memory", "what the model takes of the GPU's memory, by kind and by its largest buffers")
  .addOption(gpuOption())
  .addOption(codeOption())
  .addOption(targetOption())
  .addOption(dtypeOption())
  .addOption(cacheDtypeOption())
  .addOption(contextOption())
  .addOption(pluginOption())
  .option("--disable-pass <name>", "leave a pass out; may be given several times", collect)
  .option("--print-ir-after <pass>", "show the graph after this pass (`all`: after each)")
  .option(
    "--json",
    "print JSON where a script would want it: the summary, the plan, kernels, machine code, the explanation, the memory",
  )
  .action(run);

async function run(model: string, options: Options): Promise<void> {
  if (options.only !== undefined && !narrows(options))
    throw optionError(
      `--only ${options.only}`,
      options.memory
        ? "is given, but --memory counts the whole model"
        : "is given, but the summary is of the whole model",
      `give --stage, --explain or --print-ir-after ${options.memory ? "in its place" : "with it"}`,
    );
  const [shown, other] = views(options);
  if (other !== undefined)
    throw optionError(shown ?? other, `is given, but so is ${other}, and one is shown`, "give one of them at a time");
  checkIsaOptions(options, options.stage);
  const toolkit = await loadToolkit(options.plugin);
  const subject = await openSubject(model, options, toolkit);
  const explainer = new Explainer();
  const dumps = new Map<string, Graph>();
  const compiled = subject.compile(
    {
      target: targetByName(options.target),
      toolkit,
      disable: options.disablePass ?? [],
      allowExcess: true,
      observe: () => [
        ...(options.explain ? [explainer] : []),
        ...(options.printIrAfter === undefined
          ? []
          : [{ after: (pass: Pass, graph: Graph) => dumps.set(pass.name, graph) }]),
      ],
    },
    options.memory === true,
  );
  const { excess } = compiled;
  if (excess) printWarning(`${excess.place}: ${excess.facts}`);
  printLines(
    options.memory
      ? printMemoryTable(model, compiled.plan, options.json ?? false)
      : await show(model, subject, compiled, { reports: explainer.reports, dumps, toolkit }, options),
  );
}

/** The options that say what to show. */
const views = ({ stage, explain, memory, printIrAfter }: Options): readonly string[] => [
  ...(memory ? ["--memory"] : []),
  ...(printIrAfter === undefined ? [] : ["--print-ir-after"]),
  ...(explain ? ["--explain"] : []),
  ...(stage === undefined ? [] : ["--stage"]),
];

/** Whether what is shown has names that `--only` can be held against. */
const narrows = ({ stage, explain, memory, printIrAfter }: Options): boolean =>
  !memory && (stage !== undefined || explain === true || printIrAfter !== undefined);

/** What was seen while it was compiled, and with what. */
interface Seen {
  readonly reports: readonly PassReport[];
  readonly dumps: ReadonlyMap<string, Graph>;
  readonly toolkit: Toolkit;
}

async function show(
  model: string,
  subject: Subject,
  compiled: Compilation,
  { reports, dumps, toolkit }: Seen,
  options: Options,
): Promise<string> {
  const [entry] = compiled.entries;
  const [plan] = compiled.plan.entries;
  if (!entry || !plan) return unreachable("a compilation without an entry point");
  if (options.printIrAfter !== undefined) return printDumps(dumps, options.printIrAfter, options.only);
  const kernels = () => stepCandidates(compiled.plan, entry, targetByName(options.target), toolkit);
  if (options.explain) {
    const sites = only(reports, (r) => r.site, options.only, "site");
    if (options.json) return `${JSON.stringify(sites)}\n`;
    return options.only === undefined
      ? `${printReports(sites)}\n${printCandidates(kernels(), options.target, entry.lengths)}`
      : printReports(sites);
  }
  switch (options.stage) {
    case "graph":
      return printPart(entry.graph, options.only);
    case "fused":
      return printPart(entry.fused, options.only);
    case "plan":
      return options.json ? `${JSON.stringify(compiled.plan)}\n` : printPlan(compiled, plan, options.only);
    case "kernels": {
      const shown = only(kernels(), (k) => `${k.step} ${k.kernel}`, options.only, "step");
      return options.json
        ? `${JSON.stringify(candidatesJson(shown, entry.lengths))}\n`
        : printCandidates(shown, options.target, entry.lengths);
    }
    case "wgsl":
      return kernelsOf(compiled.plan, plan, options.only)
        .map((k) => `// ==== ${k.name}.wgsl ====\n${k.wgsl}`)
        .join("\n");
    case "isa":
      return inspectIsa(model, compiled.plan, plan, options);
    case undefined:
      return printSummary(model, subject, compiled, plan, options.json ?? false);
    default:
      return options.stage satisfies never;
  }
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

function printSummary(
  model: string,
  { facts: given }: Subject,
  { plan, entries }: Compilation,
  entry: PlanEntry,
  json: boolean,
): string {
  const bytes = (kind: string) =>
    plan.buffers.filter((b) => b.kind === kind).reduce((n, b) => n + bufferBytes(b, symbolMaxima(plan)), 0);
  // Names of the first layer's values have its number as a part.
  const layer = entry.steps.filter((s) => /(?:^|\.)0\./.test(s.label)).length;
  const facts = {
    model,
    ...given,
    parameters: plan.weights.reduce((n, w) => n + w.shape.reduce((m, d) => m * d, 1), 0),
    entry: entry.name,
    target: plan.target,
    nodes: entries[0]?.graph.nodes.length ?? 0,
    dispatches: entry.steps.length,
    ...("config" in given && { dispatches_per_layer: layer }),
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
  const layers = "config" in given ? ` (${layer} a layer)` : "";
  const settings = Object.entries("config" in given ? given.config : given.maxima).map(
    ([k, v]) => `  ${k.padEnd(32)} ${[v].flat().join(", ") || "none"}`,
  );
  return `${[
    `${model}: ${facts.parameters.toLocaleString("en-US")} parameters`,
    ...settings,
    `entry ${entry.name} for ${plan.target}`,
    `  ${counted(facts.nodes, "primitive op")} → ${counted(facts.dispatches, "dispatch", "dispatches")}${layers}, ${counted(facts.kernels, "distinct kernel")}`,
    `  weights ${mib(facts.bytes.weights)}, caches ${mib(facts.bytes.states)}, temporaries ${mib(facts.bytes.temporaries)}, inputs and outputs ${mib(facts.bytes.inputs_and_outputs)}`,
    "next: --stage graph | fused | plan | kernels | wgsl | isa, --explain",
  ].join("\n")}\n`;
}
