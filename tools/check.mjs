// `npm run check`: everything about the sources that a program can judge. All steps run, each says its name, and the
// last line counts them. `npm run format` mends what biome can mend.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { capture, ROOT, say } from "./run-command.mjs";

const SOURCES = ["base", "ir", "passes", "codegen", "runtime", "engine", "cli", "examples", "bench", "test", "tools"];
const BIN = join(ROOT, "node_modules");

const STEPS = /** @type {const} */ ([
  ["types", ["typescript/bin/tsc", "--noEmit", "-p", "tsconfig.json"]],
  ["types of the page", ["typescript/bin/tsc", "--noEmit", "-p", "examples/browser/page/tsconfig.json"]],
  ["format and lint", ["@biomejs/biome/bin/biome", "ci", "--colors=off"]],
  ["layers", ["dependency-cruiser/bin/dependency-cruise.mjs", "--config", ".dependency-cruiser.cjs", ...folders()]],
  ["API docs", ["typedoc/bin/typedoc", "--emit", "none"]],
  ["dead code", ["knip/bin/knip.js", "--no-progress"]],
]);

if (!existsSync(join(BIN, "typescript"))) {
  say("the npm packages are not installed\nhint: `npm ci`");
  process.exit(1);
}
// They run side by side and are told in order.
const runs = STEPS.map(([name, [file, ...args]]) => ({
  name,
  result: capture([process.execPath, join(BIN, file), ...args], { env: { NO_COLOR: "1" } }),
}));
let failed = 0;
for (const { name, result } of runs) {
  const { ok, output, ended } = await result;
  console.log(`${ok ? "ok     " : "FAILED "} ${name}`);
  if (ok) continue;
  failed++;
  console.log(`${output.trimEnd() || ended}\n`);
}
console.log(`${STEPS.length - failed} checks passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function folders() {
  return SOURCES.filter((folder) => existsSync(join(ROOT, folder)));
}
