// `wgpt score` on a GPU: its figures, the file of logits, and weights that are no numbers.
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { toF32 } from "../../runtime/weights/convert.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { seededCheckpoint } from "../support/made-models.ts";
import { f32 } from "../support/make-safetensors.ts";
import { assertWithin, EMBEDDED, F32_BOUND, readReference } from "../support/models.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";

const test = suite("score command");
const gpuTest = onGpu(test);

const root = mkdtempSync(join(tmpdir(), "wgpt-score-"));
test.after(() => rmSync(root, { recursive: true }));
const logits = join(root, "logits.safetensors");
const text = join(root, "text.txt");
writeFileSync(text, "To be, or not to be: that is the question.\n".repeat(3));

const spoiled = join(root, "spoiled");
mkdirSync(spoiled);
const nan = f32([6], Array(6).fill(Number.NaN));
const config = { n_layer: 1, n_head: 1, n_embd: 6, n_ctx: 8, vocab_size: 5 };
const files = seededCheckpoint(config, { change: (name, t) => (name === "h.0.ln_1.bias" ? nan : t) });
for (const [name, content] of Object.entries(files)) writeFileSync(join(spoiled, name), content);

const score = (...args: readonly string[]) => (adapter ? runCli(["score", ...args]) : undefined);
const result = async (run: ReturnType<typeof score>) => {
  const done = await run;
  if (!done) throw new Error("this test needs a GPU");
  return done;
};

const given = at(readReference(EMBEDDED).cases, 0);
const ids = given.ids.join();
const runs = {
  json: score("--tokens", ids, "--json", "--top", "3", "--logits", logits),
  text: score("To be, or not to be"),
  one: score("--tokens", "858", "--top", "2"),
  windows: score("--file", text, "--window", "8", "--skip-tokens", "5"),
  windowsJson: score("--file", text, "--window", "8", "--skip-tokens", "5", "--json"),
  spoiled: score("--model", spoiled, "--tokens", "1,2,3", "--logits", join(root, "spoiled.safetensors")),
  missing: score(),
  noFile: score("--file", join(root, "none.txt")),
  both: score("--file", text, "and a text"),
  windowLogits: score("x", "--window", "8", "--logits", join(root, "no.safetensors")),
  empty: score("x", "--logits", ""),
  folder: score("x", "--logits", root),
  unwritable: score("x", "--logits", join(root, "none", "no.safetensors")),
  long: score("--tokens", Array(300).fill(1).join()),
  skipped: score("To be", "--skip-tokens", "50"),
} as const;

gpuTest("--json prints one object with every log-probability", async () => {
  const object = JSON.parse(output(await result(runs.json)));
  assert.equal(object.tokens, given.ids);
  assert.is(object.predicted_tokens, 13);
  assert.is(object.left_out_tokens, 0);
  assert.is(object.log_probabilities.length, 13);
  const mean = -object.log_probabilities.reduce((a: number, b: number) => a + b, 0) / 13;
  assert.ok(Math.abs(object.mean_negative_log_likelihood - mean) < 1e-9);
  assert.ok(Math.abs(object.perplexity - Math.exp(mean)) < 1e-6);
  assert.is(object.next.length, 3);
  assert.is(object.next[0].token, given.argmax.at(-1));
  assert.equal(Object.keys(object.next[0]), ["token", "text", "logit", "probability"]);
  const { load_ms, load_bytes, peak_rss_bytes, gpu_bytes, memory, ...stats } = object.stats;
  assert.ok(load_ms > 0 && load_bytes === 4 * 1353728 && peak_rss_bytes > load_bytes);
  assert.ok(memory.total > gpu_bytes && gpu_bytes > memory.weights);
  assert.equal(stats, { adapter: adapter?.description, software: adapter?.software });
});

gpuTest("--logits writes them as safetensors, [tokens, vocabulary]", async () => {
  output(await result(runs.json));
  const source = await openCheckpoint(logits);
  const tensor = source.tensors.get("logits");
  assert.equal([tensor?.shape, tensor?.dtype], [[14, 1024], "F32"]);
  const bytes = await source.read("logits", 0, tensor?.byteLength ?? 0);
  await source.close();
  assertWithin(toF32(bytes, "F32"), given.logits.flat(), F32_BOUND, "the file");
  assert.is(readFileSync(logits).readBigUInt64LE() % 8n, 0n, "the data is aligned");
});

gpuTest("--logits writes into a pipe, and through a link", async () => {
  output(await result(runs.json));
  const bytes = readFileSync(logits);
  const [link, target, pipe] = ["link", "target", "pipe"].map((name) => join(root, name)) as [string, string, string];
  writeFileSync(target, "old");
  symlinkSync("target", link);
  execFileSync("mkfifo", [pipe]);
  const reader = spawn("cat", [pipe], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const piped = buffer(reader.stdout);
    for (const path of [link, pipe]) output(await result(score("--tokens", ids, "--logits", path)));
    assert.equal(readFileSync(target), bytes);
    assert.ok(lstatSync(link).isSymbolicLink() && lstatSync(pipe).isFIFO());
    assert.equal(await piped, bytes);
  } finally {
    reader.kill();
    for (const path of [link, target, pipe]) rmSync(path);
  }
});

