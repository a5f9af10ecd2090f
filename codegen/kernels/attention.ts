import { at, attrOf, type Dim, unreachable, type Value } from "../../ir/index.ts";
import { scaledDotProductAttention } from "../../ir/ops/index.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import type { Region, VectorSize } from "../region.ts";
import { loadTemplate } from "../template.ts";
import { dimIndex } from "../wgsl-index.ts";
import { linearGroups } from "./pointwise.ts";

interface View {
  readonly query: Value;
  readonly keys: Value;
  readonly values: Value;
  readonly y: Value;
  readonly rows: Dim;
  readonly params: { readonly heads: number; readonly size: number; readonly scale: number; readonly length: string };
}

function view({ anchor }: Region): View {
  if (!anchor) return unreachable("an attention region without attention");
  const [query, keys, values, y] = [
    at(anchor.operands, 0),
    at(anchor.operands, 1),
    at(anchor.operands, 2),
    at(anchor.results, 0),
  ];
  const heads = attrOf<number>(anchor.attrs, "n_head");
  const params = {
    heads,
    size: fixed(query.type.shape.at(-1)) / heads,
    scale: attrOf<number>(anchor.attrs, "scale"),
    length: dimIndex(attrOf<Dim>(anchor.attrs, "length")).text,
  };
  return { query, keys, values, y, rows: at(query.type.shape, 0), params };
}

const cacheVectors = (region: Region): ReadonlyMap<Value, VectorSize> =>
  new Map([
    [view(region).keys, 4],
    [view(region).values, 4],
  ]);

function refusesDtype(region: Region): string | undefined {
  const { dtype } = view(region).query.type;
  return dtype === "f32" ? undefined : `it computes f32, but the query is ${dtype}`;
}

/** What the kernels that read keys and values as vectors ask for. */
function refusesVectors(region: Region): string | undefined {
  const problem = refusesDtype(region);
  if (problem) return problem;
  const { keys, values, params } = view(region);
  if (params.size % 4 !== 0) return `the head size ${params.size} is no multiple of 4`;
  if (!region.isInput(keys) || !region.isInput(values)) return "keys or values are computed on the way in";
  const others = region.body.nodes.flatMap((n) => n.operands).filter((v) => v === keys || v === values);
  return others.length > 2 ? "keys or values are read by something else in the region" : undefined;
}

/** What the others are checked against: two passes, any head size. */
export const attentionNaive = defineKernel({
  name: "attention_naive",
  summary: "one invocation per element of the result",
  kind: scaledDotProductAttention.name,
  template: loadTemplate(new URL("./attention-naive.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "heads",
    "size",
    "scale",
    "workgroupSize",
    "rows",
    "length",
  ]),
  refuses: refusesDtype,
  lower(region, { tuning }) {
    const { query, keys, values, y, rows, params } = view(region);
    return {
      params: { ...params, workgroupSize: tuning.lanes, rows: dimIndex(rows).text },
      functions: [
        region.loadFunction("load_query", query, ["row", "column"]),
        region.loadFunction("load_key", keys, ["row", "column"]),
        region.loadFunction("load_value", values, ["row", "column"]),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [linearGroups(y.type.shape, tuning.lanes), count(), count()],
    };
  },
});

export const attentionDecode = defineKernel({
  name: "attention_decode",
  summary: "one query row; a workgroup per head shares the keys",
  kind: scaledDotProductAttention.name,
  template: loadTemplate(new URL("./attention-decode.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "heads",
    "size",
    "scale",
    "lanes",
    "tile",
    "parts",
    "length",
    "keys",
    "values",
  ]),
  vectors: cacheVectors,
  refuses(region, { tuning, limits }) {
    const { rows, params } = view(region);
    if (rows !== 1) return "there is more than one query row";
    const bytes = sharedBytes(params.size, tuning.rowLanes);
    return (
      refusesVectors(region) ??
      (bytes > limits.maxComputeWorkgroupStorageSize
        ? `a head of ${params.size} needs ${bytes} bytes of workgroup memory`
        : undefined)
    );
  },
  lower(region, { tuning }) {
    const { query, keys, values, y, params } = view(region);
    const lanes = tuning.rowLanes;
    return {
      params: {
        ...params,
        lanes,
        tile: TILE,
        parts: partsOf(params.size, lanes),
        keys: region.nameOf(keys),
        values: region.nameOf(values),
      },
      functions: [
        region.loadFunction("load_query", query, ["row", "column"]),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count(params.heads), count(), count()],
    };
  },
});

/** Keys that a decoding workgroup has in hand at a time. */
const TILE = 256;

/** Into how many parts a column's mixture is cut, so that there is one for every invocation. */
const partsOf = (size: number, lanes: number): number => Math.max(1, Math.floor((4 * lanes) / size));

/** The scaled query, the mixture, a number for each key and each invocation, and the number of vectors. */
const sharedBytes = (size: number, lanes: number): number =>
  4 * size * (1 + partsOf(size, lanes)) + 4 * (TILE + lanes) + 4;

export const attentionPrefill = defineKernel({
  name: "attention_prefill",
  summary: "one workgroup per head and block of query rows",
  kind: scaledDotProductAttention.name,
  template: loadTemplate(new URL("./attention-prefill.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "heads",
    "size",
    "scale",
    "lanes",
    "tile",
    "blockRows",
    "parts",
    "rows",
    "length",
    "keys",
    "values",
  ]),
  vectors: cacheVectors,
  refuses(region, { tuning, limits }) {
    const { rows, params } = view(region);
    if (rows === 1) return "there is one query row";
    const problem = refusesVectors(region);
    if (problem) return problem;
    const vectors = params.size * (1 + partsOf(params.size, tuning.rowLanes));
    const bytes = BLOCK_ROWS * 4 * (vectors + BLOCK_TILE + tuning.rowLanes + 2) + 4;
    return bytes > limits.maxComputeWorkgroupStorageSize
      ? `heads of ${params.size} need ${bytes} bytes of workgroup memory`
      : undefined;
  },
  lower(region, { tuning }) {
    const { query, keys, values, y, rows, params } = view(region);
    return {
      params: {
        ...params,
        lanes: tuning.rowLanes,
        tile: BLOCK_TILE,
        blockRows: BLOCK_ROWS,
        parts: partsOf(params.size, tuning.rowLanes),
        rows: dimIndex(rows).text,
        keys: region.nameOf(keys),
        values: region.nameOf(values),
      },
      functions: [
        region.loadFunction("load_query", query, ["row", "column"]),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([rows, BLOCK_ROWS]), count(params.heads), count()],
    };
  },
});

/** Query rows that share the keys they read, and how many keys at a time. */
const BLOCK_ROWS = 4;
const BLOCK_TILE = 128;
