import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { rowsSpace } from "./gemv-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, refusesPairs, refusesShapes, refusesVectors } from "./matmul.ts";
import {
  leftFunctions,
  leftVectors,
  longVector,
  longWeightFunction,
  longWeightVectors,
  rowFunctions,
} from "./matmul-vectors.ts";

/** One row times a weight that lies as [columns, inner]: the tied head, of any vocabulary size. */
export const matmulGemvRows = defineKernel({
  name: "matmul_gemv_rows",
  summary: "one row times a transposed matrix, neighbouring rows by one invocation or a few",
  kind: matmul,
  template: kernelTemplate("matmul-gemv-rows", [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "vector",
    "size",
    "rows",
    "split",
    "lanes",
    "shared",
    "pairs",
  ]),
  storesPairs: true,
  // Rows that an invocation keeps use what it has loaded of the left operand.
  space: (_region, target) => rowsSpace(target),
  vectors: (region) => new Map([...leftVectors(region), ...longWeightVectors(region)]),
  refuses(region, _target, { rows }) {
    const view = matmulOf(region);
    if (view.rows !== 1) return `the left operand has ${printDim(view.rows)} rows`;
    return refusesShapes(view, region, true) ?? refusesVectors(view, region) ?? refusesPairs(region, rows);
  },
  lower(region, _target, { rows, lanes, split }) {
    const { y, inner, columns } = matmulOf(region);
    const { size, vector } = longVector(region);
    return {
      params: {
        inner: constantDim(inner) / size,
        width: constantDim(columns),
        vector,
        size,
        rows,
        split,
        lanes,
        shared: split > 1,
        pairs: region.neighbours === 2,
      },
      functions: [
        ...leftFunctions(region),
        ...rowFunctions(region),
        longWeightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([columns, lanes * rows]), count(), count()],
      work: () => {
        const held = Math.ceil(constantDim(columns) / (lanes * rows)) * lanes;
        const vectors = constantDim(inner) / size;
        const loads = held * rows * vectors;
        return {
          calls: { load_x: held * vectors, load_b: loads, store_result: constantDim(columns) / region.neighbours },
          ahead: { load_b: rows },
          multiplyAdds: loads * size,
          shared: held * rows * split + constantDim(columns) * split,
          barriers: split > 1 ? 1 : 0,
        };
      },
    };
  },
});
