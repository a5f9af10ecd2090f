import { at, attrOf, type Dim, unreachable } from "../../ir/index.ts";
import { sampleToken } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { kernelTemplate } from "./kernel-template.ts";

/** Draws a token without the logits leaving the GPU. One workgroup: reading a row of 50,257 is little work compared with the layers' weights. */
export const sampleTokenKernel = defineKernel({
  name: "sample_token",
  summary: "one workgroup for the whole row",
  kind: sampleToken,
  template: kernelTemplate("sample-token", [
    "title",
    "bindings",
    "functions",
    "width",
    "lanes",
    "step",
    "words",
    "inMemory",
  ]),
  space: (_region, target) => laneSpace(target, 256),
  refuses: () => undefined,
  lower(region, { limits }, { lanes }) {
    const { anchor } = region;
    if (!anchor) return unreachable("sample_token without its node");
    const logits = region.operand("logits");
    const width = constantDim(logits.type.shape[1]);
    // A bit for each id, besides what the sums need: a vocabulary of 100,000 fits everywhere. Else the sequence is searched.
    const words = Math.ceil(width / 32);
    const inMemory = 4 * (words + 2 * lanes) <= limits.maxComputeWorkgroupStorageSize;
    return {
      params: {
        width,
        lanes,
        words: inMemory ? words : 1,
        inMemory,
        step: region.print.dim(attrOf<Dim>(anchor.attrs, "step")),
      },
      functions: [
        region.loadFunction("load_logits", logits, ["row", "column"]),
        region.loadFunction("load_settings", region.operand("settings"), ["i"]),
        region.loadFunction("load_seed", region.operand("seed"), ["i"]),
        region.loadFunction("load_suppressed", region.operand("suppressed"), ["i"]),
        region.loadFunction("load_sequence", region.operand("sequence"), ["i"]),
        region.storeFunction("store_token", at(anchor.results, 0), ["i"]),
      ],
      workgroups: [count(), count(), count()],
      // The largest logit and the draw. What filters add depends on the settings.
      work: () => ({
        calls: { load_logits: 2 * width, load_suppressed: 2 * width, store_token: 1 },
        multiplyAdds: 2 * width,
        shared: 2 * lanes * lanes,
        barriers: 8,
      }),
    };
  },
});
