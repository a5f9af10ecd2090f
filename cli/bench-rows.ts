// `wgpt bench --rows N`: what decoding several sequences at a time gives, beside one by itself.
import { embeddedModel, openBatch, readModel } from "../engine/index.ts";
import { optionError, printAdapter } from "../runtime/index.ts";
import { printWarning } from "./errors.ts";
import { printSpread, promptOf, spreadOf, timeDecode } from "./measure.ts";
import { type MemoryOptions, printDtypes } from "./memory-options.ts";
import { openModel } from "./open-model.ts";
import { loadToolkit, type PluginOptions } from "./plugins.ts";
import { printJson, printLines } from "./terminal.ts";

interface Options extends MemoryOptions, PluginOptions {
  readonly runs: number;
  readonly maxNewTokens: number;
  readonly rows: number;
  readonly disablePass?: readonly string[];
  readonly json?: boolean;
}

/** Tokens before those that are decoded. */
export const PROMPT = 16;

/** Both take turns, so that a machine which drifts drifts for both. Each has its weights for itself. */
export async function benchRows(model: string | undefined, options: Options): Promise<void> {
  const toolkit = await loadToolkit(options.plugin);
  const { disablePass: disable, dtype, cacheDtype, context, rows, runs } = options;
  const chosen = {
    toolkit,
    randomWeights: true,
    dtype,
    ...(cacheDtype && { cacheDtype }),
    ...(context !== undefined && { context }),
  };
  const read = await readModel(model ?? (await embeddedModel()), toolkit, printWarning);
  const many = await openBatch(read, { ...chosen, sequences: rows, ...(disable && { disable }) });
  try {
    const { n_ctx, n_vocab } = many.batch.facts;
    if (n_ctx <= PROMPT)
      throw optionError("bench", `the context is ${n_ctx} tokens, but a run takes a prompt of ${PROMPT} and more`);
    const tokens = Math.min(options.maxNewTokens, n_ctx - PROMPT);
    const one = await openModel({ ...chosen, model, disablePass: disable, entries: ["prefill", "decode"] });
    try {
      const prompts = Array.from({ length: rows }, () => ({ ids: promptOf(PROMPT, n_vocab) }));
      const speeds: Record<"one" | "many", number[]> = { one: [], many: [] };
      for (let run = 0; run <= runs; run++) {
        const { restMs } = await timeDecode(one.session, promptOf(PROMPT, n_vocab), tokens);
        await many.batch.start(prompts);
        await many.batch.decode(1);
        const began = performance.now();
        await many.batch.decode(tokens);
        const spent = performance.now() - began;
        // The first run is not counted: drivers compile what they run first.
        if (run === 0) continue;
        speeds.one.push((1000 * tokens) / restMs);
        speeds.many.push((1000 * rows * tokens) / spent);
      }
      const [single, batch] = [spreadOf(speeds.one), spreadOf(speeds.many)];
      const ratio = spreadOf(speeds.many.map((x, i) => x / (speeds.one[i] ?? Number.NaN)));
      if (options.json)
        return printJson({
          model: model ?? "embedded",
          weights: one.randomWeights ? "random" : "checkpoint",
          dtype: many.dtype,
          cache_dtype: many.cacheDtype,
          adapter: many.adapter.description,
          software: many.adapter.software,
          rows,
          decoded_tokens: tokens,
          decode_tokens_per_second: single,
          batch_tokens_per_second: batch,
          ratio,
          dispatches_per_step: many.dispatches,
        });
      const random = one.randomWeights ? " with random weights" : "";
      const lines = [
        `${model ?? "embedded"}${random}, ${printDtypes(many)}, on ${printAdapter(many.adapter)}`,
        `  one sequence  ${printSpread(single, "tokens/s")}, ${tokens} tokens a run`,
        `  ${`${rows} at a time`.padEnd(14)}${printSpread(batch, "tokens/s")}, all sequences together`,
        `  ratio         ${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)} of ${ratio.runs} pairs)`,
        `  dispatches    ${many.dispatches} a step of ${rows} tokens`,
      ];
      printLines(`${lines.join("\n")}\n`);
    } finally {
      await one.close();
    }
  } finally {
    many.close();
  }
}