gpuTest("prints tokens, sums and the likeliest successors in columns", async () => {
  const lines = output(await result(runs.text)).split("\n");
  assert.match(lines[0] ?? "", /^ {4}1 +304 {2}" be" +-\d\.\d{4}$/);
  assert.ok(lines.some((l) => /^predicted tokens +6$/.test(l)));
  assert.ok(lines.some((l) => /^mean negative log-likelihood +3\.788\d\d\d nats per token$/.test(l)));
  assert.ok(lines.some((l) => /^perplexity +44\.\d{4}$/.test(l)));
  assert.ok(lines.includes("after all 7 tokens:"));
  assert.is(lines.filter((l) => / logit +-?\d+\.\d{4} +p 0\.\d{4}$/.test(l)).length, 5);
  assert.match(output(await result(runs.one)), /^after the one token:\n( .* logit .*\n){2}$/);
});

gpuTest("--window scores a long text in whole windows, and says what is left", async () => {
  const object = JSON.parse(output(await result(runs.windowsJson)));
  assert.is(object.predicted_tokens % 8, 0);
  assert.is(object.predicted_tokens + object.left_out_tokens + 1, object.tokens.length);
  assert.equal(object.next, []);
  const printed = output(await result(runs.windows));
  assert.match(
    printed,
    new RegExp(`^predicted tokens +${object.predicted_tokens}; ${object.left_out_tokens} at the end`),
  );
  assert.ok(printed.includes(`perplexity                    ${object.perplexity.toFixed(4)}`));
});

gpuTest("a weight that is no number is warned of by name, and the score fails", async () => {
  const { code, stdout, stderr } = await result(runs.spoiled);
  assert.is(code, 1);
  assert.is(stdout, "");
  const [warning, error, ...rest] = stderr.split("\n");
  assert.match(warning ?? "", /^wgpt: warning: .*spoiled: h\.0\.ln_1\.bias holds 6 values that are not finite$/);
  assert.match(error ?? "", /^wgpt: the logits after token 0: the logit of token \d of 5 is NaN/);
  assert.equal(rest, [""]);
});

gpuTest("refuses what it can't score, and leaves no file behind", async () => {
  assertFails(await result(runs.missing), /text: is missing \(give a text, --file or --tokens\)/);
  assertFails(await result(runs.noFile), /none\.txt: can't be read: no such file or directory$/m);
  assertFails(await result(runs.both), /--file: is given, but so is a text/);
  assertFails(await result(runs.windowLogits), /--logits: is given, but so is --window/);
  assertFails(await result(runs.unwritable), /no\.safetensors: can't be written: no such file or directory/);
  assertFails(await result(runs.empty), /'--logits <file>' argument '' is invalid. It must be a path, but it is empty/);
  assertFails(await result(runs.folder), /: is a folder, but a file is to be written/);
  assertFails(await result(runs.long), /text: has 300 tokens, but the context is 256 \(score it in windows/);
  assertFails(await result(runs.skipped), /--skip-tokens: is \d+, but the text has \d+ tokens/);
  await Promise.all(Object.values(runs));
  assert.equal(readdirSync(root).sort(), ["logits.safetensors", "spoiled", "text.txt"]);
  assert.not.ok(existsSync(join(root, "none")));
});

const inputs = mkdtempSync(join(tmpdir(), "wgpt-score-inputs-"));
test.after(() => rmSync(inputs, { recursive: true }));

gpuTest("a text that is not UTF-8, or empty, is refused, and a byte-order mark is no text", async () => {
  const write = (name: string, bytes: Uint8Array | string) => {
    writeFileSync(join(inputs, name), bytes);
    return join(inputs, name);
  };
  const wide = write("wide.txt", Buffer.from("\ufeffTo be", "utf16le"));
  assertFails(await runCli(["score", "--file", wide]), /wide\.txt: is no text in UTF-8, but in UTF-16/);
  assertFails(
    await runCli(["score", "--file", write("bad.txt", Uint8Array.of(84, 0xff, 84))]),
    /bad\.txt: is no text in UTF-8/,
  );
  assertFails(await runCli(["score", "--file", write("empty.txt", "")]), /empty\.txt: is empty/);
  const [marked, plain] = await Promise.all([
    runCli(["score", "--file", write("marked.txt", "\ufeffTo be"), "--json"]).then(output),
    runCli(["score", "To be", "--json"]).then(output),
  ]);
  assert.equal(JSON.parse(marked).tokens, JSON.parse(plain).tokens);
});

gpuTest("logits are not written over what is read", async () => {
  const own = join(inputs, "own.txt");
  writeFileSync(own, "To be, or not");
  symlinkSync(own, join(inputs, "link.safetensors"));
  assertFails(
    await runCli(["score", "--file", own, "--logits", join(inputs, "link.safetensors")]),
    /which --file reads/,
  );
  assertFails(
    await runCli(["score", "To be", "--model", spoiled, "--logits", join(spoiled, "model.safetensors")]),
    /a file of the model/,
  );
  assert.is(readFileSync(own, "utf8"), "To be, or not");
});

test.run();
