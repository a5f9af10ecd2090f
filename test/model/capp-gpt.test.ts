// A published checkpoint that no one here made, its files unchanged, through the commands: token ids without a tokenizer, and a
// beginning beyond the vocabulary. What onnxruntime says of it lies beside it.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { printError } from "../../cli/errors.ts";
import { toF32 } from "../../runtime/weights/convert.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { adapter } from "../support/gpu.ts";
import { assertWithin, F32_BOUND } from "../support/models.ts";
import { runInProcess } from "../support/run-in-process.ts";
import { shared } from "../support/shared.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("capp-gpt");
const folder = shared("data/models/capp-gpt");
const there = skipUnless(
  test,
  folder !== undefined && adapter,
  "no ../shared/data/models/capp-gpt, or no Vulkan adapter",
);

interface Upstream {
  readonly cases: readonly { readonly input_ids: readonly number[]; readonly logits: readonly (readonly number[])[] }[];
  readonly greedy: readonly { readonly prompt: readonly number[]; readonly out: readonly number[] }[];
}
const END = 51;

const upstream = (): Upstream => JSON.parse(readFileSync(join(folder ?? "", "upstream-ort.json"), "utf8"));

async function run(command: string, ids: readonly number[], ...more: readonly string[]): Promise<string> {
  const args = [command, "--model", folder ?? "", "--tokens", ids.join(","), "--json", ...more];
  const { stdout, stderr, error } = await runInProcess(args);
  assert.is(error, undefined, printError(error));
  assert.match(stderr, /config\.json: bos_token_id 50256 ignored, for the vocabulary has ids 0 to 52 only/);
  return stdout;
}

there("`score` gives upstream's logits and log-probabilities", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "wgpt-capp-"));
  try {
    for (const { input_ids: ids, logits } of upstream().cases) {
      const file = join(scratch, `${ids.length}.safetensors`);
      const printed = JSON.parse(await run("score", ids, "--logits", file));
      const source = await openCheckpoint(file);
      const { byteLength = 0 } = source.tensors.get("logits") ?? {};
      const written = toF32(await source.read("logits", 0, byteLength), "F32");
      await source.close();
      assertWithin(written, logits.flat(), F32_BOUND, `${ids.length} tokens`);
      const want = ids.slice(1).map((id, i) => logProbability(logits[i] ?? [], id));
      assertWithin(printed.log_probabilities, want, F32_BOUND, `${ids.length} tokens, log-probabilities`);
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

there("`generate` gives upstream's tokens, and ends where the model does", async () => {
  const options = (count: number) => ["--temperature", "0", "--max-new-tokens", String(count)];
  for (const { prompt, out } of upstream().greedy) {
    assert.equal(JSON.parse(await run("generate", prompt, ...options(out.length), "--ignore-eos")).tokens, out);
    const end = out.indexOf(END);
    const { tokens, finish } = JSON.parse(await run("generate", prompt, ...options(out.length)));
    assert.equal([tokens, finish], end < 0 ? [out, "length"] : [out.slice(0, end), "end-token"]);
  }
});

function logProbability(logits: readonly number[], id: number): number {
  const most = Math.max(...logits);
  const sum = logits.reduce((n, x) => n + Math.exp(x - most), 0);
  return (logits[id] ?? Number.NaN) - most - Math.log(sum);
}

test.run();
