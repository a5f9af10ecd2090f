// What a browser gets of `wgpt/runtime`, as a bundler sees it: nothing of Node, and no compiler.
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT } from "../../tools/run-command.mjs";

const test = suite("browser bundle");

/** All that a whole program is made of, for either side; what is left to be imported at run time stays outside. */
async function bundle(entry: string, platform: "browser" | "node") {
  const { metafile, outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    platform,
    bundle: true,
    minify: true,
    format: "esm",
    metafile: true,
    write: false,
    logLevel: "silent",
    external: ["node:*", "webgpu", "koffi"],
  });
  const { inputs, outputs } = metafile;
  return {
    bytes: outputFiles.reduce((n, file) => n + file.contents.length, 0),
    files: Object.keys(inputs),
    outside: Object.values(outputs).flatMap((o) => o.imports.map((i) => i.path)),
  };
}

test("takes in the runtime and the tokenizer's library, and leaves nothing to be found at run time", async () => {
  const { files, outside, bytes } = await bundle("runtime/browser.ts", "browser");
  assert.equal(outside, []);
  assert.equal([...new Set(files.map(ownerOf))].sort(), ["@huggingface/tokenizers", "base", "runtime"]);
  console.log(`\n  wgpt/runtime for a browser is ${bytes} bytes, minified`);
});

test("would be seen if it took in what only Node has", async () => {
  const { outside } = await bundle("runtime/index.ts", "node");
  assert.ok(outside.some((path) => path.startsWith("node:")));
  for (const native of ["webgpu", "koffi"]) assert.ok(outside.includes(native), native);
});

test("the runtime on Node takes in no compiler either", async () => {
  const { files } = await bundle("runtime/index.ts", "node");
  assert.equal([...new Set(files.map(ownerOf))].sort(), ["@huggingface/tokenizers", "base", "runtime"]);
});

test.run();

/** The package or the folder of ours that a file belongs to. */
const ownerOf = (file: string): string =>
  /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? file.slice(0, file.indexOf("/"));
