// `wgpt compile`: which files it writes, when it replaces a folder, and that it never destroys one.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EMBEDDED } from "../support/models.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";

const test = suite("compile");

const root = mkdtempSync(join(tmpdir(), "wgpt-compile-"));
test.after(() => rmSync(root, { recursive: true }));

const at = (...parts: readonly string[]): string => join(root, ...parts);
const compile = (out: string, ...more: readonly string[]) => runCli(["compile", EMBEDDED, "--out", out, ...more]);

/** The text of every file below, by its path. */
function read(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(folder, path), readFileSync(path, "utf8")];
    }),
  );
}

mkdirSync(at("notes"));
writeFileSync(at("notes", "diary.txt"), "dear diary");
mkdirSync(at("kernels-of-mine", "kernels"), { recursive: true });
writeFileSync(at("kernels-of-mine", "kernels", "mine.txt"), "keep me");
writeFileSync(at("a-file"), "text");

const first = compile(at("deep", "er", "bundle"));
const second = first.then(() => compile(at("deep", "er", "bundle"), "--dump", at("dump")));
const refused = {
  foreign: compile(at("notes")),
  dumpOver: compile(at("fresh"), "--dump", at("notes")),
  lookAlike: compile(at("kernels-of-mine")),
  file: compile(at("a-file")),
  insideFile: compile(at("a-file", "bundle")),
  nowhere: compile("/proc/wgpt-bundle"),
  unknownPass: compile(at("never"), "--disable-pass", "magic"),
  unknownVariant: compile(at("never"), "--variant", "magic"),
  presetWeights: runCli(["compile", "gpt2", "--pack-weights", "--out", at("never")]),
} as const;

test("writes module, plan, weight map, graph and kernels, and says how many dispatches each entry point takes", async () => {
  const text = output(await first);
  assert.match(text, /: \d+ kernels in 2 variants, \d+ bytes of text, for webgpu-default\n/);
  assert.match(text, /^ {2}base: dispatches of prefill \d+, decode 34, logits \d+$/m);
  assert.match(text, /^ {2}subgroups: dispatches of .*, needs subgroups$/m);
  const files = read(at("deep", "er", "bundle"));
  const plan = JSON.parse(files.get("plan.json") ?? "");
  assert.match(files.get("graph.txt") ?? "", /^# prefill\ngraph gpt2\(/);
  const kernels = [...files.keys()].filter((name) => name.startsWith("kernels"));
  const used = plan.variants.flatMap((v: { readonly kernels: readonly { readonly file: string }[] }) =>
    v.kernels.map((k) => k.file),
  );
  assert.equal(kernels.sort(), [...new Set<string>(used)].sort(), "each distinct shader once, and no other");
  const rest = [...files.keys()].filter((name) => !name.startsWith("kernels")).sort();
  assert.equal(rest, [
    "graph.txt",
    "index.d.ts",
    "index.js",
    "index.ts",
    "plan.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "weights.json",
  ]);
});

test("a second run replaces the bundle by the same bytes", async () => {
  await first;
  const before = read(at("deep", "er", "bundle"));
  output(await second);
  assert.equal(read(at("deep", "er", "bundle")), before);
  assert.equal(readdirSync(at("deep", "er")), ["bundle"], "nothing is left beside it");
});

test("--check says whether a bundle is what would be written today, and which files are not", async () => {
  output(await second);
  const bundle = at("deep", "er", "bundle");
  assert.match(output(await runCli(["compile", "--check", bundle])), /: up to date, all \d+ files\n$/);
  const copy = at("checked");
  cpSync(bundle, copy, { recursive: true });
  const [kernel = "", other = ""] = readdirSync(join(copy, "kernels")).sort();
  writeFileSync(join(copy, "kernels", kernel), "// edited\n");
  rmSync(join(copy, "kernels", other));
  writeFileSync(join(copy, "kernels", "old.wgsl"), "// old\n");
  const wrong = await runCli(["compile", "--check", copy]);
  for (const problem of [`${kernel} differs`, `${other} is missing`, "old.wgsl is left over"])
    assert.ok(wrong.stderr.includes(problem), `${wrong.stderr} has ${problem}`);
  assertFails(wrong, /checked: is not what this wgpt compiles: .*\(compile it again/);
  rmSync(copy, { recursive: true });
  assertFails(await runCli(["compile", "--check", at("notes")]), /notes\/plan.json: can't be read/);
});

test("needs neither a GPU nor a driver nor Dawn", async () => {
  output(await runCli(["compile", EMBEDDED, "--out", at("bare")], { noDriver: true, noDawn: true }));
  assert.equal(read(at("bare")), read(at("deep", "er", "bundle")), "the same bytes as where there is one");
  rmSync(at("bare"), { recursive: true });
  const running = await runCli(["generate", "x", "--max-new-tokens", "1"], { noDawn: true });
  assertFails(running, /dawn: the package webgpu can't be loaded: it is not installed \(install it again/);
});

test("--dump writes the graph of every entry point after every pass", async () => {
  output(await second);
  assert.equal(readdirSync(at("dump")).sort(), ["decode", "logits", "prefill"]);
  const names = readdirSync(at("dump", "decode")).sort();
  assert.is(names[0], "00-input.txt");
  assert.ok(names.some((name) => /^\d\d-fuse-attention\.txt$/.test(name)));
});

test("replaces no folder and no file that holds anything else", async () => {
  assertFails(await refused.foreign, /notes: holds diary.txt, which no bundle does/);
  assertFails(await refused.dumpOver, /notes: holds diary.txt, which no dump does/);
  assertFails(await refused.lookAlike, /kernels-of-mine: holds kernels\/mine.txt, which no bundle does/);
  assertFails(await refused.file, /a-file: is a file/);
  assert.is(readFileSync(at("notes", "diary.txt"), "utf8"), "dear diary");
  assert.is(readFileSync(at("kernels-of-mine", "kernels", "mine.txt"), "utf8"), "keep me");
  assert.is(readFileSync(at("a-file"), "utf8"), "text");
});

test("a place that can't be written is named, and nothing is left over", async () => {
  assertFails(await refused.insideFile, /a-file\/bundle: is a file or lies in one/);
  assertFails(await refused.nowhere, /\/proc\/wgpt-bundle: can't be written: /);
  assertFails(await refused.unknownPass, /there is no pass magic/);
  assertFails(
    await refused.unknownVariant,
    /there is no variant magic \(variants are base, f16, subgroups, f16-subgroups, subgroup-matrix\)/,
  );
  assertFails(await refused.presetWeights, /--pack-weights: gpt2 is a preset, which has no weights/);
  await Promise.all([second, ...Object.values(refused)]);
  assert.equal(readdirSync(root).sort(), ["a-file", "deep", "dump", "kernels-of-mine", "notes"]);
  assert.not.ok(existsSync(at("never")));
});

test.run();
