// `--plugin FILE`: a plugin is given the running wgpt, whatever kind of file it is and wherever it lies; its kernels are used
// by every command that compiles; what it gets wrong is one line with the file and the line.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadToolkit } from "../../cli/plugins.ts";
import * as wgpt from "../../codegen/compile.ts";
import * as codegen from "../../codegen/index.ts";
import * as ir from "../../ir/index.ts";
import * as passes from "../../passes/index.ts";
import * as runtime from "../../runtime/index.ts";
import { adapter } from "../support/gpu.ts";
import { PROBES } from "../support/plugin-probe.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("plugins");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const GEMV = here("../plugin/square-gemv.ts");
const EMBEDDED = here("../../models/shakespeare");
const root = mkdtempSync(join(tmpdir(), "wgpt-plugins-"));
test.after(() => rmSync(root, { recursive: true }));

function write(name: string, text: string, folder = root): string {
  const file = join(folder, name);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
  return file;
}

for (const type of ["module", "commonjs"])
  for (const [end, [text, helper]] of Object.entries(PROBES))
    test(`a .${end} file in a package of type ${type} gets the very modules that run`, async () => {
      const folder = join(root, type, end);
      write("package.json", JSON.stringify({ type }), folder);
      write(`helper.${end}`, helper, folder);
      const { families } = await loadToolkit([write(`plugin.${end}`, text, folder)]);
      const { seen } = families.at(-1) as unknown as {
        readonly seen: Readonly<Record<string, Record<string, unknown>>>;
      };
      const running = { wgpt, codegen, ir, passes, runtime };
      for (const [name, module] of Object.entries(running)) {
        assert.ok(Object.keys(module).length > 5);
        for (const [key, value] of Object.entries(module)) assert.is(seen[name]?.[key], value, `${name}.${key}`);
      }
      assert.is(seen["helper"]?.["matmul"], ir.matmul, "a file that it imports");
    });

const probe = write("probe.ts", PROBES["ts"]?.[0] ?? "");
write("helper.ts", PROBES["ts"]?.[1] ?? "");
// From source; test/package/plugin.test.ts asks the compiled command the same.
const explained = runCli(["inspect", EMBEDDED, "--plugin", probe, "--plugin", GEMV, "--explain"], { fromSource: true });
test("the command's own graph holds the ops that a plugin imports, and explain names its rule", async () => {
  const lines = output(await explained)
    .split("\n")
    .filter((line) => line.startsWith("look-around"));
  assert.ok(lines.length > 20, `${lines.length} lines`);
  for (const line of lines) assert.match(line, / known-op .* is-another: it is the op$/);
});

