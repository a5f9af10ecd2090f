// From a source of weights to buffers on a device.

import type { Plan } from "../../base/plan.ts";
import type { OpenDevice } from "../device.ts";
import { matchWeights, refuseOtherHead, type WeightMatch } from "./match.ts";
import { planPatterns } from "./name-patterns.ts";
import type { WeightSource } from "./source.ts";
import { sourcesOf } from "./storage.ts";
import type { UploadOptions } from "./stream-weights.ts";
import { WeightBuffers } from "./weight-buffers.ts";

/**
 * Uploads the weights of one plan, or of several that are to share them (each way of storing a weight once), in bounded
 * chunks. `LoadedPlan.load` runs plans on them; `close` gives them up. The source can be closed afterwards.
 *
 * The device holds `bufferBytes` of them then; while they are on their way, at most 33 MiB more (`memoryNeed(plan).upload`).
 * @throws RuntimeError when weights are missing, have another shape or can't be read, the adapter can't run a plan, or WebGPU
 * refuses a buffer or a write. What was made is freed then.
 */
export async function uploadWeights(
  open: OpenDevice,
  plans: Plan | readonly Plan[],
  source: WeightSource,
  options: UploadOptions = {},
): Promise<WeightBuffers> {
  const all = [plans].flat();
  const { found, surplus } = await matchPlans(all, source);
  const weights = await WeightBuffers.allocate(open, all, { place: source.place, surplus });
  try {
    await weights.fill(source, found, options);
    return weights;
  } catch (error) {
    weights.close();
    throw error;
  }
}

/**
 * Finds what the plans want in the source; nothing is made for it.
 * @throws RuntimeError when weights are missing or have another shape.
 */
export async function matchPlans(plans: readonly Plan[], source: WeightSource): Promise<WeightMatch> {
  const named = plans.find((plan) => plan.names);
  const patternOf = await planPatterns(`plan ${named?.name}`, named?.names);
  const wanted = sourcesOf(plans.flatMap((plan) => plan.weights));
  const match = matchWeights(wanted, source, named?.names, patternOf);
  await refuseOtherHead(match, source);
  return match;
}
