// Rows normalised alone, as their op describes it: layer norm, RMS norm, or a user's own.
import { at, type Dim, unreachable } from "../../ir/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import type { Region } from "../region.ts";
import { laneSpace } from "../space.ts";
import { dimIndex, divIndex, elementCount, type Index, indexName, modIndex } from "../wgsl-index.ts";
import type { Work } from "../work.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { type NormParams, normFunctions, normParams, refusesNorm } from "./normalization.ts";
import { elementsOf, linearGroups } from "./pointwise.ts";

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
    params: { width: constantDim(x.type.shape.at(-1)), ...normParams(anchor, "WIDTH") },
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

/** A row is read for the mean, for the squares and for the result. */
const rowsWork = (height: number, { width, centred }: { readonly width: number; readonly centred: boolean }): Work => {
  const elements = height * width;
  const reads = (centred ? 3 : 2) * elements;
  return {
    calls: { load_x: reads, load_weight: elements, load_bias: elements, store_result: elements },
    multiplyAdds: reads,
  };
};

const refuses = ({ anchor }: Region): string | undefined =>
  anchor ? refusesNorm(anchor) : "nothing in it normalises rows";

/** What `layer_norm_rows` is checked against. */
export const layerNormNaive = defineKernel({
  name: "layer_norm_naive",
  summary: "one invocation per row",
  kind: "normalizes",
  template: kernelTemplate("layer-norm-naive", [
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
  space: (_region, target) => laneSpace(target),
  refuses,
  lower(region, _target, { lanes }) {
    const { rows, params, functions } = view(region);
    return {
      params: { ...params, workgroupSize: lanes, rows: region.print.elements(rows) },
      functions,
      workgroups: [linearGroups(rows, lanes), count(), count()],
      work: (length) => {
        const height = elementsOf(rows, length);
        return { ...rowsWork(height, params), busy: height };
      },
    };
  },
});

export const layerNormRows = defineKernel({
  name: "layer_norm_rows",
  summary: "one workgroup per row",
  kind: "normalizes",
  template: kernelTemplate("layer-norm-rows", [
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
  space: (_region, target) => laneSpace(target),
  refuses,
  lower(region, _target, { lanes }) {
    const { rows, params, functions } = view(region);
    return {
      params: { ...params, lanes, rows: region.print.elements(rows) },
      functions,
      workgroups: [count(...rows), count(), count()],
      work: (length) => {
        const height = elementsOf(rows, length);
        const sums = params.centred ? 2 : 1;
        // Every invocation adds up what all of them have.
        const busy = height * Math.min(lanes, params.width);
        return { ...rowsWork(height, params), busy, shared: height * sums * lanes * (lanes + 1), barriers: 2 * sums };
      },
    };
  },
});
