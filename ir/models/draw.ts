// The end of a step whose tokens stay on the GPU, for every family: the next token is drawn from the logits, and appended.
import type { GraphBuilder } from "../builder.ts";
import { cacheUpdate, sampleToken } from "../ops/index.ts";
import { suppressedWords } from "../ops/sample-token.ts";
import { type Dim, tensorType } from "../type.ts";
import type { Value } from "../value.ts";

/**
 * Adds the draw of the token that follows position `step` − 1: from `logits` f32[1, n_vocab] into the state `sequence`
 * i32[n_ctx + 1], which is returned as it is afterwards. Declares the draw's inputs: `settings`, `seed`, `suppressed`; see
 * `sample_token`. What is drawn depends on seed and position, not on how the steps were cut.
 */
export function drawToken(graph: GraphBuilder, logits: Value, sequence: Value, n_vocab: number, step: Dim): Value {
  const settings = graph.input("settings", tensorType("f32", [3]));
  const seed = graph.input("seed", tensorType("u32", [1]));
  const suppressed = graph.input("suppressed", tensorType("u32", [suppressedWords(n_vocab)]));
  const token = graph.op(sampleToken, [logits, settings, seed, suppressed], { step }, "token");
  return graph.op(cacheUpdate, [sequence, token], { start: step }, "tokens.drawn");
}
