import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { defineKernel } from "../kernel.ts";
import { rowsSpace } from "./gemv-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { fewRows, matmulOf, refusesPairs, refusesShapes, refusesVectors } from "./matmul.ts";
import { lowerRows } from "./matmul-rows.ts";
import { leftVectors, longWeightVectors } from "./matmul-vectors.ts";
import { refusesSoftware } from "./stream-space.ts";

/** A few rows times a weight that lies as [columns, inner]: the tied head of several sequences at once, of any vocabulary size. */
export const matmulStreamRows = defineKernel({
  name: "matmul_stream_rows",
  summary: "a few rows times a transposed matrix, of which neighbouring rows are on their way",
  kind: matmul,
  template: kernelTemplate("matmul-stream-rows", [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "vector",
    "size",
    "rows",
    "few",
    "split",
    "lanes",
    "step",
    "pairs",
  ]),
  storesPairs: true,
  // Rows that an invocation keeps use what it has loaded of the left operand.
  space: (region, target) => rowsSpace(target, fewRows(matmulOf(region)) ?? 1),
  vectors: (region) => new Map([...leftVectors(region), ...longWeightVectors(region)]),
  refuses(region, target, { rows }) {
    const view = matmulOf(region);
    if (fewRows(view) === undefined || view.rows === 1) return `the left operand has ${printDim(view.rows)} rows`;
    return (
      refusesSoftware(target) ??
      refusesShapes(view, region, true) ??
      refusesVectors(view, region) ??
      refusesPairs(region, rows)
    );
  },
  lower(region, _target, config) {
    const few = fewRows(matmulOf(region)) ?? 1;
    const { params, work, ...lowered } = lowerRows(region, config, few);
    return {
      ...lowered,
      params: { ...params, few, step: region.neighbours },
      // Its sums go through workgroup memory however few share them.
      work: () => ({ ...work(), barriers: 1 }),
    };
  },
});
