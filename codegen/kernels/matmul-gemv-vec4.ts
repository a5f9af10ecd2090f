import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { matmulOf, refusesShapes, refusesVectors } from "./matmul.ts";
import { elementFunction, longVector, longWeightFunction, longWeightVectors } from "./matmul-vectors.ts";

/** The decode step's matmul where the width is a multiple of 4. */
export const matmulGemvVec4 = defineKernel({
  name: "matmul_gemv_vec4",
  summary: "one row times a matrix, four or eight columns a load",
  kind: matmul,
  template: loadTemplate(new URL("./matmul-gemv-vec4.wgsl.hbs", import.meta.url), [
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
  ]),
  vectors: longWeightVectors,
  refuses(region) {
    const view = matmulOf(region);
    if (view.rows !== 1) return `the left operand has ${printDim(view.rows)} rows`;
    return refusesShapes(view, region, false) ?? refusesVectors(view, region);
  },
  lower(region, { tuning }) {
    const { a, y, inner, columns } = matmulOf(region);
    const { size, vector } = longVector(region);
    const width = fixed(columns) / size;
    const split = tuning.gemvSplit;
    const vectors = tuning.gemvVectors;
    const lanes = Math.max(1, Math.min(tuning.lanes / split, Math.ceil(width / vectors)));
    return {
      params: {
        inner: fixed(inner),
        width,
        vector,
        size,
        vectors,
        lanes,
        split,
        shared: split > 1,
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        longWeightFunction(region),
        elementFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([width, lanes * vectors]), count(), count()],
    };
  },
});
