import { matmul } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import { quadSpace } from "./block-space.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf, refusesLeftVectors, refusesVectors, refusesWeight, refusesWidth } from "./matmul.ts";
import { leftFunctions, leftVectors, weightFunction, weightVectors } from "./matmul-vectors.ts";

/** The prefill's matmul where invocations can read one another's registers. */
export const matmulBlockedQuads = defineKernel({
  name: "matmul_blocked_quads",
  summary: "a block of rows and columns in registers, rows of the left operand shared by four invocations",
  kind: matmul,
  template: kernelTemplate("matmul-blocked-quads", [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "blockRows",
    "lanes",
    "height",
    "pairs",
    "step",
    "transposed",
    "columns",
  ]),
  features: ["subgroups"],
  storesPairs: true,
  space: (_region, target) => quadSpace(target),
  vectors: (region) => new Map([...leftVectors(region), ...weightVectors(region)]),
  refuses(region, _target, { lanes }) {
    const view = matmulOf(region);
    if (view.rows === 1) return "the left operand has one row";
    return (
      refusesWeight(view, view.weight?.transposed === true) ??
      refusesVectors(view, region, 4) ??
      refusesLeftVectors(view, region) ??
      refusesWidth(view, lanes * 4)
    );
  },
  lower(region, _target, { blockRows, lanes }) {
    const { y, rows, inner, columns, weight } = matmulOf(region);
    const width = Math.ceil(constantDim(columns) / 4);
    return {
      params: {
        inner: constantDim(inner) / 4,
        width,
        blockRows,
        lanes,
        height: region.print.dim(rows),
        pairs: region.neighbours === 2,
        step: region.neighbours,
        transposed: weight?.transposed === true,
        columns: constantDim(columns),
      },
      functions: [
        ...leftFunctions(region),
        weightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([rows, blockRows]), count([width, lanes]), count()],
      work: (length) => {
        const held = Math.ceil(constantDim(columns) / (4 * lanes)) * lanes * Math.ceil(length(rows) / blockRows);
        const elements = held * blockRows * 4;
        return {
          calls: {
            load_a4: (held * blockRows * constantDim(inner)) / 16,
            load_b4: held * constantDim(inner),
            store_result: (length(rows) * constantDim(columns)) / region.neighbours,
          },
          ahead: { load_a4: blockRows / 4, load_b4: 4 },
          alike: { load_a4: lanes / 4 },
          multiplyAdds: held * blockRows * 4 * constantDim(inner),
          shared: 2 * elements,
          barriers: 1,
        };
      },
    };
  },
});
