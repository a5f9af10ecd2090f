// `wgpt generate` on a GPU: what it prints where, and how it fails once a model is loaded.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adapter, onGpu } from "../support/gpu.ts";
import { EMBEDDED, NANO_SORT, readReference } from "../support/models.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("generate command");
const gpuTest = onGpu(test);

const generate = (args: readonly string[], input?: string) =>
  adapter ? runCli(["generate", ...args], input === undefined ? {} : { input }) : undefined;
/** Runs are started when the file is loaded, and only where there is a GPU. */
const result = async (run: ReturnType<typeof generate>) => {
  const done = await run;
  if (!done) throw new Error("this test needs a GPU");
  return done;
};

const greedy = ["--temperature", "0", "--max-new-tokens"];
const runs = {
  json: generate(["ROMEO:\n", ...greedy, "60", "--json"]),
  text: generate(["ROMEO:\n", ...greedy, "8"]),
  stdin: generate(["-", ...greedy, "8"], "ROMEO:\n"),
  tokens: generate(["--tokens", "858,25,198", ...greedy, "8", "--json"]),
  empty: generate(["--max-new-tokens", "4", "--seed", "5", "--json"]),
  seeded: generate(["ROMEO:\n", "--max-new-tokens", "12", "--seed", "5", "--top-k", "40", "--top-p", "0.9"]),
  again: generate(["ROMEO:\n", "--max-new-tokens", "12", "--seed", "5", "--top-k", "40", "--top-p", "0.9"]),
  stop: generate(["ROMEO:\n", ...greedy, "30", "--stop", "never", "--stop", ",", "--json"]),
  unseeded: generate(["ROMEO:\n", "--max-new-tokens", "2"]),
  long: generate(["--tokens", Array(300).fill(1).join(), "--max-new-tokens", "2"]),
  full: generate(["--tokens", Array(256).fill(1).join(","), "--max-new-tokens", "2"]),
  unknown: generate(["--tokens", "1,1024"]),
  both: generate(["--tokens", "1", "text"]),
  unfused: generate(["ROMEO:\n", ...greedy, "8", "--disable-pass", "fuse-gelu", "--disable-pass", "fuse-linear"]),
} as const;
const { greedy: reference } = readReference(EMBEDDED);

gpuTest("--json prints one object with the tokens, the text and the figures", async () => {
  const object = JSON.parse(output(await result(runs.json)));
  assert.equal(Object.keys(object), ["prompt_tokens", "tokens", "text", "finish", "seed", "stats"]);
  assert.equal(object.prompt_tokens, reference[0]?.prompt);
  assert.equal(object.tokens, reference[0]?.continuation);
  assert.match(object.text, /^I'll tell thee, I'll tell thee/);
  assert.is(object.finish, "length");
  const { tokens_per_second, time_to_first_token_ms, dispatches_per_token, ...more } = object.stats;
  assert.ok(tokens_per_second > 0 && time_to_first_token_ms > 0 && dispatches_per_token > 0);
  const { load_ms, load_bytes, peak_rss_bytes, gpu_bytes, memory, ...rest } = more;
  assert.ok(load_ms > 0 && peak_rss_bytes > load_bytes);
  // Gains and biases that a step reads by itself in prefill and with others in decode lie in two packed weights: 11 widths a layer.
  assert.is(load_bytes, 4 * (1353728 + 6 * 11 * 128));
  assert.is(gpu_bytes, memory.weights + memory.caches + memory.activations + memory.inputs_and_outputs);
  assert.equal(rest, { adapter: adapter?.description, software: adapter?.software });
});

gpuTest("streams the new text to stdout, and says on stderr how fast and on what", async () => {
  const { stdout, stderr } = await result(runs.text);
  assert.match(stdout, /^I'll tell thee, I'll tell\n$/);
  assert.match(stderr, /^\[8 tokens, [\d.]+ tokens\/s, first after \d+ ms; \d+ dispatches per token on .+\]\n$/);
  assert.is(stderr.includes("(software)"), adapter?.software);
  assert.is(output(await result(runs.stdin)), stdout, "the same from stdin");
  assert.is(output(await result(runs.unfused)), stdout, "the same with passes left out");
});

gpuTest("takes token ids for a prompt, or starts from the end-of-text token", async () => {
  const object = JSON.parse(output(await result(runs.tokens)));
  assert.equal(object.tokens, reference[0]?.continuation.slice(0, 8));
  assert.equal(JSON.parse(output(await result(runs.empty))).prompt_tokens, [1023]);
});

gpuTest("the same seed prints the same text, and a seed that was drawn is told", async () => {
  const { stdout, stderr } = await result(runs.seeded);
  assert.is(output(await result(runs.again)), stdout);
  assert.not.match(stderr, /seed/);
  assert.match((await result(runs.unseeded)).stderr, /, seed \d+\]$/m);
});

gpuTest("--stop ends before the first of the texts", async () => {
  const object = JSON.parse(output(await result(runs.stop)));
  assert.is(object.text, "I'll tell thee");
  assert.is(object.finish, "stop-string");
});

gpuTest("refuses a prompt that does not fit, unknown tokens, and two prompts", async () => {
  assertFails(await result(runs.long), /prompt: has 300 tokens, but the context is 256/);
  assert.match((await result(runs.full)).stderr, /\[1 token,.*; the context is full\]/);
  assertFails(await result(runs.unknown), /token 1024 is not in the vocabulary of 1024/);
  assertFails(await result(runs.both), /--tokens: is given, but so is a text/);
});

// The sorted digits are the continuation; the last one is predicted from the last place of the context.
const sorting =
  NANO_SORT === undefined
    ? undefined
    : {
        tokens: generate(["--model", NANO_SORT, "--tokens", "0,0,2,1,0,1", ...greedy, "9"]),
        text: generate(["--model", NANO_SORT, "sort this"]),
        nothing: generate(["--model", NANO_SORT]),
      };
skipUnless(
  test,
  adapter && sorting,
  "no Vulkan adapter, or no ../shared/data/models/gpt-nano-sort",
)("a model without tokenizer takes and prints token ids", async () => {
  const { stdout, stderr } = await result(sorting?.tokens);
  assert.is(stdout, "0 0 0 1 1 2\n");
  assert.match(stderr, /; the context is full\]$/m);
  assertFails(await result(sorting?.text), /text: is given, but the model has no tokenizer/);
  assertFails(await result(sorting?.nothing), /prompt: is missing, and the model has no end-of-text token/);
});

test.run();
