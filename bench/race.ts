// wgpt beside llama.cpp's Vulkan backend, on one adapter and in turns: a slow minute of the machine hits both. Each round
// asks both for a prompt of 128 tokens and for greedy tokens after a prompt of 16; the table gives medians over the rounds.
//
//     npx tsx bench/race.ts --peers DIR --model DIR [--gguf FILE] [--weights f32|f16] [--rounds 3] [--runs 3] [--new 24]
//
// DIR of --peers holds llama/bench.mjs with its packages, which prints a measurement as one line of JSON, and common.mjs,
// whose `measure` waits for a quiet machine, for both sides alike; --model is a checkpoint folder, --gguf the same weights
// for llama.cpp. Exits with 1 when the two pick different tokens.

import { execFile } from "node:child_process";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import { spreadOf } from "../cli/measure.ts";
import { compileModel, standard, targetForAdapter } from "../codegen/index.ts";
import { readModel } from "../engine/index.ts";
import { drawAhead, Model, openCheckpoint, openDawn, printAdapter, type Session } from "../runtime/index.ts";

/** What one side measured in one round, in tokens a second, and the tokens it picked. */
interface Lap {
  readonly adapter: string;
  readonly decode: number;
  readonly prefill: number;
  readonly greedy: readonly number[];
}

const { values } = parseArgs({
  options: {
    peers: { type: "string" },
    model: { type: "string" },
    gguf: { type: "string" },
    weights: { type: "string", default: "f32" },
    rounds: { type: "string", default: "3" },
    runs: { type: "string", default: "3" },
    new: { type: "string", default: "24" },
  },
});
const { peers, model: folder, weights } = values;
if (peers === undefined || folder === undefined || (weights !== "f32" && weights !== "f16"))
  throw new Error("give --peers DIR and --model DIR, and --weights f32 or f16");
const gguf = resolve(values.gguf ?? join(peers, "models/gpt2-f32.gguf"));
const [rounds, runs, tokens] = [values.rounds, values.runs, values.new].map(Number) as [number, number, number];

/** The peers' own: the prompt that each gets, and medians of runs that nothing else disturbed, where there are any. */
interface Common {
  promptIds(n: number): number[];
  measure(run: () => Promise<number>, options: { runs: number }): Promise<{ readonly median: number }>;
}
const { promptIds, measure } = (await import(pathToFileURL(resolve(peers, "common.mjs")).href)) as Common;

async function lapOf(session: Session): Promise<Lap> {
  let greedy: number[] = [];
  const decode = async () => {
    await session.reset();
    greedy = [];
    let start = 0;
    for await (const token of drawAhead(session, promptIds(16), { temperature: 0, seed: 0, count: tokens })) {
      if (greedy.length === 0) start = performance.now();
      greedy.push(token);
    }
    return ((tokens - 1) * 1000) / (performance.now() - start);
  };
  const prefill = async () => {
    await session.reset();
    const start = performance.now();
    await session.drawAfter(promptIds(128), { temperature: 0 }, 0);
    return 128000 / (performance.now() - start);
  };
  const [decoded, prefilled] = [await measure(decode, { runs }), await measure(prefill, { runs })];
  return { adapter: printAdapter(gpu.adapter), decode: decoded.median, prefill: prefilled.median, greedy };
}

async function peerLap(folderOfPeers: string): Promise<Lap> {
  const settings = ["--gpu", "vulkan", "--new", `${tokens}`, "--runs", `${runs}`, "--prefill", "128"];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [resolve(folderOfPeers, "llama/bench.mjs"), "--model", gguf, ...settings],
    { env: { ...process.env, GGML_VK_VISIBLE_DEVICES: "0" }, maxBuffer: 1 << 26 },
  );
  const said = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as {
    readonly gpuDevices: readonly string[];
    readonly decodeTokS: { readonly median: number };
    readonly prefill128TokS: { readonly median: number };
    readonly greedy: readonly number[];
  };
  const [adapter = "no adapter"] = said.gpuDevices;
  return { adapter, decode: said.decodeTokS.median, prefill: said.prefill128TokS.median, greedy: said.greedy };
}

const gpu = await openDawn({ quiet: true });
const source = await openCheckpoint(folder);
const read = await readModel(folder, standard);
const target = targetForAdapter(gpu.adapter);
const { plan } = compileModel(read.family, read.config, { target, weights, entries: ["prefill", "decode"] });
const model = await Model.load(gpu, plan, source);
const session = await model.session();

const ours: Lap[] = [];
const theirs: Lap[] = [];
let seen = "";
for (let round = 1; round <= rounds; round++) {
  ours.push(await lapOf(session));
  theirs.push(await peerLap(peers));
  const [a, b] = [ours.at(-1), theirs.at(-1)];
  seen = b?.adapter ?? "";
  console.error(`round ${round}: decode ${a?.decode.toFixed(1)} and ${b?.decode.toFixed(1)} tokens/s`);
}
await model.close();
gpu.close();
await source.close();

const cell = (laps: readonly Lap[], of: (lap: Lap) => number): string => {
  const { median, min, max } = spreadOf(laps.map(of));
  return `${median.toFixed(1)} (${min.toFixed(1)} to ${max.toFixed(1)})`;
};
console.log(`wgpt on ${printAdapter(gpu.adapter)}, ${weights}; llama.cpp on ${seen}, ${basename(gguf)}`);
console.log(`${rounds} rounds in turns, ${runs} runs each; tokens/s, median (range)\n`);
console.log(`| ${basename(resolve(folder))} | wgpt | llama.cpp Vulkan | ratio |\n| --- | --- | --- | --- |`);
for (const [name, of] of [
  ["decode after 16 tokens", (lap: Lap) => lap.decode],
  ["prefill of 128 tokens", (lap: Lap) => lap.prefill],
] as const) {
  const ratio = spreadOf(ours.map(of)).median / spreadOf(theirs.map(of)).median;
  console.log(`| ${name} | ${cell(ours, of)} | ${cell(theirs, of)} | ${ratio.toFixed(2)} |`);
}

const picked = ours[0]?.greedy ?? [];
const other = theirs[0]?.greedy ?? [];
const apart = picked.findIndex((token, i) => i < other.length && token !== other[i]);
const compared = Math.min(picked.length, other.length);
if (apart >= 0 || compared === 0) process.exitCode = 1;
console.log(`\ngreedy tokens: ${apart < 0 ? `the same ${compared}` : `${apart} the same, then they differ`}`);
