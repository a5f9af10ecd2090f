// How long does each configuration of each kernel take on this adapter? For every distinct step of the presets' entry points: all
// configurations that take it, timed alone. What comes out calibrates the cost model, and shows how near to the best its choices are.
//
//     npx tsx bench/spaces.ts [--model gpt2]... [--weights f32]... [--entry decode]... [--choices] [--out FILE]
//
// Prints, and with --out appends, a line of JSON for each configuration: the time of a dispatch on the clock and on all cores
// together, what the cost model takes it to ask for, and what it predicts. With --choices a line for each step: the configuration that
// a plan has and the fastest one. Those predicted to take twice the least are left out, the rest timed once, and the fastest
// few and the chosen one again in turns; the last line says how many choices are within 10 % of the best.
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { PlanSymbolValues } from "../base/plan.ts";
import {
  type CompiledEntry,
  type ConfiguredKernel,
  candidates,
  compileEntries,
  compileModel,
  demandOf,
  predict,
  printConfig,
  rankKernels,
  renderShader,
  targetForAdapter,
} from "../codegen/index.ts";
import { regionKey } from "../codegen/region-key.ts";
import { type EntryName, FAMILIES, type Graph, isLiteral, type Node, updatedOperands } from "../ir/index.ts";
import { pipeline } from "../passes/index.ts";
import { Executor, openDawn, printAdapter } from "../runtime/index.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", multiple: true, default: ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"] },
    weights: { type: "string", multiple: true, default: ["f32", "f16"] },
    entry: { type: "string", multiple: true, default: ["decode", "prefill"] },
    choices: { type: "boolean", default: false },
    seconds: { type: "string", default: "0.03" },
    out: { type: "string" },
  },
});
// The node is what the passes made already.
const OPTIONAL_PASSES = pipeline()
  .filter((p) => p.role !== "required")
  .map((p) => p.name);
const LEAST = Number(values.seconds);
/** A configuration that is predicted to take this many times the least is no rival of the chosen one. */
const FAR = 2;
/** How many of the fastest are measured again beside the chosen one, and how often. */
const FINALISTS = 5;
const ROUNDS = 7;

const gpu = await openDawn({ quiet: true });
const target = targetForAdapter(gpu.adapter);
console.error(`on ${printAdapter(gpu.adapter)}`);
const seen = new Set<string>();
/** How many times the time of the fastest each choice takes. */
const choices: number[] = [];

/** A graph of the node alone; what it updates in place is a state. */
function graphOf(node: Node): Graph {
  const updated = new Set((node.body?.nodes ?? [node]).flatMap(updatedOperands));
  return {
    name: "alone",
    inputs: node.operands.flatMap((value, i, all) => {
      if (isLiteral(value) || all.indexOf(value) !== i) return [];
      const inner = node.body?.inputs[i]?.value ?? value;
      // Only weights may be stored as halves.
      const kind = updated.has(inner) ? "state" : value.type.dtype === "f16" ? "weight" : "input";
      return [{ kind, value }];
    }),
    nodes: [node],
    results: node.results,
  };
}

for (const model of values.model)
  for (const weights of values.weights as ("f32" | "f16")[])
    for (const entry of values.entry as EntryName[]) await measureEntry(model, weights, entry);
gpu.close();
if (values.choices) {
  const within = choices.filter((r) => r <= 1.1).length;
  console.error(
    `${within} of ${choices.length} choices (${Math.round((100 * within) / choices.length)} %) within 10 % of the best`,
  );
}

function say(facts: object): void {
  const line = JSON.stringify(facts);
  console.log(line);
  if (values.out) appendFileSync(values.out, `${line}\n`);
}

