import { at, attrOf, type Dim, unreachable } from "../../ir/index.ts";
import { layerNorm } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import type { Region } from "../region.ts";
import { loadTemplate } from "../template.ts";
import { dimIndex, indexOf, mulIndex } from "../wgsl-index.ts";
import { linearGroups } from "./pointwise.ts";

/** The rows and width of a region's layer norm, and the functions that its templates call. */
function view(region: Region): {
  readonly rows: readonly Dim[];
  readonly width: number;
  readonly eps: number;
  readonly functions: readonly string[];
} {
  const { anchor } = region;
  if (!anchor) return unreachable("a layer norm region without layer_norm");
  const [x, weight, bias, y] = [
    at(anchor.operands, 0),
    at(anchor.operands, 1),
    at(anchor.operands, 2),
    at(anchor.results, 0),
  ];
  return {
    rows: x.type.shape.slice(0, -1),
    width: fixed(x.type.shape.at(-1)),
    eps: attrOf<number>(anchor.attrs, "eps"),
    functions: [
      region.loadFunction("load_x", x, ["row", "column"]),
      region.loadFunction("load_weight", weight, ["column"]),
      region.loadFunction("load_bias", bias, ["column"]),
      region.storeFunction("store_result", y, ["row", "column"]),
    ],
  };
}

const rowCount = (rows: readonly Dim[]): string => rows.map(dimIndex).reduce(mulIndex, indexOf(1)).text;

function refuses({ anchor }: Region): string | undefined {
  const shape = anchor?.operands[0]?.type.shape ?? [];
  if (shape.length !== 2) return `x has ${shape.length} axes, and it takes two`;
  return typeof shape[1] === "number" ? undefined : "the width is symbolic";
}

/** What `layer_norm_rows` is checked against. */
export const layerNormNaive = defineKernel({
  name: "layer_norm_naive",
  summary: "one invocation per row",
  kind: layerNorm.name,
  template: loadTemplate(new URL("./layer-norm-naive.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "width",
    "eps",
    "workgroupSize",
    "rows",
  ]),
  refuses,
  lower(region, { tuning }) {
    const { rows, width, eps, functions } = view(region);
    return {
      params: { width, eps, workgroupSize: tuning.lanes, rows: rowCount(rows) },
      functions,
      workgroups: [linearGroups(rows, tuning.lanes), count(), count()],
    };
  },
});

export const layerNormRows = defineKernel({
  name: "layer_norm_rows",
  summary: "one workgroup per row",
  kind: layerNorm.name,
  template: loadTemplate(new URL("./layer-norm-rows.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "width",
    "eps",
    "lanes",
    "rows",
  ]),
  refuses,
  lower(region, { tuning }) {
    const { rows, width, eps, functions } = view(region);
    return {
      params: { width, eps, lanes: tuning.rowLanes, rows: rowCount(rows) },
      functions,
      workgroups: [count(...rows), count(), count()],
    };
  },
});
