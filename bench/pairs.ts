// Is one checkout of wgpt slower than another? Both run `wgpt bench` in turns, and each pair of neighbours gives a ratio:
// a slow minute of the machine hits both. Prints the median ratio and a 95 % interval of it, new over old in speed, so that
// less than 1 is a loss.
//
//     npx tsx bench/pairs.ts OLD NEW [--pairs 30] [--case "gpt2 --dtype f16"]... [--host gpt2-xl] [--compile gpt2-xl]
//
// OLD and NEW are folders of checkouts with their packages installed. Exits with 1 where the median of a speed is below 0.97.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: "string", default: "30" },
    case: { type: "string", multiple: true, default: ["", "gpt2 --dtype f32", "gpt2 --dtype f16"] },
    host: { type: "string" },
    compile: { type: "string" },
  },
});
const [before, after] = positionals.map((folder) => resolve(folder));
if (before === undefined || after === undefined) throw new Error("give two folders: OLD and NEW");
const pairs = Number(values.pairs);
const LEAST = 0.97;

/** What one run of a command gives: figures by name, larger is better. */
type Speeds = ReadonlyMap<string, number>;
type Measure = (folder: string) => Promise<Speeds>;

const run = async (folder: string, args: readonly string[]): Promise<string> =>
  (
    await promisify(execFile)(process.execPath, ["--import", "tsx", "cli/main.ts", ...args], {
      cwd: folder,
      maxBuffer: 2 ** 26,
    })
  ).stdout;

let adapter = "";

const benchOf =
  (words: readonly string[]): Measure =>
  async (folder) => {
    const embedded = words.length === 0;
    const lengths = embedded ? "64" : "128";
    // A token of the embedded model takes milliseconds: a run of a few tokens would time how V8 warms up.
    const tokens = embedded ? "96" : "24";
    const runs = embedded ? "9" : "3";
    const out = JSON.parse(
      await run(folder, [
        "bench",
        ...words,
        "--json",
        "--runs",
        runs,
        "--prefill",
        lengths,
        "--max-new-tokens",
        tokens,
      ]),
    );
    adapter = out.adapter;
    // Other work on the machine slows a run and speeds none up: where there is some, the best run says more than the median.
    return new Map([
      ["decode", out.decode_tokens_per_second.median],
      ["decode, best run", out.decode_tokens_per_second.max],
      [`prefill ${lengths}`, out.prefill_tokens_per_second[lengths].median],
      [`prefill ${lengths}, best run`, out.prefill_tokens_per_second[lengths].max],
    ]);
  };

const hostOf =
  (model: string): Measure =>
  async (folder) => {
    const out = JSON.parse(await run(folder, ["bench", model, "--host", "--json"]));
    return new Map([["host's part of a step", 1 / out.step_ms.median]]);
  };

const compileOf =
  (model: string): Measure =>
  async (folder) => {
    const out = await mkdtemp(join(tmpdir(), "wgpt-pairs-"));
    try {
      const began = performance.now();
      await run(folder, ["compile", model, "--out", join(out, "bundle")]);
      return new Map([["compile", 1 / (performance.now() - began)]]);
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  };

/** The median, and the order statistics that hold it with 95 % (the binomial's, by its normal approximation). */
function medianOf(ratios: readonly number[]): { readonly median: number; readonly low: number; readonly high: number } {
  const sorted = ratios.toSorted((a, b) => a - b);
  const n = sorted.length;
  const half = 0.98 * Math.sqrt(n);
  const at = (i: number) => sorted[Math.max(0, Math.min(n - 1, Math.round(i)))] ?? Number.NaN;
  return {
    median: (at(Math.floor((n - 1) / 2)) + at(Math.ceil((n - 1) / 2))) / 2,
    low: at(n / 2 - half - 1),
    high: at(n / 2 + half),
  };
}

let slower = false;

async function compare(title: string, measure: Measure, least: number, count = pairs): Promise<void> {
  const ratios = new Map<string, number[]>();
  for (let pair = 0; pair < count; pair++) {
    // A B, then B A: whoever comes second has no advantage.
    const order = pair % 2 === 0 ? [before, after] : [after, before];
    const found = new Map<string | undefined, Speeds>();
    for (const folder of order) found.set(folder, await measure(folder ?? ""));
    for (const [name, speed] of found.get(after) ?? []) {
      const old = found.get(before)?.get(name);
      if (old !== undefined) ratios.set(name, [...(ratios.get(name) ?? []), speed / old]);
    }
    process.stderr.write(`\r${title}: ${pair + 1} of ${count} pairs `);
  }
  process.stderr.write("\r\x1b[K");
  for (const [name, all] of ratios) {
    const { median, low, high } = medianOf(all);
    slower ||= median < least;
    console.log(
      `${title.padEnd(18)} ${name.padEnd(22)} ${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}) of ${count} pairs, at least ${least} wanted`,
    );
  }
}

for (const text of values.case) {
  const words = text.split(" ").filter((word) => word !== "");
  await compare(words.join(" ") || "embedded model", benchOf(words), LEAST);
}
if (values.host !== undefined) await compare(values.host, hostOf(values.host), 1, Math.min(pairs, 10));
if (values.compile !== undefined)
  await compare(values.compile, compileOf(values.compile), 1 / 1.2, Math.min(pairs, 10));
console.log(`speed of NEW over OLD, median and its 95 % interval${adapter === "" ? "" : `, on ${adapter}`}`);
process.exitCode = slower ? 1 : 0;
