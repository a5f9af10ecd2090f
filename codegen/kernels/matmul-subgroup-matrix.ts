import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, refusesShapes } from "./matmul.ts";

/** Matrices of 8 × 8 f32, four times four of them, held by the 32 invocations of one subgroup. */
const BLOCK = 32;
const LANES = 32;

/**
 * The prefill's matmul on the matrix units of a GPU. The feature is Chromium's experiment; its WGSL is validated, but no
 * adapter that this was tried on has it. It does not account for its work, since machines are not described with the rate of
 * such units: where a target has the feature, which nobody gives it unasked, this kernel is chosen.
 */
export const matmulSubgroupMatrix = defineKernel({
  name: "matmul_subgroup_matrix",
  summary: "matrices of 8 × 8 that a subgroup multiplies as a whole (never run: validated only)",
  kind: matmul,
  template: kernelTemplate("matmul-subgroup-matrix", [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "blockRows",
    "blockColumns",
    "lanes",
    "height",
  ]),
  features: ["chromium-experimental-subgroup-matrix"],
  refuses(region) {
    const view = matmulOf(region);
    if (view.rows === 1) return "the left operand has one row";
    return refusesShapes(view, region, false);
  },
  lower(region) {
    const { a, b, y, rows, inner, columns } = matmulOf(region);
    return {
      params: {
        inner: constantDim(inner),
        width: constantDim(columns),
        blockRows: BLOCK,
        blockColumns: BLOCK,
        lanes: LANES,
        height: region.print.dim(rows),
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        region.loadFunction("load_b", b, ["k", "column"]),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([rows, BLOCK]), count([columns, BLOCK]), count()],
    };
  },
});
