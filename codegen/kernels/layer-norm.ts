import { at, attrOf, type Dim, unreachable } from "../../ir/index.ts";
import { layerNorm } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import type { Region } from "../region.ts";
import { loadTemplate } from "../template.ts";
import { dimIndex, divIndex, type Index, indexName, indexOf, modIndex, mulIndex } from "../wgsl-index.ts";
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
  const rows = x.type.shape.slice(0, -1);
  const index = [...rowIndex(rows), indexName("column")];
  return {
    rows,
    width: fixed(x.type.shape.at(-1)),
    eps: attrOf<number>(anchor.attrs, "eps"),
    functions: [
      region.loadFunction("load_x", x, ["row", "column"], index),
      region.loadFunction("load_weight", weight, ["column"]),
      region.loadFunction("load_bias", bias, ["column"]),
      region.storeFunction("store_result", y, ["row", "column"], index),
    ],
  };
}

/** The place of row number `row` on the axes before the last. */
function rowIndex(rows: readonly Dim[]): readonly Index[] {
  return rows.map((d, axis) => {
    const rest = divIndex(
      indexName("row"),
      rows
        .slice(axis + 1)
        .map(dimIndex)
        .reduce(mulIndex, indexOf(1)),
    );
    return axis === 0 ? rest : modIndex(rest, dimIndex(d));
  });
}

const rowCount = (rows: readonly Dim[]): string => rows.map(dimIndex).reduce(mulIndex, indexOf(1)).text;

function refuses({ anchor }: Region): string | undefined {
  const type = anchor?.operands[0]?.type;
  if (type?.dtype !== "f32") return `it computes f32, but x is ${type?.dtype}`;
  return typeof type.shape.at(-1) === "number" ? undefined : "the width is symbolic";
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
