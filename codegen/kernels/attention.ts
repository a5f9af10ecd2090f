import { at, attrOf, castNumber, type Dim, printDim, unreachable, type Value } from "../../ir/index.ts";
import { scaledDotProductAttention } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import type { Region } from "../region.ts";
import { combinations, laneChoices, laneSpace } from "../space.ts";
import { MAX_F32, wgslLiteral } from "../wgsl-element.ts";
import {
  cacheFunctions,
  cacheLoads,
  cacheParams,
  cacheVectors,
  keyColumn,
  keyHead,
  refusesCache,
} from "./cache-windows.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { elementsOf, linearGroups } from "./pointwise.ts";

interface View {
  readonly query: Value;
  readonly keys: Value;
  readonly values: Value;
  readonly y: Value;
  readonly rows: Dim;
  /** How many keys there are. */
  readonly length: Dim;
  readonly params: { readonly heads: number; readonly size: number; readonly scale: number };
  /** How many heads of queries read each head of keys and values. */
  readonly group: number;
  readonly mask: Mask;
}

/** What keys behind a query count for. */
interface Mask {
  /** Whether masked keys can count at all: softmax gives a score of −∞ the weight 0 where any other score is finite. */
  readonly finite: boolean;
  /** The score of every one of them. */
  readonly masked: string;
  /** A row whose largest score is at least this has no use for them. */
  readonly border: string;
}

/**
 * f32 can't tell a masked key from none where exp(masked − largest) rounds to 0, subnormals included: below 2⁻¹⁵⁰, which is
 * exp(−103.98). 128 leaves room. The scores are themselves sums of rounded products, off by n · 2⁻²⁴ of what they add up, which
 * where one comes near the mask is as large as the mask is: 2⁻¹⁰ of that covers heads of 16384.
 */
function maskOf(value: number): Mask {
  const held = castNumber(value, "f32");
  const finite = Number.isFinite(held);
  const text = (x: number) => wgslLiteral(x, "f32");
  if (!finite) return { finite, masked: text(0), border: text(0) };
  return { finite, masked: text(held), border: text(Math.min(held + 128 + Math.abs(held) / 1024, MAX_F32)) };
}

function view(region: Region): View {
  const { anchor } = region;
  if (!anchor) return unreachable("an attention region without attention");
  const [query, keys, values] = [region.operand("query"), region.operand("keys"), region.operand("values")];
  const y = at(anchor.results, 0);
  const heads = attrOf<number>(anchor.attrs, "n_head");
  const shared = attrOf<number>(anchor.attrs, "n_kv_head") || heads;
  const params = {
    heads,
    size: constantDim(query.type.shape.at(-1)) / heads,
    scale: attrOf<number>(anchor.attrs, "scale"),
  };
  const length = attrOf<Dim>(anchor.attrs, "length");
  const mask = maskOf(attrOf<number>(anchor.attrs, "mask_value"));
  return { query, keys, values, y, rows: at(query.type.shape, 0), length, params, group: heads / shared, mask };
}

function refusesDtype(region: Region): string | undefined {
  const { dtype } = view(region).query.type;
  return dtype === "f32" ? undefined : `it computes f32, but the query is ${dtype}`;
}

/** What the kernels that read keys and values as vectors ask for. */
function refusesVectors(region: Region): string | undefined {
  const problem = refusesDtype(region);
  if (problem) return problem;
  const { params } = view(region);
  if (params.size % 4 !== 0) return `the head size ${params.size} is no multiple of 4`;
  return refusesCache(region);
}

/** Keys that blocks of `blockRows` query rows see, added up: those of a block's last row. */
function seenKeys(rows: number, length: number, blockRows: number): number {
  const whole = Math.floor(rows / blockRows);
  const ends = (blockRows * whole * (whole + 1)) / 2 + (whole * blockRows < rows ? rows : 0);
  return Math.ceil(rows / blockRows) * (length - rows) + ends;
}

