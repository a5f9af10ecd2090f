import { matmul } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { matmulOf, refusesShapes } from "./matmul.ts";
import { readersOf } from "./matmul-gemv-vec4.ts";

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
    "weight",
  ]),
  vectors: (region) => {
    const { weight } = matmulOf(region);
    return weight ? [weight.input] : [];
  },
  refuses(region) {
    const view = matmulOf(region);
    if (view.rows !== 1) return "the left operand has more than one row";
    const problem = refusesShapes(view, region, true);
    if (problem) return problem;
    if (view.weight && readersOf(region, view.weight.input) > 1)
      return "the weight is read by something else in the region";
    return fixed(view.inner) % 4 === 0 ? undefined : `the inner axis ${fixed(view.inner)} is no multiple of 4`;
  },
  lower(region, { tuning }) {
    const { a, y, inner, columns, weight } = matmulOf(region);
    const rows = 8;
    return {
      params: {
        inner: fixed(inner) / 4,
        width: fixed(columns),
        lanes: tuning.rowLanes,
        rows,
        weight: region.nameOf(weight?.input ?? y),
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([columns, rows]), count(), count()],
    };
  },
});
