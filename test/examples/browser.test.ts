// The page of examples/browser in a real Chromium: the same bundle gives the same tokens there as on Node, its weights come
// in ranges, and what can go wrong is told on the page.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildSite } from "../../examples/browser/site.ts";
import { type Answer, type StaticServer, serveFolder } from "../../examples/browser/static-server.ts";
import { loadBundle } from "../../runtime/index.ts";
import { chromiumPath, openChromium } from "../support/chromium.ts";
import { adapter, gpuDevice } from "../support/gpu.ts";
import { EMBEDDED } from "../support/models.ts";
import { skipUnless } from "../support/skip.ts";

const PROMPT = "JULIET:\nO ";
const NEW_TOKENS = 24;
const EOS = 1023;
const SHARD = "bundle/weights/00001-of-00001.safetensors";
/** A weight is read a mebibyte at a time. */
const MOST_BYTES = 2 ** 20;
/** Generous: other work may be under way, and the browser's adapter computes on the processor. */
const LOAD_MS = 60_000;
/** Shown when loading has ended, well or not. */
const SETTLED = "#generate:enabled, #problem:not([hidden])";

const test = suite("browser");
const browserTest = skipUnless(test, chromiumPath, "no chromium");
const bothTest = skipUnless(test, chromiumPath && adapter, "no chromium, or no Vulkan adapter");

const root = mkdtempSync(join(tmpdir(), "wgpt-page-"));
const site = join(root, "site");
const answers: Answer[] = [];
const servers: StaticServer[] = [];
let browser: Browser | undefined;
/** A page that has loaded the model, for all tests that go well: SwiftShader takes seconds to compile its kernels. */
let loaded: Page | undefined;
let failed: string | undefined;
const requested: string[] = [];

test.before(async () => {
  if (chromiumPath === undefined) return;
  await buildSite(site, EMBEDDED, "shakespeare");
  browser = await openChromium();
  const { url } = await serve(site);
  loaded = await openPage(url, (page) => page.on("request", (request) => requested.push(request.url())));
  await loaded.waitForSelector(SETTLED);
  if (await loaded.isDisabled("#generate")) failed = await problem(loaded);
});
test.after(async () => {
  await browser?.close();
  for (const server of servers) await server.close();
  rmSync(root, { recursive: true });
});

browserTest("loads the bundle from beside it, and no more than a chunk of weights at a time", async () => {
  const page = ready();
  const weights = answers.filter(({ path }) => path.endsWith(".safetensors"));
  assert.ok(weights.length > 1, "weights come in several pieces");
  for (const { status, bytes } of weights) {
    assert.is(status, 206);
    assert.ok(bytes <= MOST_BYTES, `a range of ${bytes} bytes`);
  }
  const foreign = requested.filter(
    (url) => !url.startsWith("data:") && new URL(url).origin !== new URL(page.url()).origin,
  );
  assert.equal(foreign, []);
  assert.match(await written(page, "#memory"), /^\d+\.\d MiB$/);
  assert.match(await written(page, "#adapter"), /swiftshader.* \(software\)$/i);
});

bothTest("gives the tokens that the same bundle gives on Node", async () => {
  const page = ready();
  await fill(page, { prompt: PROMPT, temperature: 0, "top-k": "", "max-new-tokens": NEW_TOKENS });
  await page.keyboard.press("Enter");
  const [tokens, text] = await finished(page);
  const node = await onNode();
  assert.equal(tokens, node.tokens);
  assert.is(text, PROMPT + node.text);
  assert.match(await written(page, "#speed"), /^\d+\.\d tokens\/s$/);
  assert.match(await written(page, "#first-token"), /^\d+ ms$/);
});

browserTest("draws the same text again from the same seed", async () => {
  const page = ready();
  await fill(page, { prompt: PROMPT, temperature: 1, "top-k": 40, "top-p": 0.95, "max-new-tokens": 12 });
  const texts: string[] = [];
  for (const seed of [7, 7, 8]) {
    await fill(page, { seed });
    await page.focus("#prompt");
    await page.keyboard.press("Control+Enter");
    texts.push((await finished(page))[1]);
  }
  assert.is(texts[0], texts[1]);
  assert.is.not(texts[0], texts[2]);
});

browserTest("stops when asked to, by key and by button", async () => {
  const page = ready();
  await fill(page, { prompt: PROMPT, "max-new-tokens": 250 });
  for (const stop of [() => page.keyboard.press("Escape"), () => page.click("#stop")]) {
    await page.click("#generate");
    // Not waitForFunction, which makes code of text in the page: its policy forbids that.
    await page.locator("#made", { hasText: /.{20}/ }).waitFor();
    await stop();
    const [tokens] = await finished(page);
    assert.is(await written(page, "#status"), "Stopped.");
    assert.ok(tokens.length > 0 && tokens.length < 200, `stopped after ${tokens.length} tokens`);
  }
});

