// The package as npm packs and installs it: every export, the command, README's programs, and a bundle that runs where no
// compiler is installed. What a browser's bundler takes in is in browser.test.ts.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix, sep } from "node:path";
import { transform } from "esbuild";
import { readConfigFile, sys } from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as codegen from "../../codegen/index.ts";
import * as template from "../../codegen/template-compiler.ts";
import * as compiler from "../../codegen/wgpt.ts";
import * as engine from "../../engine/index.ts";
import * as ir from "../../ir/index.ts";
import * as passes from "../../passes/index.ts";
import * as browser from "../../runtime/browser.ts";
import * as runtime from "../../runtime/index.ts";
import { npm } from "../../tools/packages.mjs";
import { capture, ROOT } from "../../tools/run-command.mjs";
import { builtPackage } from "../support/built.ts";
import { adapter } from "../support/gpu.ts";
import { installPackage, linkModule } from "../support/installed.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("package");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");
const user = await installPackage();
/** Not in the user's folder: what is missing here would be found there. */
const server = mkdtempSync(join(tmpdir(), "wgpt-server-"));
test.after(() => rmSync(server, { recursive: true }));

const at = (...parts: readonly string[]): string => join(user.folder, ...parts);
const wgpt = (...args: readonly string[]) => user.run([...npm(), "exec", "--offline", "--", "wgpt", ...args]);
const SHAKESPEARE = "node_modules/wgpt/models/shakespeare";

/** All files of the package, by their path in it. */
const packed = (): readonly string[] =>
  readdirSync(at("node_modules/wgpt"), { recursive: true, encoding: "utf8" }).map((file) => file.split(sep).join("/"));

test("holds what runs and what explains it, and no source, test or tool", () => {
  const files = packed();
  const folders = readdirSync(at("node_modules/wgpt")).sort();
  assert.equal(folders, [
    ...["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md"],
    ...["bench", "dist", "docs", "examples", "models", "package.json", "schemas"],
  ]);
  assert.equal(readdirSync(at("node_modules/wgpt/dist")).sort(), [
    "base",
    "cli",
    "codegen",
    "engine",
    "ir",
    "passes",
    "runtime",
  ]);
  assert.equal(
    files.filter((file) => /(?<!\.d)\.ts$|\.test\.|reference\.json$/.test(file) && !file.startsWith("examples/")),
    [],
  );
  assert.equal(
    files.filter((file) => /^examples\/(shakespeare|types)\//.test(file)),
    [],
    "its bundle is compiled by whoever runs it, into a folder that nothing lies in",
  );
  console.log(`\n  the tarball has ${user.tarballBytes} bytes`);
});

test("holds the very modules that the command's tests run", async () => {
  const tests = join(await builtPackage(), "dist");
  const modules = packed().filter((file) => /^dist\/.*\.m?js$/.test(file));
  assert.ok(modules.length > 300, `${modules.length} modules`);
  const others = modules.filter(
    (file) =>
      readFileSync(at("node_modules/wgpt", file), "utf8") !==
      readFileSync(join(tests, posix.relative("dist", file)), "utf8"),
  );
  assert.equal(others, []);
});

test("every file that a document of the package links to is in it", () => {
  const documents = packed().filter((file) => file.endsWith(".md"));
  assert.ok(documents.length >= 6, `${documents}`);
  const broken = documents.flatMap((document) => {
    const text = readFileSync(at("node_modules/wgpt", document), "utf8");
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].flatMap(([, link = ""]) =>
      /^[a-z]+:/.test(link) ? [] : [posix.join(posix.dirname(document), link)],
    );
    return links.filter((link) => !packed().includes(link)).map((link) => `${document} links to ${link}`);
  });
  assert.equal(broken, []);
});

test("every export offers under plain Node what its source does", async () => {
  const wanted = {
    wgpt: compiler,
    "wgpt/ir": ir,
    "wgpt/passes": passes,
    "wgpt/codegen": codegen,
    "wgpt/template": template,
    "wgpt/engine": engine,
  };
  const list = (...specifiers: readonly string[]) =>
    `const all = {}; for (const s of ${JSON.stringify(specifiers)}) all[s] = Object.keys(await import(s)).sort();
     process.stdout.write(JSON.stringify(all));`;
  const evaluate = async (text: string, ...flags: readonly string[]) =>
    JSON.parse(await user.node(...flags, "--input-type=module", "-e", text));
  const names = (modules: Readonly<Record<string, object>>) =>
    Object.fromEntries(Object.entries(modules).map(([name, module]) => [name, Object.keys(module).sort()]));
  assert.equal(
    await evaluate(list(...Object.keys(wanted), "wgpt/runtime")),
    names({ ...wanted, "wgpt/runtime": runtime }),
  );
  assert.equal(await evaluate(list("wgpt/runtime"), "--conditions=browser"), names({ "wgpt/runtime": browser }));
  const manifests = readdirSync(join(ROOT, "schemas")).map((file) => `wgpt/schemas/${file}`);
  for (const specifier of ["wgpt/package.json", ...manifests])
    await user.node("--input-type=module", "-e", `import.meta.resolve("${specifier}")`);
});

