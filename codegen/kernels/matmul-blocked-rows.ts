import { matmul } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { matmulOf, refusesShapes, refusesVectors, refusesWidth } from "./matmul.ts";
import { weightFunction, weightVectors } from "./matmul-vectors.ts";

const BLOCK_ROWS = 4;
const COLUMNS = 4;

/** Many rows times a weight that lies as [columns, inner]: all logits of a prompt, of any vocabulary size. */
export const matmulBlockedRows = defineKernel({
  name: "matmul_blocked_rows",
  summary: "a block of rows and columns in registers, the right operand transposed",
  kind: matmul,
  template: loadTemplate(new URL("./matmul-blocked-rows.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "blockRows",
    "columns",
    "lanes",
    "height",
  ]),
  vectors: weightVectors,
  refuses(region, { tuning }) {
    const view = matmulOf(region);
    if (view.rows === 1) return "the left operand has one row";
    return (
      refusesShapes(view, region, true) ?? refusesVectors(view, region) ?? refusesWidth(view, tuning.lanes * COLUMNS)
    );
  },
  lower(region, { tuning }) {
    const { a, y, rows, inner, columns } = matmulOf(region);
    const lanes = Math.max(1, Math.min(tuning.lanes, Math.ceil(fixed(columns) / COLUMNS)));
    return {
      params: {
        inner: fixed(inner) / 4,
        width: fixed(columns),
        blockRows: BLOCK_ROWS,
        columns: COLUMNS,
        lanes,
        height: region.print.dim(rows),
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        weightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([columns, lanes * COLUMNS]), count([rows, BLOCK_ROWS]), count()],
    };
  },
});
