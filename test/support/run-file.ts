// Runs one test file with uvu, and turns every way it can go wrong into a complaint that names the file.
// Not here: which files there are and what is printed at the end; see ../run.ts.
import { setImmediate } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { type Skip, takeSkips } from "./skip.ts";

export interface FileResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly Skip[];
  readonly seconds: number;
  /** Failures that are not one test's: nothing registered, a throw at import, a stray rejection, no end. */
  readonly complaints: readonly string[];
}

type Suite = () => Promise<readonly [errors: string | true, passed: number, skipped: number, total: number]>;

// uvu finds where to put a suite through these globals; UVU_DEFER keeps it from starting by itself.
const uvu = globalThis as unknown as { UVU_DEFER: 1; UVU_QUEUE: Suite[][]; UVU_INDEX: number };
uvu.UVU_DEFER = 1;
uvu.UVU_QUEUE = [[]];
uvu.UVU_INDEX = 0;

const BARE_SKIP = "`test.only` or a bare `test.skip`; `skipUnless` would give the reason";

// Errors that nobody awaited. They belong to the file that ran when they came up.
const strays: string[] = [];
process.on("unhandledRejection", (error) => strays.push(`unhandled rejection: ${describe(error)}`));
process.on("uncaughtException", (error) => strays.push(`uncaught exception: ${describe(error)}`));

export async function runFile(name: string, path: string, limitSeconds: number): Promise<FileResult> {
  const began = performance.now();
  const complaints: string[] = [];
  const skipped: Skip[] = [];
  let skips = 0;
  let passed = 0;
  let failed = 0;

  const everything = async () => {
    for (const suite of await importSuites(path)) {
      const [errors, ran, left, total] = await suite();
      passed += ran;
      failed += total - ran;
      skips += left;
      if (typeof errors === "string") console.log(`\n${errors}`);
      else if (ran < total) complaints.push(`${total - ran} of ${total} tests did not finish: a hook threw`);
    }
  };
  try {
    await within(limitSeconds, everything());
    skipped.push(...takeSkips());
    while (skipped.length < skips) skipped.push({ name: "a test", reason: BARE_SKIP });
    if (passed + failed + skips === 0) complaints.push("no test registered; did it forget `test.run()`?");
  } catch (error) {
    complaints.push(describe(error));
  }

  await setImmediate();
  complaints.push(...strays.splice(0));
  for (const complaint of complaints) console.error(`${name}: ${complaint}`);
  failed += complaints.length;
  return { name, passed, failed, skipped, seconds: (performance.now() - began) / 1000, complaints };
}

/** The suites that a file registers by `test.run()`, when it is loaded. */
async function importSuites(path: string): Promise<readonly Suite[]> {
  uvu.UVU_QUEUE[0] = [];
  takeSkips();
  await import(pathToFileURL(path).href);
  return uvu.UVU_QUEUE[0] ?? [];
}

async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(`still running after ${seconds} s; given up`), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
