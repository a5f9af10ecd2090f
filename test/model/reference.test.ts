// Do our logits equal those of an independent GPT-2? On the GPU, and in the interpreter that every other test leans on.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { generate } from "../../runtime/generate.ts";
import type { Session } from "../../runtime/session.ts";
import { loadTokenizer } from "../../runtime/tokenizer-files.ts";
import { onGpu } from "../support/gpu.ts";
import {
  allLogits,
  argmax,
  assertWithin,
  EMBEDDED,
  F32_BOUND,
  F64_BOUND,
  interpretLogits,
  REFERENCED,
  type Reference,
  type ReferenceCase,
  readReference,
  TINY_RANDOM,
  withSession,
} from "../support/models.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("reference");

/** The rows of `logits` that the reference has. */
function compare(logits: ArrayLike<number>, { ids, logits: want, argmax: best }: ReferenceCase, bound: number): void {
  const rows = Array.from(logits);
  const n_vocab = rows.length / ids.length;
  want.forEach((row, i) => {
    const position = ids.length - want.length + i;
    const got = rows.slice(position * n_vocab, (position + 1) * n_vocab);
    assertWithin(got, row, bound, `${ids.length} tokens, position ${position}`);
    if (best.length === want.length) assert.is(argmax(got), best[i], `the likeliest token after position ${position}`);
  });
}

interface OrtCase {
  readonly input_ids: readonly number[];
  readonly max_length: number;
  readonly output_ids: readonly number[];
}

const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, "utf8")) as T;

async function continueGreedily(
  session: Session,
  prompt: readonly number[],
  count: number,
): Promise<readonly number[]> {
  const stream = generate(session, prompt, { maxNewTokens: count, temperature: 0, seed: 0 });
  let step = await stream.next();
  while (!step.done) step = await stream.next();
  return step.value.tokens;
}

async function checkOnGpu(session: Session, { cases, greedy }: Reference): Promise<void> {
  for (const given of cases) compare(await allLogits(session, given.ids), given, F32_BOUND);
  for (const { prompt, continuation } of greedy)
    assert.equal(await continueGreedily(session, prompt, continuation.length), continuation);
}

for (const { name, folder } of REFERENCED) {
  const there = skipUnless(test, folder, `no ../shared/data/models/${name}`);
  if (folder === undefined) {
    there(`gives the logits and the continuations of ${name}`, () => {});
    continue;
  }
  const reference = readReference(folder);
  onGpu(test)(`gives the logits and the continuations of ${name}`, (gpu) =>
    withSession(gpu, folder, {}, (session) => checkOnGpu(session, reference)),
  );
  test(`the interpreter gives the logits of ${name}`, async () => {
    const [given] = reference.cases.toSorted((a, b) => a.ids.length - b.ids.length).filter((c) => c.ids.length > 1);
    assert.ok(given);
    if (given) compare(await interpretLogits(folder, given.ids), given, F64_BOUND);
  });
}

onGpu(test)("writes on from `ROMEO:` as the reference does, in text", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const { greedy } = readJson<{ readonly greedy: { readonly prompt: string; readonly text: string } }>(
      join(EMBEDDED, "reference.json"),
    );
    const tokenizer = await loadTokenizer(EMBEDDED);
    const prompt = tokenizer?.encode(greedy.prompt) ?? [];
    const written = await continueGreedily(session, prompt, 60);
    assert.is(tokenizer?.decode([...prompt, ...written]), greedy.text);
  }),
);

const ORT = "continues tiny-random-gpt2 as onnxruntime does";
const tiny = TINY_RANDOM;
if (tiny === undefined) skipUnless(test, tiny, "no ../shared/data/models/tiny-random-gpt2")(ORT, () => {});
else
  onGpu(test)(ORT, (gpu) =>
    withSession(gpu, tiny, {}, async (session) => {
      const { greedy } = readJson<{ readonly greedy: readonly OrtCase[] }>(join(tiny, "expected-ort.json"));
      assert.is(greedy.length, 2);
      for (const { input_ids, max_length, output_ids } of greedy)
        assert.equal(
          [...input_ids, ...(await continueGreedily(session, input_ids, max_length - input_ids.length))],
          output_ids,
        );
    }),
  );

test.run();
