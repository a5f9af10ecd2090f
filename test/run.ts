// Runs every *.test.ts under test/, one after the other, in this process: `npm test`, or `npm test -- fuse-gelu`
// for the files whose path has that in it. The last line is `N passed, N failed`, `, N skipped` after it if any were.
import { readdirSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { FileResult } from "./support/run-file.ts";

const SLOWEST = 12;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: fileURLToPath(new URL(".", import.meta.url)) },
    timeout: { type: "string", default: "300" },
  },
});
const { dir } = values;
const files = readdirSync(dir, { recursive: true, encoding: "utf8" })
  .map((name) => name.split(sep).join("/"))
  .filter((name) => name.endsWith(".test.ts") && !name.split("/").includes("node_modules"))
  .filter((name) => positionals.length === 0 || positionals.some((pattern) => name.includes(pattern)))
  .sort();

const { runFile } = await import("./support/run-file.ts");
const results: FileResult[] = [];
let running: string | undefined;

process.on("exit", () => {
  // Reached only when a file ended the process, or left it nothing to wait for: `finish` clears `running` first.
  if (running === undefined) return;
  console.error(`${running}: the process ended before its tests did`);
  console.log(tally(1));
  process.exitCode = 1;
});

for (const name of files) {
  running = name;
  // tools/test.mjs closes with these numbers if a driver takes the whole process down.
  process.send?.({ running, tally: tally(1) });
  console.log(`\n${name}`);
  results.push(await runFile(name, join(dir, name), Number(values.timeout)));
}
running = undefined;
finish();

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

  const failures = nothing + failing.length;
  process.send?.({ running: "after the last file", tally: tally(nothing + 1) });
  // Some tests leave a device or a timer behind; nothing is left to wait for once this line is out.
  process.stdout.write(`\n${tally(nothing)}\n`, () => process.exit(failures > 0 ? 1 : 0));
}

/** The line that everything which reads our output looks for. */
function tally(failuresBeside: number): string {
  const sum = (count: (r: FileResult) => number) => results.reduce((n, r) => n + count(r), 0);
  const skipped = sum((r) => r.skipped.length);
  return `${sum((r) => r.passed)} passed, ${sum((r) => r.failed) + failuresBeside} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
