import { at, attrOf, castNumber, type Dim, printDim, unreachable, type Value } from "../../ir/index.ts";
import { scaledDotProductAttention } from "../../ir/ops/index.ts";
import type { VectorSize } from "../binding.ts";
import { count, defineKernel, fixed } from "../kernel.ts";
import type { Region } from "../region.ts";
import { loadTemplate } from "../template.ts";
import { MAX_F32, wgslLiteral } from "../wgsl-element.ts";
import { linearGroups } from "./pointwise.ts";

interface View {
  readonly query: Value;
  readonly keys: Value;
  readonly values: Value;
  readonly y: Value;
  readonly rows: Dim;
  /** How many keys there are. */
  readonly length: Dim;
  readonly params: { readonly heads: number; readonly size: number; readonly scale: number };
  readonly mask: Mask;
}

/** What keys behind a query count for. */
interface Mask {
  /** Whether they can count at all: softmax makes 0 of −∞ beside any score. */
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
  const params = {
    heads,
    size: fixed(query.type.shape.at(-1)) / heads,
    scale: attrOf<number>(anchor.attrs, "scale"),
  };
  const length = attrOf<Dim>(anchor.attrs, "length");
  const mask = maskOf(attrOf<number>(anchor.attrs, "mask_value"));
  return { query, keys, values, y, rows: at(query.type.shape, 0), length, params, mask };
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
  kind: scaledDotProductAttention,
  template: loadTemplate(new URL("./attention-naive.wgsl.hbs", import.meta.url), [
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
  refuses: refusesDtype,
  lower(region, { tuning }) {
    const { query, keys, values, y, rows, length, params, mask } = view(region);
    return {
      params: {
        ...params,
        ...mask,
        workgroupSize: tuning.lanes,
        rows: region.print.dim(rows),
        length: region.print.dim(length),
      },
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
  // The one query is the last, and sees every key: there is nothing to mask.
  summary: "one query row; a workgroup per head shares the keys",
  kind: scaledDotProductAttention,
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
    if (rows !== 1) return `there are ${printDim(rows)} query rows`;
    const bytes = sharedBytes(params.size, tuning.rowLanes);
    return (
      refusesVectors(region) ??
      (bytes > limits.maxComputeWorkgroupStorageSize
        ? `a head of ${params.size} needs ${bytes} bytes of workgroup memory`
        : undefined)
    );
  },
  lower(region, { tuning }) {
    const { query, keys, values, y, length, params } = view(region);
    const lanes = tuning.rowLanes;
    return {
      params: {
        ...params,
        length: region.print.dim(length),
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
  kind: scaledDotProductAttention,
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
    "finite",
    "masked",
    "border",
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
    const { query, keys, values, y, rows, length, params, mask } = view(region);
    return {
      params: {
        ...params,
        ...mask,
        length: region.print.dim(length),
        lanes: tuning.rowLanes,
        tile: BLOCK_TILE,
        blockRows: BLOCK_ROWS,
        parts: partsOf(params.size, tuning.rowLanes),
        rows: region.print.dim(rows),
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
