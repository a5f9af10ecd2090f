// The package's declarations, and a bundle's module, as the TypeScript of a consumer reads them: in three versions of the
// compiler, in programs that know a page's globals, Node's or neither, by two ways of resolving modules; strict, and with
// the declarations of all libraries checked. What the declarations say is module-types.test.ts.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bundleTexts } from "../../codegen/emit/bundle.ts";
import { capture, ROOT } from "../../tools/run-command.mjs";
import { tinyBundle } from "../codegen/emit/tiny-bundle.ts";
import { installPackage } from "../support/installed.ts";

const test = suite("types");
const FOLDER = join((await installPackage()).folder, "types");

/** Of each, the package under node_modules, and whether its DOM library has WebGPU. */
const COMPILERS = {
  "5.9": { name: "typescript-5.9", webgpu: false },
  "6.0": { name: "typescript", webgpu: true },
  "7.0": { name: "typescript-7", webgpu: true },
} as const;

/** All exports; a name that a declaration can't resolve is an error by itself, as libraries are checked. */
const EVERYWHERE = `
import * as compiler from "wgpt";
import * as codegen from "wgpt/codegen";
import * as engine from "wgpt/engine";
import * as ir from "wgpt/ir";
import * as passes from "wgpt/passes";
import * as runtime from "wgpt/runtime";
import * as template from "wgpt/template";
import manifest from "wgpt/package.json" with { type: "json" };
import plan from "wgpt/schemas/plan.schema.json" with { type: "json" };
import weights from "wgpt/schemas/weights.schema.json" with { type: "json" };

export const modules = [compiler, codegen, engine, ir, passes, runtime, template];
export const texts: readonly string[] = [manifest.version, plan.title, weights.title];
export const graph: ir.Graph = ir.parseGraph("graph f(x: f32[4]) {\\n  y = tanh(x) : f32[4]\\n  return y\\n}");
export const run = (open: runtime.OpenDevice, at: runtime.Address): Promise<runtime.BundleModel> => {
  open.device.destroy();
  return runtime.loadBundle(at, open);
};
// @ts-expect-error: it would pass if a device were \`any\`, which is what a type that is not found becomes.
export const nothing = (open: runtime.OpenDevice): unknown => open.device.noSuchMethod();
`;
const MODULE = (folder: string): string => `
import { facts, load } from "./${folder}/index.js";
import type { Tensor } from "wgpt/runtime";

export const layers: 2 = facts.n_layer;
export const row: Promise<Tensor<"f32", readonly [1, 61]>> = load().then((model) => model.decode(1));
`;
const ON_NODE = `
import { load } from "./printed/index.js";
import { openDawn } from "wgpt/runtime";

export const model = load(await openDawn({ quiet: true }), undefined, { base: new URL("file:///srv/bundle/") });
`;
const IN_A_PAGE = `
import { load } from "./printed/index.js";
import { openGpu } from "wgpt/runtime";

export const model = load(await openGpu(), undefined, { base: new URL("bundle/", document.baseURI) });
`;
/** A page's own WebGPU is what the package takes and gives. */
const WEBGPU_OF_A_PAGE = `
import { openDevice } from "wgpt/runtime";

const { device } = await openDevice(navigator.gpu);
const same: GPUDevice = device;
export const buffer: GPUBuffer = same.createBuffer({ size: 4, usage: 128 });
`;

/** The two ways; a bundler for the web asks for the condition \`browser\`. */
const RESOLUTIONS = {
  nodenext: { module: "NodeNext", moduleResolution: "NodeNext" },
  bundler: { module: "ESNext", moduleResolution: "bundler", target: "ES2022", resolveJsonModule: true },
  web: {
    ...{ module: "ESNext", moduleResolution: "bundler", target: "ES2022", resolveJsonModule: true },
    customConditions: ["browser"],
  },
} as const;

interface Program {
  readonly resolution: keyof typeof RESOLUTIONS;
  readonly lib: readonly string[];
  readonly types: readonly string[];
  readonly files: readonly string[];
}

