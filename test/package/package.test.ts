// The package as npm packs and installs it: every export, the command, README's programs, and a bundle that runs where no
// compiler is installed. What a browser's bundler takes in is in browser.test.ts.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transform } from "esbuild";
import { readConfigFile, sys } from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as compiler from "../../codegen/compile.ts";
import * as codegen from "../../codegen/index.ts";
import * as ir from "../../ir/index.ts";
import * as passes from "../../passes/index.ts";
import * as browser from "../../runtime/browser.ts";
import * as runtime from "../../runtime/index.ts";
import { npm } from "../../tools/packages.mjs";
import { capture, ROOT } from "../../tools/run-command.mjs";
import { adapter } from "../support/gpu.ts";
import { installPackage, linkModule } from "../support/installed.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("package");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");
const user = await installPackage();
/** Not in the user's folder: what is missing here would be found there. */
const server = mkdtempSync(join(tmpdir(), "wgpt-server-"));
test.after(() => {
  user.remove();
  rmSync(server, { recursive: true });
});

const at = (...parts: readonly string[]): string => join(user.folder, ...parts);
const wgpt = (...args: readonly string[]) => user.run([...npm(), "exec", "--offline", "--", "wgpt", ...args]);
const SHAKESPEARE = "node_modules/wgpt/models/shakespeare";

test("holds what runs and what explains it, and no source, test or tool", () => {
  const files = readdirSync(at("node_modules/wgpt"), { recursive: true, encoding: "utf8" });
  const folders = readdirSync(at("node_modules/wgpt")).sort();
  assert.equal(folders, [
    ...["ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "README.md", "dist", "models", "package.json", "schemas"],
  ]);
  assert.equal(readdirSync(at("node_modules/wgpt/dist")).sort(), ["cli", "codegen", "ir", "passes", "runtime"]);
  assert.equal(
    files.filter((file) => /(?<!\.d)\.ts$|\.test\.|reference\.json$/.test(file)),
    [],
  );
  const templates = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".hbs"));
  assert.equal(
    templates(at("node_modules/wgpt/dist/codegen")).sort(),
    templates(join(ROOT, "codegen")).sort(),
    "every kernel's template",
  );
  console.log(`\n  the tarball has ${user.tarballBytes} bytes`);
});

test("every export offers under plain Node what its source does", async () => {
  const wanted = { wgpt: compiler, "wgpt/ir": ir, "wgpt/passes": passes, "wgpt/codegen": codegen };
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
    readFileSync(join(ROOT, "examples/shakespeare/index.d.ts"), "utf8"),
    "stale: run what the head of examples/07-run-a-bundle.ts says, and commit",
  );
});

const EXAMPLE = readFileSync(join(ROOT, "examples/07-run-a-bundle.ts"), "utf8");
const SNIPPETS = snippets(readFileSync(join(ROOT, "README.md"), "utf8"));

test("README's programs, the example and the bundle's module are type-checked without a complaint", async () => {
  const programs = { "07-run-a-bundle.ts": EXAMPLE, ...SNIPPETS };
  for (const [name, text] of Object.entries(programs)) writeFileSync(at(name), text);
  const ours = strictFlags();
  const files = [...Object.keys(programs), "shakespeare/index.ts"];
  linkModule(user.folder, "@types/node");
  // With `skipLibCheck` off, our own declarations are checked too; those of @webgpu/types are not clean by themselves.
  const common = { ...ours, rootDir: ".", skipLibCheck: false };
  const projects = {
    "tsconfig.json": { compilerOptions: { ...common, types: ["node"] }, files },
    "tsconfig.browser.json": {
      compilerOptions: {
        ...common,
        lib: ["ES2023", "DOM", "DOM.AsyncIterable"],
        types: [],
        module: "ESNext",
        moduleResolution: "bundler",
        customConditions: ["browser"],
      },
      files: ["shakespeare/index.ts"],
    },
  };
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const checks = Object.entries(projects).map(async ([name, project]) => {
    writeFileSync(at(name), JSON.stringify(project));
    const { output } = await capture([process.execPath, tsc, "--pretty", "false", "-p", name], { cwd: user.folder });
    const complaints = output.split("\n").filter((line) => line !== "" && !line.includes("@webgpu/types/"));
    assert.equal(complaints, [], name);
  });
  await Promise.all(checks);
});

test("README has three programs", () => {
  assert.is(Object.keys(SNIPPETS).length, 3);
});

for (const [name, text] of Object.entries(SNIPPETS))
  (/\b(openDawn|load)\(/.test(text) ? gpuTest : test)(`README's program ${name} runs as it is printed`, async () => {
    const file = name.replace(/\.ts$/, ".js");
    writeFileSync(at(file), await asJavaScript(text));
    // The program that takes a folder has the repository's as its default.
    const output = await user.node(file, ...(text.includes('"models/shakespeare"') ? [SHAKESPEARE] : []));
    if (text.includes("process.stdout.write")) assert.ok(output.trim().length > 40, `it prints ${output}`);
  });

gpuTest("example 07 runs where neither the compiler nor what it needs is installed", async () => {
  const shipped = at("node_modules/wgpt");
  const compiler = ["codegen", "passes", "ir", "cli"].map((folder) => join(shipped, "dist", folder));
  cpSync(shipped, join(server, "node_modules/wgpt"), { recursive: true, filter: (file) => !compiler.includes(file) });
  for (const name of ["webgpu", "@huggingface/tokenizers"]) linkModule(server, name);
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

/** The repository's compiler options, without those that are about its own sources. */
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
