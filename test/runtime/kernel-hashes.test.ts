// A bundle's kernels are those that were written: their hashes are compared when a plan is read.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sha256 } from "../../base/hash.ts";
import { type BundleFiles, readBundle, readPlan } from "../../runtime/bundle.ts";
import { openBundleFolder } from "../../runtime/bundle-folder.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { tinyBundle, tinyTexts } from "../codegen/emit/tiny-bundle.ts";
import { followFix } from "../support/follow-fix.ts";
import { assertFails, runCli } from "../support/run-cli.ts";

const test = suite("kernel hashes");
const root = mkdtempSync(join(tmpdir(), "wgpt-hashes-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

/** The tiny bundle in a folder, with its files changed. */
async function written(name: string, change: (file: string, text: string) => string): Promise<string> {
  const folder = join(root, name);
  for (const [file, text] of await tinyTexts()) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), change(file, text));
  }
  return folder;
}

async function planOf(files: BundleFiles) {
  const { bundle, weights } = await readBundle(files);
  const [variant] = bundle.variants;
  if (!variant) throw new Error("a bundle without variants");
  return readPlan(files, bundle, variant, weights);
}

async function refusal(files: BundleFiles): Promise<RuntimeError> {
  const error = await planOf(files).catch((e: unknown) => e);
  if (error instanceof RuntimeError) return error;
  throw new Error(`nothing was refused: ${String(error)}`);
}

test("is SHA-256", async () => {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.is(await sha256("abc"), abc);
  assert.is(await sha256(Uint8Array.of(97, 98, 99)), abc);
});

test("reads what was written", async () => {
  const plan = await planOf(await openBundleFolder(await written("whole", (_, text) => text)));
  assert.equal(
    plan.kernels.map((k) => k.wgsl).sort(),
    [...tinyBundle().kernels.values()].filter((t) => plan.kernels.some((k) => k.wgsl === t)).sort(),
  );
  assert.not.ok(plan.kernels.some((k) => "sha256" in k || "file" in k));
});

test("refuses a kernel that is another text, even if only the ends of its lines are, and says what to run", async () => {
  const crlf = (file: string, text: string) => (file.endsWith(".wgsl") ? text.replaceAll("\n", "\r\n") : text);
  const folder = await written("crlf", crlf);
  const error = await refusal(await openBundleFolder(folder));
  assert.is(error.code, "bad-bundle");
  assert.match(error.place, /crlf\/kernels\/\S+\.wgsl$/);
  assert.match(error.facts, /^its SHA-256 is [0-9a-f]{64}, but plan\.json says [0-9a-f]{64}$/);
  assert.match(error.hint ?? "", /copy the bundle again, with the ends of its lines as they are, or compile it again/);
  assert.ok(error.fix);
  if (!error.fix) return;
  // What it says to run ends in another refusal, which names the files.
  assertFails(
    await runCli(followFix(error.fix, []), { noDriver: true }),
    /is not what this wgpt compiles: kernels\/\S+ differs/,
  );
});

test("names no folder to check where the bundle is not in one", async () => {
  const texts = await tinyTexts();
  const files: BundleFiles = {
    place: "https://example.org/bundle",
    text: async (file) => (texts.get(file) ?? "") + (file.endsWith(".wgsl") ? "// mine\n" : ""),
    bytes: () => Promise.reject(new Error("nothing is packed")),
    close: async () => {},
  };
  const error = await refusal(files);
  assert.is(error.fix, undefined);
  assert.match(error.hint ?? "", /compile it again$/);
});

test.run();
