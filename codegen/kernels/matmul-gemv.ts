import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { columnsSpace } from "./gemv-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, refusesPairs, refusesShapes } from "./matmul.ts";

/** The decode step's matmul: one row, a weight as [inner, columns] of any width. */
export const matmulGemv = defineKernel({
  name: "matmul_gemv",
  summary: "one row times a matrix, neighbouring columns by one invocation",
  kind: matmul,
  template: kernelTemplate("matmul-gemv", [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "columns",
    "lanes",
    "split",
    "pairs",
  ]),
  storesPairs: true,
  space: (_region, target) => columnsSpace(target),
  refuses(region, _target, { columns: kept }) {
    const view = matmulOf(region);
    if (view.rows !== 1) return `the left operand has ${printDim(view.rows)} rows`;
    return refusesShapes(view, region, false) ?? refusesPairs(region, kept);
  },
  lower(region, _target, { columns: kept, lanes: most, split }) {
    const { a, b, y, inner, columns } = matmulOf(region);
    const width = constantDim(columns);
    const lanes = Math.min(most, Math.ceil(width / kept));
    return {
      params: {
        inner: constantDim(inner),
        width,
        columns: kept,
        lanes,
        split,
        pairs: region.neighbours === 2,
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        region.loadFunction("load_b", b, ["k", "column"]),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([width, lanes * kept]), count(), count()],
      work: () => {
        const held = Math.ceil(width / (lanes * kept)) * lanes;
        const products = held * kept * constantDim(inner);
        return {
          calls: { load_a: held * constantDim(inner), load_b: products, store_result: width / region.neighbours },
          ahead: { load_b: kept },
          alike: { load_a: lanes },
          multiplyAdds: products,
          shared: 2 * held * kept * split,
          barriers: 1,
        };
      },
    };
  },
});
