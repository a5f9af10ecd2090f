// Batches: rows of many sequences in one call, each with its own positions, pages and settings.
import {
  type BatchSpec,
  CompileError,
  type EntrySpec,
  type Family,
  MODEL_ROLES,
  type ModelConfig,
  optionError,
  unreachable,
} from "../ir/index.ts";
import { type Compilation, type CompileOptions, compileSource } from "./compile-source.ts";
import { BeyondTarget } from "./target-limits.ts";
import { DEFAULT_CHUNK } from "./way-out.ts";

/** How many sequences a batch has, and how its caches are cut. */
export interface BatchOptions {
  readonly sequences: number;
  /** Positions whose keys and values lie together; 16 when absent. */
  readonly pageSize?: number;
}

const PAGE_SIZE = 16;

/** What a batch of so many sequences of the model needs: a pool that holds the whole context of each. */
export function batchSpec(
  { n_ctx }: ModelConfig,
  { sequences, pageSize = PAGE_SIZE }: BatchOptions,
  chunk = DEFAULT_CHUNK,
): BatchSpec {
  if (![sequences, pageSize].every((n) => Number.isInteger(n) && n >= 1))
    throw optionError("batch", `is of ${sequences} sequences in pages of ${pageSize}`, "give whole numbers from 1 on");
  const rows = Math.max(sequences, Math.min(chunk, n_ctx));
  return { sequences, pageSize, pages: sequences * Math.ceil(n_ctx / pageSize), rows };
}

/**
 * Compiles a batch of a family's model: `decode` takes a row of each sequence, draws a token for each and appends it; `logits` takes up to
 * a chunk of rows, whatever sequences they belong to, and gives the logits of all. See `Family.batch` for what is written before.
 * @throws CompileError for a family without batches, and as `compileEntries` does; where the target can't hold so many sequences, it says how
 * many it can.
 */
export function compileBatch<C extends ModelConfig>(
  family: Family<C>,
  config: C,
  batch: BatchOptions,
  options: Omit<CompileOptions, "entries" | "ways"> = {},
): Compilation {
  try {
    return compiledBatch(family, config, batch, options);
  } catch (error) {
    if (!(error instanceof BeyondTarget)) throw error;
    const fits = (sequences: number): boolean => {
      try {
        compiledBatch(family, config, { ...batch, sequences }, options);
        return true;
      } catch (problem) {
        if (problem instanceof CompileError) return false;
        throw problem;
      }
    };
    const hint = fewer(batch.sequences, fits);
    throw new BeyondTarget(error.place, error.facts, hint);
  }
}

/** How many sequences fit, halved until they do. */
function fewer(sequences: number, fits: (sequences: number) => boolean): string {
  for (let n = Math.floor(sequences / 2); n >= 1; n = Math.floor(n / 2))
    if (fits(n)) return `${n} ${n === 1 ? "sequence fits" : "sequences at a time fit"}, or more of a shorter context`;
  return "not even one sequence fits: take a shorter context";
}

function compiledBatch<C extends ModelConfig>(
  family: Family<C>,
  config: C,
  batch: BatchOptions,
  options: Omit<CompileOptions, "entries" | "ways">,
): Compilation {
  const { n_layer, n_ctx, n_vocab, eos_token_ids } = config;
  const { name, names, roles = MODEL_ROLES } = family;
  if (!family.batch) throw optionError(`family ${name}`, "has no batches", "a family's `batch` gives their graphs");
  const spec = batchSpec(config, batch, options.chunk);
  const entries = (["decode", "logits"] as const).map((entry): EntrySpec => {
    const graph = family.batch?.(config, spec, entry) ?? unreachable("a family whose batches are gone");
    return entry === "decode"
      ? { name: entry, graph, fixed: { [roles.newTokens]: spec.sequences } }
      : { name: entry, graph, maxima: { [roles.newTokens]: spec.rows } };
  });
  const model = { model: { n_layer, n_ctx, n_vocab, eos_token_ids }, ...(names && { names }) };
  return compileSource({ name, entries, model, packVectors: true }, options);
}
