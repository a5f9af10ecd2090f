// `npx tsx test/fuzz/against.ts DIR [--cases 10000]`: what the fuzz of bundles finds in another checkout of wgpt, with its packages
// installed: raw errors by their text and the line that threw them, and cases that end the process. Bundles are the checkout's own.
import { execFileSync, fork } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { TINY_CONFIG } from "../codegen/emit/tiny-bundle.ts";
import { sealPlan } from "../support/seal-bundle.ts";
import { seededRandom } from "./mutate.ts";
import { mutateShape } from "./mutate-text.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: "string", default: "10000" },
    bundle: { type: "string" },
    first: { type: "string", default: "1" },
  },
});
const [checkout = "."] = positionals.map((path) => resolve(path));
const cases = Number(values.cases);
const FILES = ["plan.json", "weights.json"] as const;

/** What a case ended in: the error's name, text and place where it is raw; nothing where it is not. */
interface Heard {
  readonly seed: number;
  readonly file: string;
  readonly raw?: string;
}

if (values.bundle === undefined) await fuzzAll();
else await fuzzHere(values.bundle, Number(values.first));

async function fuzzAll(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "wgpt-against-"));
  try {
    const bundle = makeBundle(root);
    const raw = new Map<string, number>();
    let aborts = 0;
    let done = 0;
    for (let first = 1; first <= cases; ) {
      const last = await runPart(bundle, first, ({ raw: error }) => {
        done++;
        if (error !== undefined) raw.set(error, (raw.get(error) ?? 0) + 1);
      });
      if (last < cases) aborts++;
      first = last + 1 + (last < cases ? 1 : 0);
    }
    for (const [error, count] of [...raw].sort(([, a], [, b]) => b - a))
      console.log(`${String(count).padStart(6)}  ${error}`);
    const typeErrors = [...raw.keys()].filter((error) => error.startsWith("TypeError"));
    const lines = new Set(typeErrors.map((error) => error.split(" at ").at(-1))).size;
    const all = [...raw.values()].reduce((n, count) => n + count, 0);
    console.log(
      `${done} cases: ${all} end in ${raw.size} raw errors, ${typeErrors.length} of them TypeErrors, on ${lines} lines; ${aborts} end the process`,
    );
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** A small bundle with its weights, by the checkout's own command. */
function makeBundle(root: string): string {
  const [model, bundle] = [join(root, "model"), join(root, "bundle")];
  mkdirSync(model);
  writeFileSync(join(model, "config.json"), JSON.stringify(TINY_CONFIG));
  const wgpt = (...args: string[]) =>
    execFileSync(process.execPath, ["--import", "tsx", "cli/main.ts", ...args], { cwd: checkout, stdio: "ignore" });
  wgpt("make-checkpoint", model, "--seed", "1", "--out", model);
  wgpt("compile", model, "--pack-weights", "--out", bundle);
  return bundle;
}

/** The last seed that a process came to. */
function runPart(bundle: string, first: number, hear: (heard: Heard) => void): Promise<number> {
  return new Promise((done) => {
    const args = [checkout, "--bundle", bundle, "--first", String(first), "--cases", String(cases)];
    const child = fork(fileURLToPath(import.meta.url), args, {
      execArgv: process.execArgv,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    let last = first - 1;
    child.on("message", (m) => {
      const heard = m as Heard;
      last = heard.seed;
      hear(heard);
    });
    child.on("close", () => done(last));
  });
}

async function fuzzHere(bundle: string, first: number): Promise<void> {
  const runtime = await import(pathToFileURL(join(checkout, "runtime", "index.ts")).href);
  const gpu = await runtime.openDawn({ backend: "null", quiet: true });
  const texts = new Map<string, string>(FILES.map((file) => [file, readFileSync(join(bundle, file), "utf8")]));
  const folder = `${bundle}-${process.pid}`;
  execFileSync("cp", ["-r", bundle, folder]);
  const read = (file: string): string | undefined =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : undefined;
  for (let seed = first; seed <= cases; seed++) {
    const random = seededRandom(seed);
    const file = FILES[seed % 2] ?? "plan.json";
    const { source: _, ...json } = JSON.parse(texts.get(file) ?? "");
    for (const [name, text] of texts) writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, file), mutateShape(json, random));
    writeFileSync(join(folder, "plan.json"), await sealPlan(read("plan.json") ?? "", read));
    const error = await useBundle(runtime, folder, gpu);
    // One at a time: what is still on its way when the process ends would be lost.
    await new Promise((sent) => process.send?.({ seed, file, ...(error !== undefined && { raw: error }) }, sent));
  }
  rmSync(folder, { recursive: true, force: true });
  process.exit();
}

async function useBundle(
  runtime: Record<string, CallableFunction>,
  folder: string,
  gpu: object,
): Promise<string | undefined> {
  try {
    const model = await runtime["loadBundle"]?.(folder, gpu);
    try {
      await model.append([1, 2], [1, TINY_CONFIG.vocab_size]);
    } finally {
      await model.close();
    }
    return undefined;
  } catch (error) {
    if (error instanceof Error && "place" in error) return undefined;
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    const line = stack.split("\n").find((l) => l.includes(checkout) && !l.includes("node_modules")) ?? "";
    const at = /([\w-]+\/)*[\w-]+\.ts:\d+/.exec(line.split(`${checkout}/`).at(-1) ?? "")?.[0] ?? "nowhere";
    return `${String(error).split("\n")[0]?.slice(0, 100)} at ${at}`;
  }
}
