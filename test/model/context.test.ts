// The last positions of a context as long as GPT-2's: generated token by token, and checked against the interpreter.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { generate } from "../../runtime/generate.ts";
import { onGpu } from "../support/gpu.ts";
import { seededCheckpoint } from "../support/made-models.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { allLogits, assertWithin, F32_BOUND, interpretLogits, withSession } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("context");
const gpuTest = onGpu(test);

const N_CTX = 1024;
const V = 61;
const CONFIG = { n_layer: 2, n_head: 2, n_embd: 16, n_ctx: N_CTX, vocab_size: V };
const PROMPT = [5, 17, 42];

gpuTest("generates up to the last position of 1,024, the tokens that the whole text's logits name", (gpu) =>
  inFolder(seededCheckpoint(CONFIG), (folder) =>
    withSession(gpu, folder, {}, async (session) => {
      const options = { temperature: 0, seed: 0, maxNewTokens: 5000 };
      const stream = generate(session, PROMPT, options);
      let step = await stream.next();
      while (!step.done) step = await stream.next();
      const { tokens, finish } = step.value;
      // 1,024 positions hold the prompt and all tokens but the last, which the last position predicts.
      assert.is(tokens.length, N_CTX - PROMPT.length + 1);
      assert.is(finish, "context");

      const text = [...PROMPT, ...tokens];
      await rejects(session.feed([...text]), /do not fit in the context of 1024/);
      await session.reset();
      const inputs = text.slice(0, N_CTX);
      const logits = await interpretLogits(folder, inputs);
      assertWithin(await allLogits(session, inputs), logits, F32_BOUND, "all of 1,024 positions at once");
      for (let p = PROMPT.length - 1; p < N_CTX; p++) {
        const row = logits.subarray(p * V, (p + 1) * V);
        const drawn = row[text[p + 1] ?? -1] ?? Number.NaN;
        // Two logits that are closer than f32 rounds may change places.
        assert.ok(drawn >= Math.max(...row) - 2 * F32_BOUND, `token ${p + 1} is not the likeliest`);
      }
    }),
  ),
);

test.run();
