import { at, attrOf, type Dim, unreachable } from "../../ir/index.ts";
import { sampleToken } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";

/** Draws a token without the logits leaving the GPU. One workgroup: a row of 50,257 is little beside the layers' weights. */
export const sampleTokenKernel = defineKernel({
  name: "sample_token",
  summary: "one workgroup for the whole row",
  kind: sampleToken,
  template: loadTemplate(new URL("./sample-token.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "width",
    "lanes",
    "step",
  ]),
  refuses: () => undefined,
  lower(region, { tuning }) {
    const { anchor } = region;
    if (!anchor) return unreachable("sample_token without its node");
    const logits = region.operand("logits");
    return {
      params: {
        width: fixed(logits.type.shape[1]),
        lanes: tuning.wideLanes,
        step: region.print.dim(attrOf<Dim>(anchor.attrs, "step")),
      },
      functions: [
        region.loadFunction("load_logits", logits, ["row", "column"]),
        region.loadFunction("load_settings", region.operand("settings"), ["i"]),
        region.loadFunction("load_seed", region.operand("seed"), ["i"]),
        region.loadFunction("load_suppressed", region.operand("suppressed"), ["i"]),
        region.storeFunction("store_token", at(anchor.results, 0), ["i"]),
      ],
      workgroups: [count(), count(), count()],
    };
  },
});
