import { matmul } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { matmulOf, refusesLeftVectors, refusesVectors, refusesWeight, refusesWidth } from "./matmul.ts";
import { leftFunctions, leftVectors, weightFunction, weightVectors } from "./matmul-vectors.ts";

/** The prefill's matmul where invocations can read one another's registers. */
export const matmulBlockedQuads = defineKernel({
  name: "matmul_blocked_quads",
  summary: "a block of rows and columns in registers, rows of the left operand shared by four invocations",
  kind: matmul,
  template: loadTemplate(new URL("./matmul-blocked-quads.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "inner",
    "width",
    "blockRows",
    "lanes",
    "height",
  ]),
  features: ["subgroups"],
  vectors: (region) => new Map([...leftVectors(region), ...weightVectors(region)]),
  refuses(region, { tuning }) {
    const view = matmulOf(region);
    if (view.rows === 1) return "the left operand has one row";
    return (
      refusesWeight(view, false) ??
      refusesVectors(view, region) ??
      refusesLeftVectors(view, region) ??
      refusesWidth(view, tuning.lanes * 4)
    );
  },
  lower(region, { tuning, limits }) {
    const { y, rows, inner, columns } = matmulOf(region);
    const lanes = wholeQuads(tuning.lanes);
    // A block is kept in workgroup memory once, 16 bytes for four columns.
    const most = Math.floor(limits.maxComputeWorkgroupStorageSize / (16 * lanes));
    const blockRows = wholeQuads(Math.min(tuning.blockRows, most));
    return {
      params: {
        inner: fixed(inner) / 4,
        width: fixed(columns) / 4,
        blockRows,
        lanes,
        height: region.print.dim(rows),
      },
      functions: [
        ...leftFunctions(region),
        weightFunction(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([rows, blockRows]), count([fixed(columns) / 4, lanes]), count()],
    };
  },
});

const wholeQuads = (n: number): number => Math.max(4, Math.floor(n / 4) * 4);
