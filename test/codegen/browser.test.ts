// The compiler in a real Chromium, under a content policy that forbids code from text: the plan that Node makes.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileModelBundle } from "../../codegen/index.ts";
import { gpt2, readGpt2Config } from "../../ir/index.ts";
import { ROOT } from "../../tools/run-command.mjs";
import { chromiumPath, openChromium } from "../support/chromium.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("compiler in a browser");
const browserTest = skipUnless(test, chromiumPath, "no chromium");

const CONFIG = { n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 32, vocab_size: 61 };
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'";
const PROGRAM = `
import { compileModelBundle } from "./codegen/index.ts";
import { gpt2, readGpt2Config } from "./ir/index.ts";
let evaluated = true;
try { new Function("return 1")(); } catch { evaluated = false; }
let text;
try {
  const { plan, kernels } = compileModelBundle(gpt2, readGpt2Config(${JSON.stringify(CONFIG)}, "tiny"));
  text = JSON.stringify([plan, [...kernels]]);
} catch (error) { text = String(error); }
Object.assign(globalThis, { made: { evaluated, text } });
`;

/** The program as a browser gets it; what prints modules is loaded on demand, and nothing here asks for it. */
async function bundled(): Promise<string> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: PROGRAM, resolveDir: ROOT, loader: "ts" },
    absWorkingDir: ROOT,
    platform: "browser",
    bundle: true,
    format: "esm",
    metafile: true,
    write: false,
    logLevel: "silent",
    external: ["ts-morph"],
  });
  const inputs = Object.keys(metafile.inputs);
  assert.equal(
    inputs.filter((file) => /handlebars\/compiler\//.test(file)),
    [],
  );
  return outputFiles[0]?.text ?? "";
}

browserTest("compiles a model without eval, to the same plan and kernels as on Node", async () => {
  const program = await bundled();
  const server = createServer((request, response) => {
    const isProgram = request.url === "/main.js";
    response.setHeader("Content-Security-Policy", POLICY);
    response.setHeader("Content-Type", isProgram ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8");
    response.end(
      isProgram ? program : '<!doctype html><title>wgpt</title><script type="module" src="/main.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await openChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    const made = await page.waitForFunction(
      () => Reflect.get(globalThis, "made") as { evaluated: boolean; text: string } | undefined,
    );
    const { evaluated, text } = (await made.jsonValue()) ?? { evaluated: true, text: "" };
    assert.is(evaluated, false, "the policy forbids eval");
    const { plan, kernels } = compileModelBundle(gpt2, readGpt2Config(CONFIG, "tiny"));
    assert.ok(text === JSON.stringify([plan, [...kernels]]), text.slice(0, 300));
  } finally {
    await browser.close();
    server.close();
  }
});

test.run();
