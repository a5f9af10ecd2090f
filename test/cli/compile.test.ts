// `wgpt compile`: which files it writes, when it replaces a folder, and that it never destroys one.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
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

mkdirSync(at("look-alike"));
for (const name of ["index.js", "graph.txt"]) writeFileSync(at("look-alike", name), "mine");
mkdirSync(at("here"));
writeFileSync(at("here", "mine.txt"), "keep me");
mkdirSync(at("model"));
cpSync(join(EMBEDDED, "config.json"), at("model", "config.json"));
mkdirSync(at("wide"));
const wide = { n_layer: 1, n_head: 1, n_embd: 8, n_ctx: 128, vocab_size: 300_000 };
writeFileSync(at("wide", "config.json"), JSON.stringify(wide));

const first = compile(at("deep", "er", "bundle"));
const second = first.then(() => compile(at("deep", "er", "bundle"), "--dump", at("dump")));
const refused = {
  foreign: compile(at("notes")),
  dumpOver: compile(at("fresh"), "--dump", at("notes")),
  inside: compile(at("kernels-of-mine")),
  lookAlike: compile(at("look-alike")),
  model: runCli(["compile", at("model"), "--out", at("model", "bundle")]),
  together: compile(at("both"), "--dump", at("both", "dump")),
  beyond: runCli(["compile", at("wide"), "--out", at("never")]),
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
  assert.match(files.get("graph.txt") ?? "", /^# prefill\ngraph gpt2\[/);
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
    "package.json",
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
  assert.equal(readdirSync(at("dump")).sort(), ["decode", "dump.json", "logits", "prefill"]);
  const names = readdirSync(at("dump", "decode")).sort();
  assert.is(names[0], "00-input.txt");
  assert.ok(names.some((name) => /^\d\d-fuse-attention\.txt$/.test(name)));
});

test("replaces no folder and no file that holds anything else", async () => {
  assertFails(await refused.foreign, /notes: holds diary.txt, but no plan.json of a bundle/);
  assertFails(await refused.dumpOver, /notes: holds diary.txt, but no dump.json of a dump/);
  assertFails(await refused.inside, /kernels-of-mine: holds kernels\/mine.txt, but no plan.json of a bundle/);
  assertFails(await refused.lookAlike, /look-alike: holds graph.txt, but no plan.json of a bundle/);
  assertFails(await refused.file, /a-file: is a file/);
  assert.is(readFileSync(at("notes", "diary.txt"), "utf8"), "dear diary");
  assert.is(readFileSync(at("kernels-of-mine", "kernels", "mine.txt"), "utf8"), "keep me");
  assert.is(readFileSync(at("a-file"), "utf8"), "text");
});

test("writes no folder that holds another, or lies in it", async () => {
  assertFails(await refused.model, /model\/bundle: lies in \S+model, which is read \(give a folder apart from it\)/);
  assertFails(await refused.together, /both\/dump: lies in \S+both, which is the bundle's/);
});

test("never takes an empty path, or `.`, for a folder to replace", async () => {
  const inHere = { cwd: at("here") };
  const runs = [
    runCli(["compile", "gpt2", "--out", ""], inHere),
    runCli(["compile", "gpt2", "--out", at("never"), "--dump", ""], inHere),
    runCli(["make-checkpoint", "gpt2", "--seed", "1", "--out", ""], inHere),
  ];
  for (const run of runs) assertFails(await run, /'' is invalid\. It must be a path, but it is empty\./);
  assertFails(await runCli(["compile", "gpt2", "--out", "."], inHere), /^wgpt: \.: is the working directory/);
  assert.equal(readdirSync(at("here")), ["mine.txt"]);
  assert.is(readFileSync(at("here", "mine.txt"), "utf8"), "keep me");
});

test("keeps what someone adds to an older bundle while the new one is made, and that bundle", async () => {
  output(await first);
  const [folder, bundle] = [at("crowded"), at("crowded", "bundle")];
  cpSync(at("deep", "er", "bundle"), bundle, { recursive: true });
  const before = read(bundle);
  const run = compile(bundle, "--name", "other");
  let done = false;
  void run.then(() => {
    done = true;
  });
  // What is made lies beside it until it is whole.
  while (!done && readdirSync(folder).length === 1) await setTimeout(2);
  writeFileSync(join(bundle, "late.txt"), "keep me");
  assertFails(await run, /bundle: is a bundle, but holds late\.txt too, which wgpt did not write/);
  assert.equal(read(bundle), new Map([...before, ["late.txt", "keep me"]]));
  assert.equal(readdirSync(folder), ["bundle"]);
  rmSync(folder, { recursive: true });
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
  assertFails(
    await refused.beyond,
    /plan gpt2: logits takes 153600000 bytes, but webgpu-default binds 134217728 at most \(--chunk 64 makes it fit\)/,
  );
  await Promise.all([second, ...Object.values(refused)]);
  assert.equal(readdirSync(root).sort(), [
    "a-file",
    "deep",
    "dump",
    "here",
    "kernels-of-mine",
    "look-alike",
    "model",
    "notes",
    "wide",
  ]);
  assert.not.ok(existsSync(at("never")));
});

test.run();
