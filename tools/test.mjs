// `npm test`: sets the machine up if it can, then runs test/run.ts. Without a GPU the tests that need one are skipped,
// and say so; all others run.
import { ensureDriver } from "./driver.mjs";
import { staleTemplates } from "./fresh-templates.mjs";
import { ensurePackages } from "./packages.mjs";
import { runSource, say } from "./run-command.mjs";

if (!(await ensurePackages())) {
  console.log("0 passed, 1 failed");
  process.exit(1);
}
const stale = staleTemplates();
if (stale !== undefined) {
  say(stale);
  console.log("0 passed, 1 failed");
  process.exit(1);
}
if (!(await ensureDriver())) say("going on without: the tests that need a GPU are skipped");

process.exitCode = await runSource("test/run.ts", process.argv.slice(2), (signal) => {
  console.error(`test/run.ts: ${signal} ended it`);
  console.log("0 passed, 1 failed");
});
