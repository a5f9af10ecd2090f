// How fast a checkpoint loads, next to `cat` of the same files, and how much memory the host takes for it.
//
//     node --import tsx bench/load.ts FOLDER [--dtype f32|f16] [--repeats N]
//
// All from the page cache: the files are read once before. Each line is the median of the repeats, with their range.
//
//   cat            `cat FILES > /dev/null`
//   new memory     the files read once into memory that is new to the process: what the system takes to hand out and clear
//                  as many pages as the weights fill. A software adapter's memory is such memory, and no loader is faster.
//   host           what loading does, to a target that drops what it is given: reading, and converting where file and
//                  plan store weights differently
//   adapter        the same to the adapter, without making shaders and buffers, which is printed beside it
//
// Host memory is the largest resident size of the process, as the system counts it; on a software adapter less the bytes
// of the weights, since the adapter's memory is part of the same process. `before` is what Node, the compiler and Dawn
// took before the first byte was read. Each repeat of `adapter` is a process of its own.

import { spawnSync } from "node:child_process";
import { openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { spreadOf } from "../cli/measure.ts";
import { peakRssBytes } from "../cli/memory.ts";
import { compileModel, standard, targetByName, targetForAdapter } from "../codegen/index.ts";
import { chooseDType, readModel } from "../engine/index.ts";
import { Executor, openCheckpoint, openDawn, type Plan, printAdapter, type WeightSource } from "../runtime/index.ts";
import { matchWeights } from "../runtime/weights/match.ts";
import { sourcesOf } from "../runtime/weights/storage.ts";
import { streamWeights, type UploadTarget } from "../runtime/weights/stream-weights.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dtype: { type: "string" },
    repeats: { type: "string", default: "5" },
    once: { type: "boolean", default: false },
  },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("give the folder of a checkpoint");
const model = await readModel(folder, standard);
const weights = values.dtype === "f32" || values.dtype === "f16" ? values.dtype : await chooseDType("auto", model);
const paths = readdirSync(folder)
  .filter((name) => name.endsWith(".safetensors"))
  .map((name) => join(folder, name));

const CHUNK = 4 * 1024 * 1024;

interface Adapter {
  readonly name: string;
  readonly prepareMs: number;
  readonly uploadMs: number;
  readonly bytesBefore: number;
  readonly hostBytes: number;
}

async function report(repeats: number): Promise<void> {
  const bytes = paths.reduce((n, path) => n + statSync(path).size, 0);
  const { plan } = compileModel(model.family, model.config, {
    target: targetByName("webgpu-default"),
    weights,
    entries: ["decode"],
  });
  console.log(`${folder}: ${(bytes / 1e9).toFixed(2)} GB in ${paths.length} file(s), loaded as ${weights}`);
  const cat = () => {
    const { status } = spawnSync("sh", ["-c", 'cat "$@" > /dev/null', "sh", ...paths]);
    if (status !== 0) throw new Error(`cat ends with ${status}`);
  };
  cat();
  const source = await openCheckpoint(folder as string);
  const rows: Record<"cat" | "new memory" | "host" | "adapter", number[]> = {
    cat: [],
    "new memory": [],
    host: [],
    adapter: [],
  };
  const adapters: Adapter[] = [];
  // Taken in turns, so that whoever else works on the machine disturbs all alike.
  for (let i = 0; i < repeats; i++) {
    rows.cat.push(await time(cat));
    rows["new memory"].push(await time(() => readIntoNewMemory(bytes)));
    rows.host.push(await time(() => upload(plan, source, DROP)));
    adapters.push(inOwnProcess());
    rows.adapter.push(adapters.at(-1)?.uploadMs ?? 0);
  }
  await source.close();
  const reference = median(rows.cat);
  for (const [name, times] of Object.entries(rows)) {
    const ms = median(times);
    console.log(
      `${name.padEnd(11)} ${ms.toFixed(0).padStart(6)} ms (${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)})  ${(bytes / ms / 1e6).toFixed(2)} GB/s  ${((100 * reference) / ms).toFixed(0)} % of cat`,
    );
  }
  const middle = (of: (a: Adapter) => number) => median(adapters.map(of));
  const mib = (of: (a: Adapter) => number) => `${(middle(of) / 2 ** 20).toFixed(0)} MiB`;
  console.log(`shaders and buffers ${middle((a) => a.prepareMs).toFixed(0)} ms`);
  console.log(`host memory at most ${mib((a) => a.hostBytes)}, ${mib((a) => a.bytesBefore)} of it before`);
  console.log(`on ${adapters[0]?.name}`);
}

const DROP: UploadTarget = { write() {}, async finish() {} };

function upload(plan: Plan, source: WeightSource, target: UploadTarget): Promise<unknown> {
  return streamWeights(target, plan.weights, source, matchWeights(sourcesOf(plan.weights), source, plan.names).found);
}

function readIntoNewMemory(bytes: number): void {
  const memory = Buffer.allocUnsafeSlow(Math.min(bytes, 2 ** 32));
  let at = 0;
  for (const path of paths) {
    const file = openSync(path, "r");
    for (let count = 1, position = 0; count > 0; position += count, at = (at + count) % memory.length)
      count = readSync(file, memory, at, Math.min(CHUNK, memory.length - at), position);
  }
}

function inOwnProcess(): Adapter {
  const [script = ""] = process.argv.slice(1);
  const args = [...process.execArgv, script, folder as string, "--once", "--dtype", weights];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Adapter;
}

async function loadOnce(): Promise<Adapter> {
  const source = await openCheckpoint(folder as string);
  const open = await openDawn({ quiet: true });
  const { plan } = compileModel(model.family, model.config, {
    target: targetForAdapter(open.adapter),
    weights,
    entries: ["prefill", "decode"],
  });
  let executor: Executor | undefined;
  const prepareMs = await time(async () => {
    executor = await Executor.create(open, plan);
  });
  const bytesBefore = process.memoryUsage.rss();
  if (!executor) throw new Error("there is no executor");
  const uploadMs = await time(() => upload(plan, source, executor as Executor));
  const onAdapter = plan.weights.reduce(
    (n, { dtype, shape }) => n + shape.reduce((m, d) => m * d, dtype === "f16" ? 2 : 4),
    0,
  );
  const peak = peakRssBytes();
  const hostBytes = open.adapter.software ? peak - onAdapter : peak;
  executor.destroy();
  open.close();
  await source.close();
  return { name: printAdapter(open.adapter), prepareMs, uploadMs, bytesBefore, hostBytes };
}

async function time(body: () => unknown): Promise<number> {
  const began = performance.now();
  await body();
  return performance.now() - began;
}

const median = (numbers: readonly number[]): number => spreadOf(numbers).median;

if (values.once) console.log(JSON.stringify(await loadOnce()));
else await report(Number(values.repeats));
