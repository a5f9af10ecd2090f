import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { vectorsSpace } from "./gemv-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, refusesShapes, refusesVectors } from "./matmul.ts";
import { elementFunction, longVector, longWeightFunction, longWeightVectors } from "./matmul-vectors.ts";

/** The decode step's matmul where the width is a multiple of 4. */
export const matmulGemvVectorized = defineKernel({
  name: "matmul_gemv_vectorized",
  summary: "one row times a matrix, several columns a load",
  kind: matmul,
  template: kernelTemplate("matmul-gemv-vectorized", [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "vector",
    "size",
    "vectors",
    "lanes",
    "split",
    "shared",
    "pairs",
  ]),
  storesPairs: true,
  space: vectorsSpace,
  vectors: longWeightVectors,
  refuses(region) {
    const view = matmulOf(region);
    if (view.rows !== 1) return `the left operand has ${printDim(view.rows)} rows`;
    return refusesShapes(view, region, false) ?? refusesVectors(view, region);
  },
  lower(region, _target, { vectors, lanes: most, split }) {
    const { a, y, inner, columns } = matmulOf(region);
    const { size, vector } = longVector(region);
    const width = constantDim(columns) / size;
    const lanes = Math.min(most, Math.ceil(width / vectors));
    return {
      params: {
        inner: constantDim(inner),
        width,
        vector,
        size,
        vectors,
        lanes,
        split,
        shared: split > 1,
        pairs: region.neighbours === 2,
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        longWeightFunction(region),
        elementFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([width, lanes * vectors]), count(), count()],
      work: () => {
        const held = Math.ceil(width / vectors);
        const loads = held * vectors * constantDim(inner);
        return {
          calls: {
            load_a: held * constantDim(inner),
            load_b: loads,
            store_result: constantDim(columns) / region.neighbours,
          },
          ahead: { load_b: vectors },
          alike: { load_a: lanes },
          multiplyAdds: loads * size,
          shared: held * vectors * split + constantDim(columns) * split,
          barriers: split > 1 ? 1 : 0,
        };
      },
    };
  },
});
