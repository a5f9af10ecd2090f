// A bundle's module inside what Vite and esbuild make of a program, for a page and for Node: it gives the tokens that it gives
// unbundled, from the files that `base` names, and says so when it is not told where they are.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build } from "esbuild";
import type { Browser } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type StaticServer, serveFolder } from "../../examples/browser/static-server.ts";
import { loadBundle } from "../../runtime/index.ts";
import { capture, ROOT } from "../../tools/run-command.mjs";
import { GOLDEN } from "../codegen/emit/tiny-bundle.ts";
import { chromiumPath, openChromium } from "../support/chromium.ts";
import { adapter, gpuDevice } from "../support/gpu.ts";
import { installPackage } from "../support/installed.ts";
import { chainModel } from "../support/made-models.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { output, runCli } from "../support/run-cli.ts";
import { skipUnless } from "../support/skip.ts";

const TEXT = "abcdefghijklmnop";
const PROMPT = TEXT.slice(0, 3);
const OPTIONS = { temperature: 0, maxNewTokens: 8, seed: 1 };
/** Generous: the browser compiles kernels and computes on the processor. */
const LOAD_MS = 60_000;

const test = suite("bundlers");
const bothTest = skipUnless(test, chromiumPath && adapter, "no chromium, or no Vulkan adapter");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");

/** A user's program: `public` is what Vite copies as it is, and where `wgpt compile` has put the bundle. */
const PROGRAM = `
import { load } from "./public/model/index.js";

export async function tokensOf(base) {
  const model = await load(undefined, undefined, base === undefined ? undefined : { base });
  const steps = model.generate(${JSON.stringify(PROMPT)}, ${JSON.stringify(OPTIONS)});
  const tokens = [];
  for await (const { token } of steps) tokens.push(token);
  await model.close();
  return tokens.join();
}
`;
const PAGE = `
import { tokensOf } from "./program.js";

const base = new URLSearchParams(location.search).get("base") ?? undefined;
tokensOf(base).then((tokens) => \`tokens \${tokens}\`, String).then((said) => { document.body.dataset.said = said; });
`;
const ON_NODE = `
import { tokensOf } from "./program.js";

tokensOf(process.argv[2]).then(console.log, (error) => console.log(error.message));
`;

const folder = join((await installPackage()).folder, "bundled");
const servers: StaticServer[] = [];
let browser: Browser | undefined;

test.before(async () => {
  if (!adapter) return;
  mkdirSync(folder);
  const compiled = ["--pack-weights", "--out", join(folder, "public/model")];
  const model = chainModel(new TextEncoder().encode(TEXT));
  await inFolder(model, async (checkpoint) => output(await runCli(["compile", checkpoint, ...compiled])));
  const html = `<!doctype html><title>x</title><body><script type="module" src="./page.js"></script></body>`;
  const texts = { "program.js": PROGRAM, "page.js": PAGE, "node.js": ON_NODE, "index.html": html };
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  if (chromiumPath !== undefined) browser = await openChromium();
});
test.after(async () => {
  await browser?.close();
  for (const server of servers) await server.close();
});

/** Writes a site to the folder of that name, by each bundler in its usual way. */
const SITES = {
  async vite(site: string) {
    const vite = join(ROOT, "node_modules/vite/bin/vite.js");
    const args = ["build", "--base", "./", "--outDir", site];
    const { ok, output } = await capture([process.execPath, vite, ...args], { cwd: folder, seconds: 120 });
    assert.ok(ok, output);
  },
  async esbuild(site: string) {
    await build({
      ...BUNDLED,
      entryPoints: [join(folder, "page.js")],
      platform: "browser",
      outdir: join(folder, site),
    });
    cpSync(join(folder, "index.html"), join(folder, site, "index.html"));
    cpSync(join(folder, "public"), join(folder, site), { recursive: true });
  },
} as const;
const BUNDLED = { bundle: true, minify: true, format: "esm", logLevel: "silent" } as const;
const NODE: BuildOptions = {
  ...BUNDLED,
  entryPoints: [join(folder, "node.js")],
  platform: "node",
  external: ["webgpu"],
};

for (const [bundler, make] of Object.entries(SITES))
  bothTest(`a page built by ${bundler} gives the tokens that the bundle gives on Node`, async () => {
    const site = `${bundler}-site`;
    await make(site);
    const server = await serveFolder(join(folder, site), 0);
    servers.push(server);
    // Relative to the page, or a whole address.
    const [base, place] = bundler === "vite" ? ["model", "assets/plan.json"] : [`${server.url}model/`, "plan.json"];
    assert.is(await said(`${server.url}?base=${encodeURIComponent(base)}`), `tokens ${await onNode()}`);
    assert.match(
      await said(server.url),
      new RegExp(`^RuntimeError: ${server.url}${place}: the server answers 404\nhint: .*as \`base\`$`),
    );
  });

gpuTest("a program built for Node gives them too, from a path and from an address", async () => {
  const outfile = join(folder, "node-site/program.mjs");
  await build({ ...NODE, outfile });
  const model = join(folder, "public/model");
  const tokens = await onNode();
  for (const base of [model, pathToFileURL(model).href]) assert.is(await runs(outfile, base), tokens, base);
  assert.match(
    await runs(outfile),
    /^.*node-site.plan\.json: can't be read: no such file or directory\nhint: .*as `base`$/,
  );
});

gpuTest("CommonJS, in which no module knows its address, has to be told the base, and is", async () => {
  const outfile = join(folder, "node-site/program.cjs");
  await build({ ...NODE, format: "cjs", outfile });
  assert.is(await runs(outfile, join(folder, "public/model")), await onNode());
  assert.match(await runs(outfile), /^import\.meta\.url: is undefined.*\nhint: give `load` the folder .* as `base`$/);
});

test("no module that we print or ship for bundlers has the form that they take for an asset", () => {
  const form = /new\s+URL\s*\([^()]*\bimport\.meta\.url/;
  assert.match(`new URL(".", import.meta.url)`, form);
  const folders = [GOLDEN, join(ROOT, "runtime"), join(ROOT, "examples")];
  const files = folders.flatMap((at) =>
    readdirSync(at, { recursive: true, encoding: "utf8" }).map((name) => join(at, name)),
  );
  const modules = files.filter((file) => /\.[jt]s$/.test(file));
  assert.ok(modules.length > 50, "all of them are looked at");
  assert.equal(
    modules.filter((file) => form.test(withoutComments(readFileSync(file, "utf8")))),
    [],
  );
});

test.run();

/** What the page says when it is done. */
async function said(url: string): Promise<string> {
  if (!browser) throw new Error("no browser was opened");
  const page = await browser.newPage();
  page.setDefaultTimeout(LOAD_MS);
  try {
    await page.goto(url);
    await page.waitForSelector("body[data-said]", { state: "attached" });
    return (await page.getAttribute("body", "data-said")) ?? "";
  } finally {
    await page.close();
  }
}

async function runs(file: string, ...args: readonly string[]): Promise<string> {
  const { ok, stdout, output } = await capture([process.execPath, file, ...args], { cwd: folder, seconds: 120 });
  assert.ok(ok, output);
  return stdout.trim();
}

/** Unbundled. */
async function onNode(): Promise<string> {
  const model = await loadBundle(join(folder, "public/model"), await gpuDevice());
  const tokens: number[] = [];
  for await (const { token } of model.generate(PROMPT, OPTIONS)) tokens.push(token);
  await model.close();
  return tokens.join();
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
