import { matmul } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { matmulOf, refusesShapes, refusesVectors, refusesWidth } from "./matmul.ts";
import { weightFunction, weightVectors } from "./matmul-vectors.ts";

const VECTORS = 2;

/** The prefill's matmul: many rows, a weight as [inner, columns] whose width is a multiple of 4. */
export const matmulBlocked = defineKernel({
  name: "matmul_blocked",
  summary: "a block of rows and columns in registers",
  kind: matmul,
  template: loadTemplate(new URL("./matmul-blocked.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "blockRows",
    "vectors",
    "lanes",
    "height",
  ]),
  vectors: weightVectors,
  refuses(region, { tuning }) {
    const view = matmulOf(region);
    if (view.rows === 1) return "the left operand has one row";
    return (
      refusesShapes(view, region, false) ??
      refusesVectors(view, region) ??
      refusesWidth(view, tuning.lanes * VECTORS * 4)
    );
  },
  lower(region, { tuning }) {
    const { a, y, rows, inner, columns } = matmulOf(region);
    const width = fixed(columns) / 4;
    const lanes = Math.max(1, Math.min(tuning.lanes, Math.ceil(width / VECTORS)));
    return {
      params: {
        inner: fixed(inner),
        width,
        blockRows: tuning.blockRows,
        vectors: VECTORS,
        lanes,
        height: region.print.dim(rows),
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        weightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([width, lanes * VECTORS]), count([rows, tuning.blockRows]), count()],
    };
  },
});
