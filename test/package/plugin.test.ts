// A plugin beside the installed package: it gets the package's own modules, as a program that imports them does, and the
// command compiles with it.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { npm } from "../../tools/packages.mjs";
import { installPackage } from "../support/installed.ts";
import { PROBES } from "../support/plugin-probe.ts";

const test = suite("plugin of the package");
const user = await installPackage();
const folder = join(user.folder, "plugins");
mkdirSync(folder);

/** Compares every export that a plugin sees with what the program imports, and counts them. */
const COMPARE = `
import { loadToolkit } from "../node_modules/wgpt/dist/cli/plugins.js";
const modules = { wgpt: "wgpt", ir: "wgpt/ir", passes: "wgpt/passes", codegen: "wgpt/codegen", template: "wgpt/template", runtime: "wgpt/runtime" };
const { families } = await loadToolkit([process.argv[2]]);
const { seen } = families.at(-1);
let count = 0;
for (const [name, specifier] of Object.entries(modules))
  for (const [key, value] of Object.entries(await import(specifier)))
    if (seen[name][key] === value) count++;
    else console.log(name + "." + key + " is another");
if (seen.helper.matmul !== seen.ir.matmul) console.log("another matmul in the file that it imports");
console.log(count > 200 ? "the same" : count + " exports");
`;

for (const [end, [text, helper]] of Object.entries(PROBES))
  test(`a .${end} file gets the modules of the installed package, and the command's graphs hold its ops`, async () => {
    writeFileSync(join(folder, `probe.${end}`), text);
    writeFileSync(join(folder, `helper.${end}`), helper);
    writeFileSync(join(folder, "compare.js"), COMPARE);
    assert.is((await user.node(join(folder, "compare.js"), join(folder, `probe.${end}`))).trim(), "the same");
    const inspect = ["wgpt", "inspect", "gpt2", "--explain", "--plugin", join("plugins", `probe.${end}`)];
    const said = (await user.run([...npm(), "exec", "--offline", "--", ...inspect]))
      .split("\n")
      .filter((line) => line.startsWith("look-around"));
    assert.ok(said.length > 40, `${said.length} lines`);
    for (const line of said) assert.match(line, / known-op .* is-another: it is the op$/);
  });

test.run();
