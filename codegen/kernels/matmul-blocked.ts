import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { blockSpace } from "./block-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, refusesShapes, refusesVectors, refusesWidth } from "./matmul.ts";
import { weightFunction, weightVectors } from "./matmul-vectors.ts";

/** The prefill's matmul: many rows, a weight as [inner, columns] whose width is a multiple of 4. */
export const matmulBlocked = defineKernel({
  name: "matmul_blocked",
  summary: "a block of rows and columns in registers",
  kind: matmul,
  template: kernelTemplate("matmul-blocked", [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "blockRows",
    "vectors",
    "lanes",
    "height",
    "pairs",
  ]),
  storesPairs: true,
  space: (_region, target) => blockSpace(target),
  vectors: weightVectors,
  refuses(region, _target, { vectors, lanes }) {
    const view = matmulOf(region);
    if (view.rows === 1) return "the left operand has one row";
    return (
      refusesShapes(view, region, false) ?? refusesVectors(view, region, 4) ?? refusesWidth(view, lanes * vectors * 4)
    );
  },
  lower(region, _target, { blockRows, vectors, lanes: most }) {
    const { a, y, rows, inner, columns } = matmulOf(region);
    const width = constantDim(columns) / 4;
    const lanes = Math.min(most, Math.ceil(width / vectors));
    return {
      params: {
        inner: constantDim(inner),
        width,
        blockRows,
        vectors,
        lanes,
        height: region.print.dim(rows),
        pairs: region.neighbours === 2,
      },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        weightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([width, lanes * vectors]), count([rows, blockRows]), count()],
      work: (length) => {
        const held = Math.ceil(width / (lanes * vectors)) * lanes * Math.ceil(length(rows) / blockRows);
        const elements = held * blockRows * vectors * 4;
        return {
          calls: {
            load_a: held * blockRows * constantDim(inner),
            load_b4: held * vectors * constantDim(inner),
            store_result: (length(rows) * constantDim(columns)) / region.neighbours,
          },
          ahead: { load_a: blockRows, load_b4: vectors },
          alike: { load_a: lanes },
          multiplyAdds: held * blockRows * vectors * 4 * constantDim(inner),
          shared: 2 * elements,
          barriers: 1,
        };
      },
    };
  },
});
