// `npm run wgpt -- …`: the command, from source.
import { existsSync } from "node:fs";
import { staleTemplates } from "./fresh-templates.mjs";
import { ROOT, runSource, say } from "./run-command.mjs";

if (!existsSync(`${ROOT}/node_modules/tsx`)) {
  say("the npm packages are not installed\nhint: `npm ci`, or `npm start`, which sets everything up");
  process.exit(1);
}
const stale = staleTemplates();
if (stale !== undefined) {
  say(stale);
  process.exit(1);
}
process.exitCode = await runSource("cli/main.ts", process.argv.slice(2));
