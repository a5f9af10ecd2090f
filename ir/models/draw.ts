// The end of a step whose tokens stay on the GPU, for every family: the next token is drawn from the logits, and appended.

import { DRAW_SETTINGS, suppressedWords } from "../../base/draw.ts";
import type { GraphBuilder } from "../builder.ts";
import { MODEL_ROLES, type ModelRoles } from "../family.ts";
import { cacheUpdate, sampleToken } from "../ops/index.ts";
import { type Dim, tensorType } from "../type.ts";
import type { Value } from "../value.ts";

/**
 * Adds the draw of the token that follows position `step` − 1: from `logits` f32[1, n_vocab] into the state `sequence`
 * i32[n_ctx + 1], which is returned as it is afterwards. Declares the draw's inputs, `settings`, `seed` and `suppressed`, under the
 * names that `roles` has for them; see `sample_token`. What is drawn depends on seed and position, not on how the steps were cut.
 */
export function drawToken(
  graph: GraphBuilder,
  logits: Value,
  sequence: Value,
  n_vocab: number,
  step: Dim,
  roles: Pick<ModelRoles, "settings" | "seed" | "suppressed"> = MODEL_ROLES,
): Value {
  const settings = graph.input(roles.settings, tensorType("f32", [DRAW_SETTINGS.length]));
  const seed = graph.input(roles.seed, tensorType("u32", [1]));
  const suppressed = graph.input(roles.suppressed, tensorType("u32", [suppressedWords(n_vocab)]));
  const token = graph.op(sampleToken, [logits, settings, seed, suppressed, sequence], { step }, "token");
  return graph.op(cacheUpdate, [sequence, token], { start: step }, `${sequence.name}.drawn`);
}
