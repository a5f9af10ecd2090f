// Worker threads that end while the GPU still owes them an answer: the process goes on.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adapter } from "../support/gpu.ts";
import type { WorkerEnd } from "../support/gpu-worker.ts";
import { seededCheckpoint } from "../support/made-models.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("worker exit");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");
const FILES = seededCheckpoint({ n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 48, n_vocab: 61 });

/** What a process prints whose worker ends so; its main thread tells what it sees, and terminates the worker when asked to. */
async function run(folder: string, end: WorkerEnd): Promise<{ readonly code: unknown; readonly text: string }> {
  const boot = `import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))}).then(({ register }) => {
    register();
    return import(${JSON.stringify(new URL("../support/gpu-worker.ts", import.meta.url).href)});
  })`;
  const main = `const { Worker } = require("node:worker_threads");
    const worker = new Worker(${JSON.stringify(boot)}, { eval: true, workerData: ${JSON.stringify({ folder, end })} });
    worker.on("message", (text) => { console.log(text); worker.terminate(); });
    worker.on("error", (error) => console.log("error: " + error.message));
    worker.on("exit", (code) => { console.log("worker " + code); setTimeout(() => console.log("the process goes on"), 50); });`;
  const child = spawn(process.execPath, ["-e", main], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const [code] = await once(child, "close");
  return { code, text: code === 0 ? text : text + errors };
}

const ENDS = [
  ["exit", "worker 3"],
  ["exit in a score", "worker 3"],
  ["exit while loading", "worker 3"],
  ["throw", "error: the worker's own\nworker 1"],
  ["close", "closed\nworker 1"],
] as const satisfies readonly (readonly [WorkerEnd, string])[];

for (const [end, seen] of ENDS)
  gpuTest(`a worker that ends by "${end}" leaves the process alive`, () =>
    inFolder(FILES, async (folder) => {
      const { code, text } = await run(folder, end);
      assert.is(text, `${seen}\nthe process goes on\n`);
      assert.is(code, 0);
    }),
  );

test.run();
