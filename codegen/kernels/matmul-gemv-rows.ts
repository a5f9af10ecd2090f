import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { defineKernel } from "../kernel.ts";
import { rowsSpace } from "./gemv-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, refusesPairs, refusesShapes, refusesVectors } from "./matmul.ts";
import { lowerRows } from "./matmul-rows.ts";
import { leftVectors, longWeightVectors } from "./matmul-vectors.ts";

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
  lower(region, _target, config) {
    const { params, ...lowered } = lowerRows(region, config, 1);
    return { ...lowered, params: { ...params, shared: config.split > 1 } };
  },
});
