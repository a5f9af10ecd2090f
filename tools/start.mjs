// `npm start`: sets the machine up if it has to, then writes text. `npm start -- "To be"` gives `wgpt generate` a
// prompt, or any of its options. Setup goes to stderr, the text to stdout.
import { ensureDriver } from "./driver.mjs";
import { ensurePackages } from "./packages.mjs";
import { runSource } from "./run-command.mjs";

const PROMPT = "ROMEO:\n";

const args = process.argv.slice(2);
if (!(await ensurePackages()) || !(await ensureDriver())) process.exit(1);
process.exitCode = await runSource("cli/main.ts", ["generate", ...(args.length > 0 ? args : [PROMPT])]);
