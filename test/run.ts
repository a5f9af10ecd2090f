// Runs every *.test.ts under test/: `npm test`, or `npm test -- fuse-gelu` for the files whose path has that in it. Two processes
// share the files (`--jobs 1` for one), the longest first, and what is measured alone comes last. What a file prints comes when it has ended, or at once where one process
// runs alone. The last line is `N passed, N failed`, `, N skipped` after it if any were.
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { FileResult } from "./support/run-file.ts";
import { apart, inOrder } from "./support/schedule.ts";
import { TestProcess } from "./support/test-process.ts";

const SLOWEST = 12;
/** More would only wait for memory: the tests of models compute on all cores as it is. */
const MOST_JOBS = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: fileURLToPath(new URL(".", import.meta.url)) },
    jobs: { type: "string", default: String(Math.min(MOST_JOBS, availableParallelism())) },
    timeout: { type: "string", default: "300" },
  },
});
const { dir } = values;
const files = readdirSync(dir, { recursive: true, encoding: "utf8" })
  .map((name) => name.split(sep).join("/"))
  .filter((name) => name.endsWith(".test.ts") && !name.split("/").includes("node_modules"))
  .filter((name) => positionals.length === 0 || positionals.some((pattern) => name.includes(pattern)));

const { shared, alone } = apart(files);
const queue = inOrder(shared);
const jobs = Math.max(1, Math.min(Number(values.jobs), queue.length));
const results: FileResult[] = [];
await Promise.all(Array.from({ length: jobs }, () => work(queue)));
await work(inOrder(alone));
finish();

/** Takes one batch after the other from the queue. A process that a file took down is followed by another. */
async function work(queue: (readonly string[])[]): Promise<void> {
  const options = { alone: jobs === 1, timeoutSeconds: Number(values.timeout) };
  let tests: TestProcess | undefined;
  for (let batch = queue.shift(); batch; batch = queue.shift())
    for (const name of batch) {
      if (!tests || tests.ended) tests = new TestProcess(options);
      results.push(await tests.run(name, join(dir, name)));
    }
  const complaint = await tests?.end();
  if (complaint !== undefined) results.push({ ...complaint, name: "after the last file" });
}

function finish(): void {
  const failing = results.filter((r) => r.failed > 0);
  const slowest = results.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  const nothing = files.length === 0 ? 1 : 0;

  console.log("\nslowest files");
  for (const { name, seconds } of slowest) console.log(`  ${seconds.toFixed(2).padStart(7)} s  ${name}`);
  const skips = results.flatMap((r) => r.skipped.map((skip) => ({ file: r.name, ...skip })));
  if (skips.length > 0) console.log("\nskipped");
  for (const { file, name, reason } of skips) console.log(`  ${file}: ${name} (${reason})`);
  if (failing.length > 0) console.log("\nfailed");
  for (const { name, failed } of failing) console.log(`  ${name}: ${failed}`);
  if (nothing) console.error(`no test file in ${dir} matches ${positionals.join(" ") || "*.test.ts"}`);

  const sum = (count: (r: FileResult) => number) => results.reduce((n, r) => n + count(r), 0);
  const skipped = sum((r) => r.skipped.length);
  // The line that everything which reads our output looks for.
  const tally = `${sum((r) => r.passed)} passed, ${sum((r) => r.failed) + nothing} failed`;
  console.log(`\n${tally}${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = nothing + failing.length > 0 ? 1 : 0;
}
