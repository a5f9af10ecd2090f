// The import rules of .dependency-cruiser.cjs, seen to refuse what they forbid: each planted file breaks one.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A small project that keeps every rule, in the shape of ours. */
const CLEAN = {
  "base/errors.ts": "export const WORD = 'error';",
  "ir/graph.ts": "export interface Graph { readonly name: string }\nexport const EMPTY: Graph = { name: '' };",
  "passes/pass.ts": `import { EMPTY } from "../ir/graph.ts";\nexport const pass = EMPTY;`,
  "base/plan.ts": "export interface Plan { readonly version: number }",
  "runtime/plan.ts": `export type { Plan } from "../base/plan.ts";\nexport const VERSION = 1;`,
  "codegen/template.ts": `import Handlebars from "handlebars/runtime.js";\nexport const hbs = Handlebars.create();`,
  "codegen/compile.ts": `import { pass } from "../passes/pass.ts";
    import type { Plan } from "../base/plan.ts";
    import { WORD } from "../base/errors.ts";
    export const word = WORD;
    export const compile = (): Plan => ({ version: pass.name.length });`,
  "codegen/index.ts": `export { compile } from "./compile.ts";`,
  "runtime/index.ts": `export { VERSION } from "./plan.ts";`,
  "engine/index.ts": `import { compile } from "../codegen/compile.ts";\nexport const open = compile;`,
  "cli/main.ts": `import { compile } from "../codegen/index.ts";\nimport { VERSION } from "../runtime/index.ts";
    import { open } from "../engine/index.ts";
    console.log(compile(), open(), VERSION);`,
};

const PLANTED: readonly [rule: string, file: string, text: string][] = [
  ["base-imports-nothing-of-ours", "base/bad.ts", `import "../ir/graph.ts";`],
  ["ir-imports-only-base", "ir/bad.ts", `import "../passes/pass.ts";`],
  ["ir-imports-no-package", "ir/bad-package.ts", `import "picocolors";`],
  ["ir-imports-no-package", "ir/bad-builtin.ts", `import "node:fs";`],
  [
    "passes-imports-only-base-ir",
    "passes/bad.ts",
    `import type { Plan } from "../runtime/plan.ts";\nexport type P = Plan;`,
  ],
  ["passes-imports-only-base-ir", "passes/bad-up.ts", `import "../codegen/compile.ts";`],
  ["codegen-imports-only-base-ir-passes", "codegen/bad.ts", `import "../cli/main.ts";`],
  [
    "codegen-imports-only-base-ir-passes",
    "codegen/bad-type.ts",
    `import type { Plan } from "../runtime/plan.ts";\nexport type P = Plan;`,
  ],
  [
    "runtime-imports-only-base",
    "runtime/bad.ts",
    `import type { Graph } from "../ir/graph.ts";\nexport type G = Graph;`,
  ],
  ["compiler-packages-stay-in-codegen", "runtime/bad-hbs.ts", `import "handlebars";`],
  ["compiler-packages-stay-in-codegen", "cli/bad.ts", `import "ts-morph";`],
  ["cli-imports-indexes", "cli/bad-deep.ts", `import "../runtime/plan.ts";`],
  ["engine-imports-only-base-ir-passes-codegen-runtime", "engine/bad.ts", `import "../cli/main.ts";`],
  ["compiling-needs-no-eval", "codegen/bad-eval.ts", `import "handlebars";`],
  ["compiling-needs-no-node", "codegen/bad-file.ts", `import "node:fs";`],
  ["device-packages-stay-in-runtime", "codegen/bad-gpu.ts", `import "webgpu";`],
  ["plugin-loader-stays-in-cli", "codegen/bad-jiti.ts", `import "jiti";`],
  ["shipped-code-needs-no-dev-package", "cli/bad-dev.ts", `import "uvu";`],
  ["shipped-code-imports-only-shipped-code", "cli/bad-test.ts", `import "../test/helper.ts";`],
  ["no-circular", "ir/a.ts", `import "./b.ts";`],
  ["imports-resolve", "passes/bad-path.ts", `import "./nowhere.ts";`],
];

const test = suite("layering");
// The real path, because what a link leads to is how the tool names a file.
const dir = realpathSync(mkdtempSync(join(tmpdir(), "wgpt-layers-")));
test.after(() => rmSync(dir, { recursive: true, force: true }));

test("accepts a project that keeps the rules, and refuses each planted violation by its rule's name", () => {
  for (const name of [".dependency-cruiser.cjs", "tsconfig.json", "package.json"])
    cpSync(join(ROOT, name), join(dir, name));
  symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"), "junction");

  plant(CLEAN);
  plant({ "test/helper.ts": "export {};", "ir/b.ts": "export {};" });
  assert.equal(cruise(), []);

  plant(Object.fromEntries(PLANTED.map(([, file, text]) => [file, text])));
  plant({ "ir/b.ts": `import "./a.ts";` });
  const violations = cruise();
  for (const [rule, file] of PLANTED)
    assert.ok(violations.includes(`${rule}: ${file}`), `${file} should break ${rule}; got\n${violations.join("\n")}`);
  const clean = violations.filter((violation) => Object.keys(CLEAN).some((file) => violation.endsWith(file)));
  assert.equal(clean, [], "files that keep the rules stay unmentioned");
});

test.run();

function plant(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

/** What `npm run check` would say about the folder, as `rule: file`. */
function cruise(): readonly string[] {
  const tool = join(ROOT, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const args = [
    tool,
    "--config",
    ".dependency-cruiser.cjs",
    "--output-type",
    "json",
    "base",
    "ir",
    "passes",
    "codegen",
    "runtime",
    "engine",
    "cli",
  ];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: dir, encoding: "utf8" });
  assert.is(stderr, "");
  const { summary } = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } };
  return summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`);
}