async function measureEntry(model: string, weights: "f32" | "f16", entry: EntryName): Promise<void> {
  const [family] = FAMILIES;
  const preset = family?.presets[model];
  if (!family || preset === undefined) throw new Error(`there is no preset ${model}`);
  const config = family.readConfig(preset);
  const compiled = compileModel(
    family,
    { ...config, n_layer: 1 },
    { target, weights, entries: [entry], allowExcess: true },
  );
  const [planned] = compiled.plan.entries;
  const [{ computed, lengths: symbols }] = compiled.entries as [CompiledEntry];
  for (const { node } of computed) {
    const key = `${regionKey(node)} ${JSON.stringify(symbols)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const step: Step = { node, symbols, fixed: planned?.fixed ?? {} };
    if (values.choices) {
      const choice = await judgeChoice(step);
      if (!choice) continue;
      choices.push(choice.ratio);
      say({ model, weights, entry, node: node.results[0]?.name, ...choice });
      continue;
    }
    for (const { kernel, configs } of candidates(node, target)) {
      // What the others are checked against takes minutes on a large matrix.
      if (/naive/.test(kernel.name) && /matmul|attention/.test(kernel.name)) continue;
      for (const config of configs) {
        const chosen = { kernel, config };
        const demand = demandOf(renderShader(chosen, node, target), symbols);
        const timing = await timed(step, chosen);
        say({
          model,
          weights,
          entry,
          node: node.results[0]?.name,
          kernel: kernel.name,
          config,
          ...timing,
          predicted: predict(demand, target.machine).seconds,
          demand,
        });
      }
    }
  }
}

interface Timing {
  readonly seconds: number;
  /** Of all cores together: what a software driver takes, whatever else the machine does. */
  readonly processor: number;
}

interface Step {
  readonly node: Node;
  readonly symbols: PlanSymbolValues;
  readonly fixed: PlanSymbolValues;
}

/** A dispatch of one step, again and again. */
interface Runner {
  /** The time of one, of as many as take about `LEAST` seconds. */
  time(): Promise<Timing>;
  destroy(): void;
}

async function runnerOf({ node, symbols, fixed }: Step, chosen: ConfiguredKernel): Promise<Runner> {
  const free = Object.fromEntries(Object.entries(symbols).filter(([name]) => !(name in fixed)));
  const { plan } = compileEntries("alone", [{ name: "run", graph: graphOf(node), maxima: symbols }], {
    target,
    kernelFor: () => chosen,
    disable: OPTIONAL_PASSES,
    allowExcess: true,
  });
  const executor = await Executor.create(gpu, plan);
  const wanted = Object.fromEntries(Object.entries(free).filter(([s]) => plan.symbols.some((p) => p.name === s)));
  executor.run("run", wanted);
  await executor.finish("warm up");
  let times: number | undefined;
  const once = async (count: number): Promise<Timing> => {
    const [began, used] = [performance.now(), process.cpuUsage()];
    for (let i = 0; i < count; i++) executor.run("run", wanted);
    await executor.finish("timing");
    const { user, system } = process.cpuUsage(used);
    return { seconds: (performance.now() - began) / 1000 / count, processor: (user + system) / 1e6 / count };
  };
  return {
    async time() {
      for (times ??= 1; ; ) {
        const timing = await once(times);
        const spent = timing.seconds * times;
        if (spent >= LEAST) return timing;
        times = Math.ceil(times * Math.min(20, (1.2 * LEAST) / spent));
      }
    },
    destroy: () => executor.destroy(),
  };
}

function median(of: readonly number[]): number {
  return of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)] ?? Number.NaN;
}

/** The median of three measurements of one dispatch. */
async function timed(step: Step, chosen: ConfiguredKernel): Promise<Timing> {
  const runner = await runnerOf(step, chosen);
  try {
    const all = [await runner.time(), await runner.time(), await runner.time()];
    return { seconds: median(all.map((t) => t.seconds)), processor: median(all.map((t) => t.processor)) };
  } finally {
    runner.destroy();
  }
}

/** Of one step; times are the processor's. */
interface Choice {
  readonly ratio: number;
  readonly configurations: number;
  readonly measured: number;
  readonly chosen: string;
  readonly seconds: number;
  readonly best: string;
  readonly bestSeconds: number;
  readonly predicted: number;
  readonly bestPredicted: number;
}

/** How the chosen configuration compares with the fastest of all that take the step; nothing where there is no choice. */
async function judgeChoice(step: Step): Promise<Choice | undefined> {
  const ranks = rankKernels(step.node, target, step.symbols);
  const [first] = ranks;
  if (!first || ranks.length === 1) return undefined;
  const near = ranks.filter((r) => r.prediction.seconds <= FAR * first.prediction.seconds);
  const trials: { readonly rank: (typeof ranks)[number]; readonly processor: number }[] = [];
  for (const rank of near) {
    const runner = await runnerOf(step, rank);
    trials.push({ rank, processor: (await runner.time()).processor });
    runner.destroy();
  }
  const fastest = trials.toSorted((a, b) => a.processor - b.processor).slice(0, FINALISTS);
  const finalists = [...new Set([first, ...fastest.map((t) => t.rank)])];
  const runners: Runner[] = [];
  for (const rank of finalists) runners.push(await runnerOf(step, rank));
  const times: number[][] = finalists.map(() => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, runner] of runners.entries()) times[i]?.push((await runner.time()).processor);
  for (const runner of runners) runner.destroy();
  const finals = finalists.map((rank, i) => ({ rank, processor: median(times[i] ?? []) }));
  const best = finals.reduce((a, b) => (b.processor < a.processor ? b : a));
  const own = finals[0]?.processor ?? Number.NaN;
  const printed = ({ kernel, config }: ConfiguredKernel): string => `${kernel.name} ${printConfig(config)}`;
  return {
    ratio: own / best.processor,
    configurations: ranks.length,
    measured: near.length,
    chosen: printed(first),
    seconds: own,
    best: printed(best.rank),
    bestSeconds: best.processor,
    predicted: first.prediction.seconds,
    bestPredicted: best.rank.prediction.seconds,
  };
}
