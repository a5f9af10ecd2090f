import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { matmulOf, refusesShapes, refusesVectors } from "./matmul.ts";
import {
  leftFunctions,
  leftVectors,
  longVector,
  longWeightFunction,
  longWeightVectors,
  rowFunctions,
} from "./matmul-vectors.ts";

/** Rows of the matrix that an invocation keeps: as many use what it has loaded of the left operand. */
const ROWS = 8;

/** One row times a weight that lies as [columns, inner]: the tied head, of any vocabulary size. */
export const matmulGemvRows = defineKernel({
  name: "matmul_gemv_rows",
  summary: "one row times a transposed matrix, neighbouring rows by one invocation or a few",
  kind: matmul,
  template: loadTemplate(new URL("./matmul-gemv-rows.wgsl.hbs", import.meta.url), [
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
  ]),
  vectors: (region) => new Map([...leftVectors(region), ...longWeightVectors(region)]),
  refuses(region) {
    const view = matmulOf(region);
    if (view.rows !== 1) return `the left operand has ${printDim(view.rows)} rows`;
    return refusesShapes(view, region, true) ?? refusesVectors(view, region);
  },
  lower(region, { tuning }) {
    const { y, inner, columns } = matmulOf(region);
    const { size, vector } = longVector(region);
    const split = tuning.rowSplit;
    const lanes = Math.max(1, Math.floor(tuning.lanes / split));
    return {
      params: {
        inner: fixed(inner) / size,
        width: fixed(columns),
        vector,
        size,
        rows: ROWS,
        split,
        lanes,
        shared: split > 1,
      },
      functions: [
        ...leftFunctions(region),
        ...rowFunctions(region),
        longWeightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([columns, lanes * ROWS]), count(), count()],
    };
  },
});
