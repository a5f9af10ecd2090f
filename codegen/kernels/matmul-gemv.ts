import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { matmulOf, refusesShapes } from "./matmul.ts";

/** Columns that one invocation keeps. */
const COLUMNS = 4;

/** The decode step's matmul: one row, a weight as [inner, columns] of any width. */
export const matmulGemv = defineKernel({
  name: "matmul_gemv",
  summary: "one row times a matrix, neighbouring columns by one invocation",
  kind: matmul,
  template: loadTemplate(new URL("./matmul-gemv.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "columns",
    "lanes",
    "split",
  ]),
  refuses(region) {
    const view = matmulOf(region);
    if (view.rows !== 1) return `the left operand has ${printDim(view.rows)} rows`;
    return refusesShapes(view, region, false);
  },
  lower(region, { tuning }) {
    const { a, b, y, inner, columns } = matmulOf(region);
    const width = fixed(columns);
    const lanes = Math.max(1, Math.min(tuning.lanes / tuning.gemvSplit, Math.ceil(width / COLUMNS)));
    return {
      params: {
        inner: fixed(inner),
        width,
        columns: COLUMNS,
        lanes,
        split: tuning.gemvSplit,
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        region.loadFunction("load_b", b, ["k", "column"]),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([width, lanes * COLUMNS]), count(), count()],
    };
  },
});
