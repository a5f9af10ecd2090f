import { unreachable } from "../../ir/index.ts";
import { attentionMerge } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { elementsOf, linearGroups } from "./pointwise.ts";

/** Loads that stand in the shader one by one: of more parts it would be long. */
const MOST_PARTS = 64;

/** Attention of the parts that its keys were cut into. */
export const attentionMergeKernel = defineKernel({
  name: "attention_merge",
  summary: "one invocation per element of the result",
  kind: attentionMerge,
  template: kernelTemplate("attention-merge", [
    "title",
    "bindings",
    "functions",
    "width",
    "size",
    "lanes",
    "parts",
    "elements",
  ]),
  space: (_region, target) => laneSpace(target),
  refuses(region) {
    const parts = constantDim(region.operand("mixtures").type.shape[0]);
    return parts > MOST_PARTS ? `it puts at most ${MOST_PARTS} parts together, but there are ${parts}` : undefined;
  },
  lower(region, _target, { lanes }) {
    const [mixtures, softmax] = [region.operand("mixtures"), region.operand("softmax")];
    const y = region.anchor?.results[0] ?? unreachable("a merge without its node");
    const [parts, heads] = [softmax.type.shape[0], softmax.type.shape[2]].map((d) => constantDim(d));
    const width = constantDim(y.type.shape[1]);
    return {
      params: {
        width,
        size: width / Number(heads),
        lanes,
        parts: Number(parts),
        elements: region.print.elements(y.type.shape),
      },
      functions: [
        region.loadFunction("load_mixture", mixtures, ["part", "row", "column"]),
        region.loadFunction("load_softmax", softmax, ["part", "row", "head", "i"]),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [linearGroups(y.type.shape, lanes), count(), count()],
      work: (n) => {
        const made = elementsOf(y.type.shape, n);
        const loads = Number(parts) * made;
        return {
          calls: { load_mixture: loads, load_softmax: 2 * loads, store_result: made },
          ahead: { load_mixture: 2 * Number(parts), load_softmax: 4 * Number(parts) },
          busy: made,
          multiplyAdds: 3 * loads,
        };
      },
    };
  },
});