const bundle = join(root, "bundle");
const compile = ["compile", EMBEDDED, "--variant", "base", "--out", bundle, "--plugin", GEMV];
const checks = runCli(compile).then(async (compiled) => ({
  compiled,
  same: await runCli(["compile", "--check", bundle, "--plugin", GEMV]),
  plain: await runCli(["compile", "--check", bundle]),
  plan: await runCli(["inspect", EMBEDDED, "--stage", "plan", "--plugin", GEMV]),
}));
test("a bundle records its plugins, and is checked with the same ones", async () => {
  const { compiled, same, plain } = await checks;
  assert.match(output(compiled), /kernels in 1 variant/);
  assert.match(output(same), /up to date/);
  assertFails(plain, /was compiled with square-gemv, but is checked with no plugin \(give .*--plugin/);
});
test("a kernel of a plugin's computes the shape that it takes, and no other", async () => {
  const used = output((await checks).plan).match(/square_gemv\S*/g) ?? [];
  assert.equal([...new Set(used)], ["square_gemv.add.128"]);
  assert.is(used.length, 6, "one for the projection of each layer");
});

const GENERATE = ["--seed", "1", "--temperature", "0", "--max-new-tokens", "12", "--json"];
const run = (...args: readonly string[]) => (adapter ? runCli(args) : undefined);
const texts = [[], ["--plugin", GEMV]].map((plugin) => run("generate", "JULIET:", ...GENERATE, ...plugin));
const scores = [[], ["--plugin", GEMV]].map((plugin) => run("score", "My lord", "--json", ...plugin));
const benches = [[], ["--host"]].map((host) =>
  run("bench", "--runs", "1", "--max-new-tokens", "4", "--prefill", "8", "--json", "--plugin", GEMV, ...host),
);
gpuTest("generate, score and bench run with it, and give the same text and scores", async () => {
  const json = async (runs: typeof texts) =>
    Promise.all(runs.map(async (r) => (r ? JSON.parse(output(await r)) : undefined)));
  const [plain, extended] = await json(texts);
  assert.equal(extended.tokens, plain.tokens);
  assert.is(extended.stats.dispatches_per_token, plain.stats.dispatches_per_token);
  const [before, after] = await json(scores);
  // One sum of 128 products in another order, six times.
  assert.ok(Math.abs(before.perplexity - after.perplexity) < 1e-3 * before.perplexity);
  for (const bench of await json(benches)) assert.ok(bench.dispatches_per_token > 0);
});

test("a plugin may await, and so may what it imports", async () => {
  write("late.ts", "export const end: string = await Promise.resolve('late');\n");
  const text = `import { definePlugin } from "wgpt";
import { end } from "./late.ts";
const begin = await Promise.resolve("too-");
export default definePlugin({ name: begin + end });
`;
  assert.equal((await loadToolkit([write("awaits.ts", text)])).plugins, ["too-late"]);
});

const WRONG: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ["that has no default export", "export const x = 1;", /has no default export \(a plugin's file ends in/],
  [
    "that exports no plugin",
    "export default { name: 'x' };",
    /its default export is an object with name, which is no plugin/,
  ],
  [
    "that exports a function",
    "export default function me() {}",
    /its default export is the function me, which is no plugin/,
  ],
  [
    "that is no program",
    "export const x = 1;\n\nconst = 2;",
    /^wgpt: \S*:3: can't be loaded: ParseError: Unexpected token/,
  ],
  ["that throws", "export default 1;\nnull.x;", /^wgpt: \S*:2: can't be loaded: TypeError: Cannot read/],
  ["that awaits what is no plugin", "export default await 1;", /its default export is 1, which is no plugin/],
  [
    "that exports a promise",
    "export default (async () => 1)();",
    /its default export is a promise, which is no plugin/,
  ],
  ["that exports what no JSON has", "export default 3n;", /its default export is 3, which is no plugin/],
  [
    "that fails when nobody waits for it",
    'import { definePlugin } from "wgpt";\nsetTimeout(() => null.x, 0);\nexport default definePlugin({ name: "p" });',
    /^wgpt: \S*:2: TypeError: Cannot read/,
  ],
  [
    "that imports what is not there",
    "import './nowhere.ts';",
    /^wgpt: \S*: can't be loaded: Cannot find module '.\/nowhere.ts'/,
  ],
  [
    "that imports what wgpt has not",
    "import 'wgpt/magic';",
    /^wgpt: \S*: imports wgpt\/magic \(of wgpt there are wgpt, wgpt\/ir/,
  ],
  [
    "whose template reads too much",
    'import { template } from "wgpt/template";\nexport const t =\n  template("mine", "{{size}}", []);',
    /^wgpt: \S*:3: mine: reads size, which its kernel does not declare/,
  ],
  [
    "whose op has no meaning",
    'import { definePlugin } from "wgpt";\nimport { tanh } from "wgpt/ir";\nexport default definePlugin({\n  name: "p",\n  ops: [{ ...tanh, name: "mine", reference: undefined }],\n});',
    /^wgpt: \S*:3: plugin p: op mine has neither reference nor decompose/,
  ],
  [
    "whose op is called like one of ours",
    'import { definePlugin } from "wgpt";\nimport { tanh } from "wgpt/ir";\n\nexport default definePlugin({ name: "p", ops: [{ ...tanh }] });',
    /^wgpt: \S*:4: plugin p: op tanh is there already/,
  ],
  [
    "whose rule throws",
    `import { definePlugin } from "wgpt";
import { applyRules, predicate } from "wgpt/passes";
const rule = {
  name: "mine", summary: "", sites: (node) => node.results, replace: () => null,
  predicates: [predicate("bad", () => { throw new TypeError("oh"); })],
};
const run = (graph, report) => applyRules(graph, [rule], report);
const pass = { name: "mine", summary: "", role: "fuse", run };
export default definePlugin({ name: "p", passes: [{ pass, after: "fuse-gelu" }] });`,
    /^wgpt: \S*:5: pass mine, rule mine at \S+: its predicate bad throws TypeError: oh/,
  ],
];
const wrong = WRONG.map(([what, text, message], i) => {
  const file = write(`wrong-${i}.js`, text);
  return { what, file, message, run: runCli(["inspect", EMBEDDED, "--plugin", file]) };
});
for (const { what, file, message, run: ran } of wrong)
  test(`a file ${what} is refused in one line that begins with it`, async () => {
    const result = await ran;
    assertFails(result, message);
    assert.ok(result.stderr.startsWith(`wgpt: ${file}:`), result.stderr);
  });

const missing = runCli(["inspect", EMBEDDED, "--plugin", join(root, "gone.ts")]);
const debug = [false, true].map((fromSource) =>
  runCli(["inspect", EMBEDDED, "--debug", "--plugin", wrong.at(-1)?.file ?? ""], { fromSource }),
);
test("a file that is not there is named, and --debug shows the plugin's stack too", async () => {
  assertFails(await missing, /gone\.ts: can't be read: no such file/);
  for (const { stderr } of await Promise.all(debug))
    assert.match(stderr, /^wgpt: \S*:5: .*\nCompileError: [\s\S]*caused by TypeError: oh\n {4}at .*wrong-\d+\.js:5/);
});

test.run();
