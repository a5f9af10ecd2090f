import { matmul } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { matmulOf, refusesShapes, refusesVectors, weightFunction, weightVectors } from "./matmul.ts";

/** One row times a weight that lies as [columns, inner]: the tied head, of any vocabulary size. */
export const matmulGemvRows = defineKernel({
  name: "matmul_gemv_rows",
  summary: "one row times a transposed matrix, each row shared by the invocations of a workgroup",
  kind: matmul.name,
  template: loadTemplate(new URL("./matmul-gemv-rows.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "lanes",
    "rows",
  ]),
  vectors: weightVectors,
  refuses(region) {
    const view = matmulOf(region);
    if (view.rows !== 1) return "the left operand has more than one row";
    return refusesShapes(view, region, true) ?? refusesVectors(view, region);
  },
  lower(region, { tuning }) {
    const { a, y, inner, columns } = matmulOf(region);
    const rows = 8;
    return {
      params: {
        inner: fixed(inner) / 4,
        width: fixed(columns),
        lanes: tuning.rowLanes,
        rows,
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        weightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([columns, rows]), count(), count()],
    };
  },
});