/** `import.meta.url`, of which the printed module asks, is known to a page and to Node. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  "a page, bundled": {
    ...{ resolution: "web", lib: ["ES2022", "DOM"], types: [] },
    files: ["everywhere.ts", "printed.ts", "declared.ts", "page.ts"],
  },
  "a page, unbundled": {
    ...{ resolution: "nodenext", lib: ["ES2022", "DOM"], types: [] },
    files: ["everywhere.ts", "printed.ts", "declared.ts", "node.ts"],
  },
  "Node, bundled": {
    ...{ resolution: "bundler", lib: ["ES2022"], types: ["node"] },
    files: ["everywhere.ts", "printed.ts", "declared.ts", "node.ts"],
  },
  "Node, unbundled": {
    ...{ resolution: "nodenext", lib: ["ES2022"], types: ["node"] },
    files: ["everywhere.ts", "printed.ts", "declared.ts", "node.ts"],
  },
  "neither, bundled": {
    ...{ resolution: "web", lib: ["ES2022"], types: [] },
    files: ["everywhere.ts", "declared.ts"],
  },
  "neither, unbundled": {
    ...{ resolution: "nodenext", lib: ["ES2022"], types: [] },
    files: ["everywhere.ts", "declared.ts"],
  },
};

/** Stricter than `strict`: what a consumer may have on, the module that we print for them has to bear. */
const FLAGS = {
  ...{ strict: true, skipLibCheck: false, noEmit: true, exactOptionalPropertyTypes: true, verbatimModuleSyntax: true },
  ...{ noUncheckedIndexedAccess: true, noUnusedLocals: true, noUnusedParameters: true, isolatedModules: true },
  ...{ noImplicitReturns: true, noImplicitOverride: true, noPropertyAccessFromIndexSignature: true },
};

/** What each compiler says; they run side by side, each through all programs in one process. */
const outputs = new Map<string, Promise<string>>();

test.before(async () => {
  const texts = {
    "everywhere.ts": EVERYWHERE,
    "node.ts": ON_NODE,
    "page.ts": IN_A_PAGE,
    "webgpu.ts": WEBGPU_OF_A_PAGE,
  };
  for (const [name, text] of Object.entries(texts)) write(name, text);
  const module = await bundleTexts(tinyBundle());
  for (const [folder, files] of Object.entries({ printed: ["index.ts"], declared: ["index.js", "index.d.ts"] })) {
    write(`${folder}.ts`, MODULE(folder));
    for (const file of files) write(`${folder}/${file}`, module.get(file) ?? "");
  }
  for (const [version, { name, webgpu }] of Object.entries(COMPILERS)) {
    const configs = Object.entries(PROGRAMS).map(([program, { resolution, files, ...known }]) => {
      const config = `${version}, ${program}.json`;
      const compilerOptions = { ...FLAGS, ...RESOLUTIONS[resolution], ...known };
      write(config, {
        compilerOptions,
        files: [...files, ...(webgpu && known.lib.includes("DOM") ? ["webgpu.ts"] : [])],
      });
      return config;
    });
    const tsc = join(ROOT, "node_modules", name, "bin/tsc");
    const ran = capture([process.execPath, tsc, "-b", "--pretty", "false", ...configs], { cwd: FOLDER });
    outputs.set(
      version,
      ran.then(({ ok, output, ended }) => (ok ? output : `${output}\n${ended}`)),
    );
  }
});

for (const [version, { name }] of Object.entries(COMPILERS))
  test(`TypeScript ${version} has no complaint, in a page, on Node and in neither`, async () => {
    const { stdout } = await capture([process.execPath, join(ROOT, "node_modules", name, "bin/tsc"), "--version"]);
    assert.match(stdout, `Version ${version}.`);
    assert.is(await outputs.get(version), "");
  });

test.run();

function write(file: string, content: string | object): void {
  const path = join(FOLDER, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
}
