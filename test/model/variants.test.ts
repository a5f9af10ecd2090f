// Configurations that no published checkpoint here has, in every form in which a checkpoint comes: seeded weights on disk,
// the GPU against the interpreter. What the interpreter says of GPT-2 itself, reference.test.ts checks.
import { suite } from "uvu";
import { targetByName, targetForAdapter } from "../../codegen/target.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { onGpu } from "../support/gpu.ts";
import { type CheckpointOptions, type ConfigText, seededCheckpoint } from "../support/made-models.ts";
import { f32, inFolder } from "../support/make-safetensors.ts";
import { allLogits, assertWithin, F32_BOUND, interpretLogits, withSession } from "../support/models.ts";

const test = suite("variants");
const gpuTest = onGpu(test);

const SMALL = { n_layer: 2, n_head: 3, n_embd: 15, n_inner: 30, n_ctx: 12, vocab_size: 445 } satisfies ConfigText;
/** Kernels with little unrolled in them: a software adapter takes seconds to compile each of the others. */
const PLAIN = targetByName("webgpu-default");
const IDS = [7, 0, 2, 1, 2, 2, 0, 1, 1];

async function check(gpu: OpenDevice, config: ConfigText, options: CheckpointOptions, target = PLAIN): Promise<void> {
  const ids = IDS.map((id) => id % Number(config["vocab_size"]));
  await inFolder(seededCheckpoint(config, options), async (folder) => {
    const want = await interpretLogits(folder, ids);
    const n_vocab = want.length / ids.length;
    const row = (i: number) => want.subarray(i * n_vocab, (i + 1) * n_vocab);
    await withSession(gpu, folder, { chunk: 4, target }, async (session) => {
      assertWithin(await allLogits(session, ids), want, F32_BOUND, "all logits, in chunks of 4");
      await session.reset();
      assertWithin(await session.feed(ids.slice(0, -2)), row(ids.length - 3), F32_BOUND, "prefill");
      assertWithin(await session.feed(ids.slice(-2, -1)), row(ids.length - 2), F32_BOUND, "decode");
      assertWithin(await session.feed(ids.slice(-1)), row(ids.length - 1), F32_BOUND, "a second decode");
    });
  });
}

/** Few, and each of several things at once, since it is compiling the shaders that takes the time. */
const CONFIGS: Readonly<Record<string, Partial<Record<string, unknown>>>> = {
  "three heads of 5 over 445 tokens": {},
  "an MLP of four times the width when the config has null": { n_layer: 1, n_inner: null, activation_function: "relu" },
  "one head of 3 over 3 tokens, untied, relu": {
    n_head: 1,
    n_embd: 3,
    vocab_size: 3,
    tie_word_embeddings: false,
    activation_function: "relu",
  },
  "five heads of 3 in one layer, exact gelu, unscaled attention": {
    n_layer: 1,
    n_head: 5,
    activation_function: "gelu",
    scale_attn_weights: false,
  },
  "three layers, two heads of 9, attention scaled by layer too, gelu by its other name": {
    n_layer: 3,
    n_head: 2,
    n_embd: 18,
    scale_attn_by_inverse_layer_idx: true,
    activation_function: "gelu_pytorch_tanh",
  },
  "an MLP of 7, attention scaled by layer alone, untied, a large epsilon": {
    n_inner: 7,
    scale_attn_by_inverse_layer_idx: true,
    scale_attn_weights: false,
    tie_word_embeddings: false,
    layer_norm_epsilon: 0.1,
  },
  "more positions than n_ctx, which decides nothing then": { n_layer: 1, n_positions: 20, activation_function: "relu" },
  "sinusoidal positions": { position_encoding: "sinusoidal", n_head: 2, n_embd: 18 },
  "sinusoidal positions and relu, as in the overview, with an MLP of 26": {
    position_encoding: "sinusoidal",
    activation_function: "relu",
    n_head: 1,
    n_embd: 10,
    n_inner: 26,
  },
};

for (const [name, change] of Object.entries(CONFIGS))
  gpuTest(`${name}: the interpreter's logits`, (gpu) => check(gpu, { ...SMALL, ...change }, { seed: name.length }));

gpuTest("odd widths on what the adapter itself is given: the interpreter's logits", (gpu) =>
  check(gpu, { ...SMALL, n_layer: 1, activation_function: "relu" }, {}, targetForAdapter(gpu.adapter)),
);

const mask = f32([1, 1, 12, 12]);
const buffers = { "transformer.h.0.attn.bias": mask, "transformer.h.0.attn.masked_bias": f32([], [-1e4]) };
const FORMS: Readonly<Record<string, CheckpointOptions>> = {
  "F16 weights": { dtype: "F16" },
  "BF16 weights": { dtype: "BF16" },
  "names with transformer. and mask buffers": { prefix: "transformer.", extra: buffers },
  "three shards": { shards: 3 },
  "F16 in two shards with transformer. and mask buffers": {
    dtype: "F16",
    shards: 2,
    prefix: "transformer.",
    extra: buffers,
  },
  "BF16 in two shards": { dtype: "BF16", shards: 2 },
};

for (const [name, form] of Object.entries(FORMS))
  gpuTest(`${name}: the interpreter's logits`, (gpu) => check(gpu, { ...SMALL, tie_word_embeddings: false }, form));

test.run();
