// How long does each configuration of each kernel take on this adapter? For every distinct step of the presets' entry points: all
// configurations that take it, timed alone. What comes out calibrates the cost model, and shows how near to the best its choices are.
//
//     npx tsx bench/spaces.ts [--model gpt2]... [--weights f32]... [--entry decode]... [--out FILE]
//
// Prints, and with --out appends, a line of JSON for each configuration: the time of a dispatch on the clock and on all cores
// together, what the cost model takes it to ask for, and what it predicts.
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
    seconds: { type: "string", default: "0.03" },
    out: { type: "string" },
  },
});
// The node is what the passes made already.
const OPTIONAL_PASSES = pipeline()
  .filter((p) => p.role !== "required")
  .map((p) => p.name);
const LEAST = Number(values.seconds);

const gpu = await openDawn({ quiet: true });
const target = targetForAdapter(gpu.adapter);
console.error(`on ${printAdapter(gpu.adapter)}`);
const seen = new Set<string>();

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
    for (const { kernel, configs } of candidates(node, target)) {
      // What the others are checked against takes minutes on a large matrix.
      if (/naive/.test(kernel.name) && /matmul|attention/.test(kernel.name)) continue;
      for (const config of configs) {
        const chosen = { kernel, config };
        const demand = demandOf(renderShader(chosen, node, target), symbols);
        const timing = await timed(node, chosen, symbols, planned?.fixed ?? {});
        const line = JSON.stringify({
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
        console.log(line);
        if (values.out) appendFileSync(values.out, `${line}\n`);
      }
    }
  }
}

interface Timing {
  readonly seconds: number;
  /** Of all cores together: what a software driver takes, whatever else the machine does. */
  readonly processor: number;
}

/** The median of three measurements of one dispatch, each of as many as take `LEAST` seconds. */
async function timed(
  node: Node,
  chosen: ConfiguredKernel,
  symbols: PlanSymbolValues,
  fixed: PlanSymbolValues,
): Promise<Timing> {
  const free = Object.fromEntries(Object.entries(symbols).filter(([name]) => !(name in fixed)));
  const { plan } = compileEntries("alone", [{ name: "run", graph: graphOf(node), maxima: symbols }], {
    target,
    kernelFor: () => chosen,
    disable: OPTIONAL_PASSES,
    allowExcess: true,
  });
  const executor = await Executor.create(gpu, plan);
  try {
    const wanted = Object.fromEntries(Object.entries(free).filter(([s]) => plan.symbols.some((p) => p.name === s)));
    executor.run("run", wanted);
    await executor.finish("warm up");
    let times = 1;
    const spent: Timing[] = [];
    while (spent.length < 3) {
      const [began, used] = [performance.now(), process.cpuUsage()];
      for (let i = 0; i < times; i++) executor.run("run", wanted);
      await executor.finish("timing");
      const seconds = (performance.now() - began) / 1000;
      const { user, system } = process.cpuUsage(used);
      if (seconds < LEAST && spent.length === 0) times = Math.ceil(times * Math.min(20, (1.2 * LEAST) / seconds));
      else spent.push({ seconds: seconds / times, processor: (user + system) / 1e6 / times });
    }
    const middle = (of: keyof Timing): number => spent.map((t) => t[of]).sort((a, b) => a - b)[1] ?? Number.NaN;
    return { seconds: middle("seconds"), processor: middle("processor") };
  } finally {
    executor.destroy();
  }
}