browserTest("tells what it can't generate from, and goes on", async () => {
  const page = ready();
  await fill(page, { prompt: "", "max-new-tokens": 4 });
  await page.click("#generate");
  await page.waitForSelector("#problem");
  assert.match(await problem(page), /^prompt\nhas no token.*\ngive a text/);
  await fill(page, { prompt: PROMPT });
  await page.click("#generate");
  await finished(page);
  assert.not(await page.isVisible("#problem"));
});

browserTest("says so where the browser has no WebGPU, or no adapter for it", async () => {
  const { url } = await serve(site);
  const gpu = (value: string) => `Object.defineProperty(navigator, "gpu", { value: ${value} })`;
  assert.match(
    await failure(url, gpu("undefined")),
    /^WebGPU\nthis browser does not offer it\nuse a current Chrome, .* over https/,
  );
  assert.match(
    await failure(url, gpu("{ requestAdapter: async () => null }")),
    /^adapter\nWebGPU finds no adapter.*\nlook at chrome:\/\/gpu/,
  );
});

browserTest("names a shard that is missing, a byte that was not packed, and a bundle that is not there", async () => {
  const missing = copySite("missing");
  rmSync(join(missing, SHARD));
  assert.match(
    await failure((await serve(missing)).url),
    /00001-of-00001\.safetensors\nthe server answers 404\na bundle is the whole folder/,
  );
  const flipped = copySite("flipped");
  const bytes = readFileSync(join(flipped, SHARD));
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(join(flipped, SHARD), bytes);
  assert.match(
    await failure(`${(await serve(flipped)).url}?verify`),
    /safetensors\nits SHA-256 is [0-9a-f]{64}, but weights\.json says [0-9a-f]{64}\ncopy the bundle again/,
  );
  const without = copySite("without");
  rmSync(join(without, "bundle"), { recursive: true });
  assert.match(
    await failure((await serve(without)).url),
    /bundle\/index\.js\ncan't be imported: .*\na bundle belongs beside the page/,
  );
});

test.run();

async function serve(folder: string): Promise<StaticServer> {
  const server = await serveFolder(folder, 0, (answer) => answers.push(answer));
  servers.push(server);
  return server;
}

function copySite(name: string): string {
  const copy = join(root, name);
  cpSync(site, copy, { recursive: true });
  return copy;
}

async function openPage(url: string, before: (page: Page) => unknown): Promise<Page> {
  if (!browser) throw new Error("no browser was opened");
  const page = await browser.newPage();
  page.setDefaultTimeout(LOAD_MS);
  await before(page);
  await page.goto(url);
  return page;
}

/** The page with its model. */
function ready(): Page {
  if (failed !== undefined || !loaded) throw new Error(`the page did not load the model: ${failed}`);
  return loaded;
}

/** What a page says when loading fails. `script` runs in it before its own. */
async function failure(url: string, script = ""): Promise<string> {
  const page = await openPage(url, (p) => p.addInitScript(script));
  try {
    await page.waitForSelector(SETTLED);
    assert.ok(await page.isVisible("#problem"), "loading should fail");
    assert.ok(await page.isVisible("#retry"), "and can be tried again");
    return await problem(page);
  } finally {
    await page.close();
  }
}

/** Place, facts and hint, a line each. */
const problem = async (page: Page): Promise<string> =>
  (await page.locator("#problem > :is(h2, p)").allTextContents()).join("\n");

const written = async (page: Page, selector: string): Promise<string> => (await page.textContent(selector)) ?? "";

async function fill(page: Page, values: Readonly<Record<string, string | number>>): Promise<void> {
  for (const [id, value] of Object.entries(values)) await page.fill(`#${id}`, String(value));
}

/** The tokens of the text that is being made, and all that the page shows of it, when it ends. */
async function finished(page: Page): Promise<readonly [tokens: readonly number[], text: string]> {
  await page.waitForSelector("#tokens:not([hidden])");
  const ids = await written(page, "#token-ids");
  return [ids.split(" ").map(Number), await written(page, "#text")];
}

async function onNode() {
  const model = await loadBundle(join(site, "bundle"), await gpuDevice());
  try {
    const options = { temperature: 0, maxNewTokens: NEW_TOKENS, seed: 1, stopTokens: [EOS] };
    const steps = model.generate(PROMPT, options);
    for (let step = await steps.next(); ; step = await steps.next()) if (step.done) return step.value;
  } finally {
    await model.close();
  }
}
