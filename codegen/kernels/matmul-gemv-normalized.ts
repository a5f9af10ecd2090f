import { at, printDim, unreachable } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { vectorsSpace } from "./gemv-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, normalizationOf, refusesVectors, refusesWeight } from "./matmul.ts";
import { elementFunction, longVector, longWeightFunction, longWeightVectors } from "./matmul-vectors.ts";
import { normFunctions, normParams, refusesPrologue } from "./normalization.ts";

/** The decode step's matmul with the normalisation before it: one kernel where there were two, and no row in between. */
export const matmulGemvNormalized = defineKernel({
  name: "matmul_gemv_normalized",
  summary: "one row, normalised on the way in, times a matrix",
  kind: matmul,
  template: kernelTemplate("matmul-gemv-normalized", [
    "title",
    "bindings",
    "functions",
    "inner",
    "eps",
    "centred",
    "overCount",
    "width",
    "vector",
    "size",
    "vectors",
    "lanes",
    "split",
    "block",
    "pairs",
  ]),
  takesNormalization: true,
  storesPairs: true,
  space: vectorsSpace,
  vectors: longWeightVectors,
  refuses(region, { limits }, { vectors, lanes, split }) {
    const view = matmulOf(region);
    if (view.rows !== 1) return `the left operand has ${printDim(view.rows)} rows`;
    const problem = refusesPrologue(view, region) ?? refusesWeight(view, false) ?? refusesVectors(view, region);
    if (problem) return problem;
    const { size } = longVector(region);
    const bytes = 4 * (constantDim(view.inner) + lanes * split * (vectors * size + 1));
    const limit = limits.maxComputeWorkgroupStorageSize;
    return bytes <= limit
      ? undefined
      : `a row of ${constantDim(view.inner)} needs ${bytes} bytes of workgroup memory, but there are ${limit}`;
  },
  lower(region, _target, { vectors, lanes: most, split }) {
    const { a, y, inner, columns } = matmulOf(region);
    const norm = normalizationOf(region, a) ?? unreachable("a normalised matmul without normalisation");
    const { size, vector } = longVector(region);
    const width = constantDim(columns) / size;
    const lanes = Math.min(most, Math.ceil(width / vectors));
    return {
      params: {
        inner: constantDim(inner),
        ...normParams(norm, "INNER"),
        width,
        vector,
        size,
        vectors,
        lanes,
        split,
        block: lanes * vectors * size,
        pairs: region.neighbours === 2,
      },
      functions: [
        region.loadFunction("load_x", at(norm.operands, 0), ["row", "column"]),
        ...normFunctions(region, norm),
        longWeightFunction(region),
        elementFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([width, lanes * vectors]), count(), count()],
      work: () => {
        const [n, held] = [constantDim(inner), Math.ceil(width / vectors)];
        const groups = Math.ceil(width / (lanes * vectors));
        const loads = held * vectors * n;
        const sums = normParams(norm, "").centred ? 2 : 1;
        const invocations = lanes * split;
        return {
          calls: {
            load_x: groups * n,
            load_weight: groups * n,
            load_bias: groups * n,
            load_b: loads,
            store_result: constantDim(columns) / region.neighbours,
          },
          ahead: { load_b: vectors },
          multiplyAdds: loads * size + 3 * groups * n,
          shared:
            held * (n + vectors * split) +
            constantDim(columns) * split +
            groups * (5 * n + sums * invocations * (invocations + 1)),
          barriers: 2 + 2 * sums,
        };
      },
    };
  },
});