/** What the others are checked against: two passes, any head size. */
export const attentionNaive = defineKernel({
  name: "attention_naive",
  summary: "one invocation per element of the result",
  kind: scaledDotProductAttention,
  template: kernelTemplate("attention-naive", [
    "title",
    "bindings",
    "functions",
    "heads",
    "size",
    "scale",
    "finite",
    "masked",
    "border",
    "workgroupSize",
    "rows",
    "length",
  ]),
  space: (_region, target) => laneSpace(target),
  refuses: refusesDtype,
  lower(region, _target, { lanes }) {
    const { query, keys, values, y, rows, length, params, group, mask } = view(region);
    return {
      params: {
        ...params,
        ...mask,
        workgroupSize: lanes,
        rows: region.print.dim(rows),
        length: region.print.dim(length),
      },
      functions: [
        region.loadFunction("load_query", query, ["row", "column"]),
        region.loadFunction("load_key", keys, ["row", "column"], keyColumn(group, params.size)),
        region.loadFunction("load_value", values, ["row", "column"], keyColumn(group, params.size)),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [linearGroups(y.type.shape, lanes), count(), count()],
      work: (n) => {
        const elements = elementsOf(y.type.shape, n);
        const keysSeen = seenKeys(n(rows), n(length), 1);
        // Each element walks the keys that its row sees twice, and makes a score of them each time.
        const seen = keysSeen * (elements / n(rows));
        const scores = 2 * seen * params.size;
        return {
          calls: { load_query: scores, load_key: scores, load_value: seen, store_result: elements },
          busy: elements,
          multiplyAdds: scores + seen,
        };
      },
    };
  },
});

/** One query row and head a workgroup, whichever rows its keys are. */
export const decodeTemplate = kernelTemplate("attention-decode", [
  "title",
  "bindings",
  "functions",
  "size",
  "scale",
  "keyHead",
  "keyRow",
  "lanes",
  "tile",
  "parts",
  "length",
  "keyStart",
  "keyStride",
  "valueStart",
  "valueStride",
]);

export const attentionDecode = defineKernel({
  name: "attention_decode",
  // The one query is the last, and sees every key: there is nothing to mask.
  summary: "one query row; a workgroup per head shares the keys",
  kind: scaledDotProductAttention,
  template: decodeTemplate,
  vectors: cacheVectors,
  space: (_region, target) => combinations({ lanes: laneChoices(target), tile: [256] }),
  refuses(region, { limits }, { lanes, tile }) {
    const { rows, params } = view(region);
    if (rows !== 1) return `there are ${printDim(rows)} query rows`;
    const bytes = sharedBytes(params.size, lanes, tile);
    return (
      refusesVectors(region) ??
      (bytes > limits.maxComputeWorkgroupStorageSize
        ? `a head of ${params.size} needs ${bytes} bytes of workgroup memory`
        : undefined)
    );
  },
  lower(region, _target, { lanes, tile }) {
    const { query, y, length, params, group } = view(region);
    return {
      params: {
        size: params.size,
        scale: params.scale,
        keyHead: keyHead(group),
        keyRow: "(first + k)",
        length: region.print.dim(length),
        lanes,
        tile,
        parts: partsOf(params.size, lanes),
        ...cacheParams(region),
      },
      functions: [
        region.loadFunction("load_query", query, ["row", "column"]),
        ...cacheFunctions(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count(params.heads), count(), count()],
      work: (n) => {
        const [vectors, tiles] = [params.size / 4, Math.ceil(n(length) / tile)];
        const loads = params.heads * n(length) * vectors;
        const own = params.heads * params.size;
        const mixed = Math.max(vectors * partsOf(params.size, lanes), vectors);
        return {
          calls: { ...cacheLoads(loads), load_query: own, store_result: own },
          multiplyAdds: 8 * loads,
          shared:
            2 * loads +
            params.heads * (4 * n(length) + tiles * (2 * mixed + lanes * (lanes + 1)) + lanes * (lanes + 1)),
          barriers: 2 + 4 * tiles,
        };
      },
    };
  },
});

/** Into how many parts a column's mixture is cut, so that there is one for every invocation. */
export const partsOf = (size: number, lanes: number): number => Math.max(1, Math.floor((4 * lanes) / size));

/** The scaled query, the mixture, a number for each key and each invocation, and the number of vectors. */
export const sharedBytes = (size: number, lanes: number, tile: number): number =>
  4 * size * (1 + partsOf(size, lanes)) + 4 * (tile + lanes) + 4;

export const attentionPrefill = defineKernel({
  name: "attention_prefill",
  summary: "one workgroup per head and block of query rows",
  kind: scaledDotProductAttention,
  template: kernelTemplate("attention-prefill", [
    "title",
    "bindings",
    "functions",
    "size",
    "scale",
    "keyHead",
    "lanes",
    "tile",
    "blockRows",
    "parts",
    "finite",
    "masked",
    "border",
    "rows",
    "length",
    "keyStart",
    "keyStride",
    "valueStart",
    "valueStride",
  ]),
  vectors: cacheVectors,
  // Query rows that share the keys they read, and how many keys at a time.
  space: (_region, target) => combinations({ lanes: laneChoices(target), blockRows: [4], tile: [128] }),
  refuses(region, { limits }, { lanes, blockRows, tile }) {
    const { rows, params } = view(region);
    if (rows === 1) return "there is one query row";
    const problem = refusesVectors(region);
    if (problem) return problem;
    const vectors = params.size * (1 + partsOf(params.size, lanes));
    const bytes = blockRows * 4 * (vectors + tile + lanes + 2) + 4;
    return bytes > limits.maxComputeWorkgroupStorageSize
      ? `heads of ${params.size} need ${bytes} bytes of workgroup memory`
      : undefined;
  },
  lower(region, _target, { lanes, blockRows, tile }) {
    const { query, y, rows, length, params, group, mask } = view(region);
    return {
      params: {
        size: params.size,
        scale: params.scale,
        keyHead: keyHead(group),
        ...mask,
        length: region.print.dim(length),
        lanes,
        tile,
        blockRows,
        parts: partsOf(params.size, lanes),
        rows: region.print.dim(rows),
        ...cacheParams(region),
      },
      functions: [
        region.loadFunction("load_query", query, ["row", "column"]),
        ...cacheFunctions(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count([rows, blockRows]), count(params.heads), count()],
      work: (n) => {
        const vectors = params.size / 4;
        const blocks = Math.ceil(n(rows) / blockRows);
        const seen = seenKeys(n(rows), n(length), blockRows);
        const loads = params.heads * seen * vectors;
        const queries = params.heads * blocks * blockRows * params.size;
        const tiles = Math.ceil(seen / blocks / tile);
        const mixed = vectors * partsOf(params.size, lanes);
        const tileShared = blockRows * (3 * lanes + 2 * mixed);
        return {
          calls: {
            ...cacheLoads(loads),
            load_query: queries,
            store_result: elementsOf(y.type.shape, n),
          },
          multiplyAdds: 8 * blockRows * loads,
          shared:
            2 * blockRows * loads +
            params.heads * (5 * blockRows * seen + blocks * (tiles * tileShared + blockRows * params.size * lanes)),
          barriers: 2 + 4 * tiles,
        };
      },
    };
  },
});
