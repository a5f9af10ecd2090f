// Rows normalised alone, as their op describes it: layer norm, RMS norm, or a user's own.
import { at, type Dim, unreachable } from "../../ir/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import type { Region } from "../region.ts";
import { loadTemplate } from "../template.ts";
import { dimIndex, divIndex, elementCount, type Index, indexName, modIndex } from "../wgsl-index.ts";
import { type NormParams, normFunctions, normParams, refusesNorm } from "./normalization.ts";
import { linearGroups } from "./pointwise.ts";

/** The rows and width of a region's normalisation, and the functions that its templates call. */
function view(region: Region): {
  readonly rows: readonly Dim[];
  readonly params: NormParams & { readonly width: number };
  readonly functions: readonly string[];
} {
  const { anchor } = region;
  if (!anchor) return unreachable("a normalisation's region without its node");
  const [x, y] = [at(anchor.operands, 0), at(anchor.results, 0)];
  const rows = x.type.shape.slice(0, -1);
  const index = [...rowIndex(rows), indexName("column")];
  return {
    rows,
    params: { width: fixed(x.type.shape.at(-1)), ...normParams(anchor, "WIDTH") },
    functions: [
      region.loadFunction("load_x", x, ["row", "column"], index),
      ...normFunctions(region, anchor),
      region.storeFunction("store_result", y, ["row", "column"], index),
    ],
  };
}

/** The place of row number `row` on the axes before the last. */
function rowIndex(rows: readonly Dim[]): readonly Index[] {
  return rows.map((d, axis) => {
    const rest = divIndex(indexName("row"), elementCount(rows.slice(axis + 1)));
    return axis === 0 ? rest : modIndex(rest, dimIndex(d));
  });
}

const refuses = ({ anchor }: Region): string | undefined =>
  anchor ? refusesNorm(anchor) : "nothing in it normalises rows";

/** What `layer_norm_rows` is checked against. */
export const layerNormNaive = defineKernel({
  name: "layer_norm_naive",
  summary: "one invocation per row",
  kind: "normalizes",
  template: loadTemplate(new URL("./layer-norm-naive.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "width",
    "eps",
    "centred",
    "overCount",
    "workgroupSize",
    "rows",
  ]),
  refuses,
  lower(region, { tuning }) {
    const { rows, params, functions } = view(region);
    return {
      params: { ...params, workgroupSize: tuning.lanes, rows: region.print.elements(rows) },
      functions,
      workgroups: [linearGroups(rows, tuning.lanes), count(), count()],
    };
  },
});

export const layerNormRows = defineKernel({
  name: "layer_norm_rows",
  summary: "one workgroup per row",
  kind: "normalizes",
  template: loadTemplate(new URL("./layer-norm-rows.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "width",
    "eps",
    "centred",
    "overCount",
    "lanes",
    "rows",
  ]),
  refuses,
  lower(region, { tuning }) {
    const { rows, params, functions } = view(region);
    return {
      params: { ...params, lanes: tuning.rowLanes, rows: region.print.elements(rows) },
      functions,
      workgroups: [count(...rows), count(), count()],
    };
  },
});
