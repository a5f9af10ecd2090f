import { printDim } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { rowsSpace } from "./gemv-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { fewRows, matmulOf, refusesPairs, refusesShapes, refusesVectors } from "./matmul.ts";
import {
  leftFunctions,
  leftVectors,
  longVector,
  longWeightFunction,
  longWeightVectors,
  rowFunctions,
} from "./matmul-vectors.ts";
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
  lower(region, _target, { rows, lanes, split }) {
    const view = matmulOf(region);
    const { y, inner, columns } = view;
    const few = fewRows(view) ?? 1;
    const { size, vector } = longVector(region);
    return {
      params: {
        inner: constantDim(inner) / size,
        width: constantDim(columns),
        vector,
        size,
        rows,
        few,
        split,
        lanes,
        step: region.neighbours,
        pairs: region.neighbours === 2,
      },
      functions: [
        ...leftFunctions(region),
        ...rowFunctions(region),
        longWeightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([columns, lanes * rows]), count(), count()],
      work: () => {
        const held = Math.ceil(constantDim(columns) / (lanes * rows)) * lanes;
        const vectors = constantDim(inner) / size;
        const loads = held * rows * vectors;
        return {
          calls: {
            load_x: held * vectors * few,
            load_b: loads,
            store_result: (few * constantDim(columns)) / region.neighbours,
          },
          ahead: { load_b: rows },
          multiplyAdds: loads * size * few,
          shared: few * (held * rows * split + constantDim(columns) * split),
          barriers: 1,
        };
      },
    };
  },
});
