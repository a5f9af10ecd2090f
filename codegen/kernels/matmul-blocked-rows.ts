import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { transposedBlockSpace } from "./block-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, refusesPairs, refusesShapes, refusesVectors, refusesWidth } from "./matmul.ts";
import { weightFunction, weightVectors } from "./matmul-vectors.ts";

/** Many rows times a weight that lies as [columns, inner]: all logits of a prompt, of any vocabulary size. */
export const matmulBlockedRows = defineKernel({
  name: "matmul_blocked_rows",
  summary: "a block of rows and columns in registers, the right operand transposed",
  kind: matmul,
  template: kernelTemplate("matmul-blocked-rows", [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "blockRows",
    "columns",
    "lanes",
    "height",
    "pairs",
  ]),
  storesPairs: true,
  space: (_region, target) => transposedBlockSpace(target),
  vectors: weightVectors,
  refuses(region, _target, { columns, lanes }) {
    const view = matmulOf(region);
    if (view.rows === 1) return "the left operand has one row";
    return (
      refusesShapes(view, region, true) ??
      refusesVectors(view, region, 4) ??
      refusesPairs(region, columns) ??
      refusesWidth(view, lanes * columns)
    );
  },
  lower(region, _target, { blockRows, columns: kept, lanes: most }) {
    const { a, y, rows, inner, columns } = matmulOf(region);
    const lanes = Math.min(most, Math.ceil(constantDim(columns) / kept));
    return {
      params: {
        inner: constantDim(inner) / 4,
        width: constantDim(columns),
        blockRows,
        columns: kept,
        lanes,
        height: region.print.dim(rows),
        pairs: region.neighbours === 2,
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        weightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([columns, lanes * kept]), count([rows, blockRows]), count()],
      work: (length) => {
        const held = Math.ceil(constantDim(columns) / (lanes * kept)) * lanes * Math.ceil(length(rows) / blockRows);
        const elements = held * blockRows * kept;
        return {
          calls: {
            load_a: held * blockRows * constantDim(inner),
            load_b4: (held * kept * constantDim(inner)) / 4,
            store_result: (length(rows) * constantDim(columns)) / region.neighbours,
          },
          ahead: { load_a: 4 * blockRows, load_b4: kept },
          alike: { load_a: lanes },
          multiplyAdds: held * blockRows * kept * constantDim(inner),
          shared: 2 * elements,
          barriers: 1,
        };
      },
    };
  },
});
