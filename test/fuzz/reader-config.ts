// A checkpoint's config.json and generation_config.json made wrong: a config that is read can be printed, and is read as the same.
import { standard } from "../../codegen/index.ts";
import { printConfig, readModel } from "../../engine/index.ts";
import { inFolder } from "../support/make-safetensors.ts";
import type { Random } from "./mutate.ts";
import { misfit, mutateJson } from "./mutate-text.ts";

const CONFIG = {
  model_type: "gpt2",
  architectures: ["GPT2LMHeadModel"],
  n_layer: 2,
  n_head: 2,
  n_embd: 16,
  n_ctx: 32,
  n_positions: 32,
  n_inner: null,
  vocab_size: 61,
  activation_function: "gelu_new",
  layer_norm_epsilon: 1e-5,
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  reorder_and_upcast_attn: false,
  tie_word_embeddings: true,
  eos_token_id: 60,
  resid_pdrop: 0.1,
  task_specific_params: { "text-generation": { max_length: 50 } },
};
const GENERATION = { eos_token_id: [60, 59], bos_token_id: 60, suppress_tokens: [1], transformers_version: "4.40.0" };

export function fuzzConfig(random: Random): Promise<void> {
  const change = (json: object) => (random() < 0.4 ? misfit(json, random) : mutateJson(json, random));
  const [config, generation] =
    random() < 0.8 ? [change(CONFIG), undefined] : [JSON.stringify(CONFIG), change(GENERATION)];
  const files = { "config.json": config, ...(generation !== undefined && { "generation_config.json": generation }) };
  return inFolder(files, async (folder) => {
    const read = async () => (await readModel(folder, standard, () => undefined)).config;
    const found = await read();
    const printed = printConfig(standard.families[0] ?? fail(), found, "F32");
    await inFolder({ "config.json": printed }, async (other) => {
      const again = await readModel(other, standard, () => undefined);
      if (JSON.stringify({ ...again.config, eos_token_ids: [] }) !== JSON.stringify({ ...found, eos_token_ids: [] }))
        throw new Error(`is printed as another config: ${printed}`);
    });
  });
}

function fail(): never {
  throw new Error("the standard toolkit has no family");
}
