// What a browser gets of `wgpt/runtime`, as a bundler sees it: nothing of Node, and no compiler.
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT } from "../../tools/run-command.mjs";

const test = suite("browser bundle");

/** All that a whole program is made of, for either side; what is left to be imported at run time stays outside. */
async function bundle(entry: string, platform: "browser" | "node") {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    platform,
    bundle: true,
    minify: true,
    format: "esm",
    metafile: true,
    write: false,
    // What is imported when it is needed becomes a file of its own.
    splitting: true,
    outdir: "out",
    logLevel: "silent",
    external: ["node:*", "webgpu", "koffi"],
  });
  const { outputs } = metafile;
  /** An output, and those that it imports before it runs. */
  const withImports = (name: string): readonly string[] => [
    name,
    ...(outputs[name]?.imports ?? [])
      .filter((i) => !i.external && i.kind === "import-statement")
      .flatMap((i) => withImports(i.path)),
  ];
  const [first = ""] = Object.entries(outputs).find(([, o]) => o.entryPoint === entry) ?? [];
  const loaded = new Set(withImports(first));
  const filesOf = (names: readonly string[]) => names.flatMap((name) => Object.keys(outputs[name]?.inputs ?? {}));
  return {
    bytes: [...loaded].reduce((n, name) => n + (outputs[name]?.bytes ?? 0), 0),
    files: filesOf([...loaded]),
    later: filesOf(Object.keys(outputs).filter((name) => !loaded.has(name))),
    outside: Object.values(outputs).flatMap((o) => o.imports.filter((i) => i.external).map((i) => i.path)),
  };
}

test("takes in the runtime and the tokenizer's library, and leaves nothing to be found at run time", async () => {
  const { files, later, outside, bytes } = await bundle("runtime/browser.ts", "browser");
  assert.equal(outside, []);
  assert.equal([...new Set(files.map(ownerOf))].sort(), [
    "@cfworker/json-schema",
    "@huggingface/tokenizers",
    "base",
    "runtime",
  ]);
  // For the regular expressions of a tokenizer that is none of the well-known ones.
  assert.equal([...new Set(later.map(ownerOf))], ["re2js"]);
  console.log(`\n  wgpt/runtime for a browser is ${bytes} bytes, minified`);
});

test("would be seen if it took in what only Node has", async () => {
  const { outside } = await bundle("runtime/index.ts", "node");
  assert.ok(outside.some((path) => path.startsWith("node:")));
  for (const native of ["webgpu", "koffi"]) assert.ok(outside.includes(native), native);
});

test("the runtime on Node takes in no compiler either", async () => {
  const { files } = await bundle("runtime/index.ts", "node");
  assert.equal([...new Set(files.map(ownerOf))].sort(), [
    "@cfworker/json-schema",
    "@huggingface/tokenizers",
    "base",
    "runtime",
  ]);
});

test.run();

/** The package or the folder of ours that a file belongs to. */
const ownerOf = (file: string): string =>
  /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? file.slice(0, file.indexOf("/"));