test("the command says its version and inspects a preset", async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  assert.is((await wgpt("--version")).trim(), version);
  assert.match(await wgpt("inspect", "gpt2"), /^gpt2: 124,439,808 parameters\n/);
});

test("the command compiles the bundle that example 07 imports, with the types that the repository holds", async () => {
  await wgpt("compile", SHAKESPEARE, "--name", "shakespeare", "--pack-weights", "--out", "shakespeare");
  assert.is(
    readFileSync(at("shakespeare/index.d.ts"), "utf8"),
    readFileSync(join(ROOT, "examples/types/shakespeare/index.d.ts"), "utf8"),
    "stale: run what the head of examples/07-run-a-bundle.ts says, copy its index.d.ts, and commit",
  );
});

test("the command compiles the graph that README's program imports, as README has it", async () => {
  await wgpt("compile", "node_modules/wgpt/examples/mlp.graph", "--max", "T=128", "--out", "mlp");
  assert.match(readFileSync(at("mlp/index.d.ts"), "utf8"), /mlp\(inputs: \{/);
});

const EXAMPLES = Object.fromEntries(
  readdirSync(join(ROOT, "examples"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => [name, readFileSync(join(ROOT, "examples", name), "utf8")]),
);
const { "07-run-a-bundle.ts": EXAMPLE = "" } = EXAMPLES;
const SNIPPETS = snippets(readFileSync(join(ROOT, "README.md"), "utf8"));

test("README's programs and the examples are type-checked without a complaint", async () => {
  const programs = { ...EXAMPLES, ...SNIPPETS };
  for (const [name, text] of Object.entries(programs)) writeFileSync(at(name), text);
  const compilerOptions = { ...strictFlags(), rootDir: ".", types: ["node"], allowImportingTsExtensions: true };
  const files = [...Object.keys(programs), "shakespeare/index.ts", "mlp/index.ts"];
  writeFileSync(at("tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { output } = await capture([process.execPath, tsc, "--pretty", "false"], { cwd: user.folder });
  assert.is(output, "");
});

test("README has five programs", () => {
  assert.is(Object.keys(SNIPPETS).length, 5);
});

for (const [name, text] of Object.entries(SNIPPETS))
  (/\b(openDawn|openBatch|load)\(/.test(text) ? gpuTest : test)(
    `README's program ${name} runs as it is printed`,
    async () => {
      const file = name.replace(/\.ts$/, ".js");
      writeFileSync(at(file), await asJavaScript(text));
      // The program that takes a folder has the repository's as its default.
      const output = await user.node(file, ...(text.includes('"models/shakespeare"') ? [SHAKESPEARE] : []));
      if (text.includes("process.stdout.write")) assert.ok(output.trim().length > 40, `it prints ${output}`);
    },
  );

gpuTest("the examples that open the embedded model find it from the user's folder", async () => {
  for (const name of ["06-zero-shot.ts", "08-compare-variants.ts"]) {
    const output = await user.node("--import", import.meta.resolve("tsx"), `node_modules/wgpt/examples/${name}`);
    assert.match(output, /^(?:# shakespeare answers|largest difference of their logits: )/m, name);
  }
});

gpuTest("example 07 runs where neither the compiler nor what it needs is installed", async () => {
  const shipped = at("node_modules/wgpt");
  const compiler = ["codegen", "passes", "ir", "engine", "cli"].map((folder) => join(shipped, "dist", folder));
  cpSync(shipped, join(server, "node_modules/wgpt"), { recursive: true, filter: (file) => !compiler.includes(file) });
  for (const name of ["webgpu", "@cfworker/json-schema", "@huggingface/tokenizers"]) linkModule(server, name);
  cpSync(at("shakespeare"), join(server, "shakespeare"), { recursive: true });
  writeFileSync(join(server, "package.json"), `{ "type": "module" }`);
  writeFileSync(join(server, "07.js"), await asJavaScript(EXAMPLE));
  const { ok, stdout, output } = await capture([process.execPath, "07.js", "JULIET:\n"], { cwd: server });
  assert.ok(ok, output);
  assert.ok(stdout.trim().length > 40, `60 tokens are more text than ${stdout}`);
  assert.match(output, /^shakespeare, 6 layers, kernels of \w+, on ./m);
});

test.run();

/** What stands in README between "As a library" and the next heading, by the name of a file for it. */
function snippets(readme: string): Readonly<Record<string, string>> {
  const [, section = ""] = /^## As a library\n([\s\S]*?)^## /m.exec(readme) ?? [];
  const texts = [...section.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
  return Object.fromEntries(texts.map((text, i) => [`readme-${i + 1}.ts`, text]));
}

/** The repository's compiler options, without those that are about its own sources; types.test.ts checks the libraries. */
function strictFlags(): object {
  const { config } = readConfigFile(join(ROOT, "tsconfig.json"), sys.readFile) as {
    readonly config: { readonly compilerOptions: Readonly<Record<string, unknown>> };
  };
  const ofSources = ["paths", "allowJs", "checkJs", "rewriteRelativeImportExtensions"];
  return Object.fromEntries(Object.entries(config.compilerOptions).filter(([name]) => !ofSources.includes(name)));
}

async function asJavaScript(text: string): Promise<string> {
  return (await transform(text, { loader: "ts", format: "esm" })).code;
}
