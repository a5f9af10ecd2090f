// Attention of single queries as a GPU wants it: a key and its value are shared by invocations that load a vector each, and many
// loads are on their way before the first is needed.
import { at, attrOf, type Dim, type Op, printDim, unreachable, type Value } from "../../ir/index.ts";
import { attentionParts, pagedAttention, scaledDotProductAttention } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel, type Kernel } from "../kernel.ts";
import type { Region } from "../region.ts";
import { combinations, suited } from "../space.ts";
import type { Target } from "../target.ts";

import { pagedView, pageFunctions, seenKeys } from "./attention-paged.ts";
import { cacheFunctions, cacheLoads, cacheParams, cacheVectors, keyHead, refusesCache } from "./cache-windows.ts";

import { gathersOf } from "./gathers.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { refusesSoftware } from "./stream-space.ts";

const template = kernelTemplate("attention-stream", [
  "title",
  "bindings",
  "functions",
  "size",
  "vectors",
  "scale",
  "keyHead",
  "lanes",
  "ahead",
  "slots",
  "tile",
  "gathers",
  "parts",
  "length",
  "keyStart",
  "keyStride",
  "valueStart",
  "valueStride",
]);

/** What the kernels of several ops are told of a region. */
interface View {
  readonly query: Value;
  readonly rows: Dim;
  readonly heads: number;
  readonly size: number;
  readonly group: number;
  readonly scale: number;
  /** How many keys a query sees: WGSL, and for the account. */
  readonly length: string;
  readonly seen: (length: (d: Dim) => number) => number;
  /** Into how many parts keys are cut; 0 where the result is attention itself. */
  readonly parts: number;
  readonly functions: readonly string[];
  /** Calls that finding a key's row takes, of each function. */
  readonly found: readonly string[];
}

interface AttentionConfig {
  readonly lanes: number;
  /** Keys that an invocation loads a part of, and of their values, before it needs the first. */
  readonly ahead: number;
  readonly [name: string]: number;
}

const space = (target: Target): readonly AttentionConfig[] => {
  const most = target.limits.maxComputeInvocationsPerWorkgroup;
  return combinations({
    lanes: suited(target, { software: 64, gpu: Math.min(256, most), others: [64, 128, 256, 512] }).filter(
      (n) => n <= most && n % target.machine.lanes === 0,
    ),
    ahead: suited(target, { software: 2, gpu: 8, others: [4, 2, 1, 16] }),
  });
};

/** Keys that a workgroup takes at a time: as many as it has invocations for, a vector of the head each. */
const slotsOf = (size: number, lanes: number): number => Math.floor((4 * lanes) / size);

const streamKernel = (
  spec: Pick<Kernel, "name" | "summary"> & { readonly kind: Op },
  viewOf: (region: Region) => View,
  refusesRows: (region: Region) => string | undefined,
): Kernel =>
  defineKernel({
    ...spec,
    template,
    vectors: cacheVectors,
    space: (_region, target) => space(target),
    refuses(region, target, { lanes, ahead }) {
      const { limits } = target;
      const problem = (spec.kind === attentionParts ? undefined : refusesSoftware(target)) ?? refusesRows(region);
      if (problem !== undefined) return problem;
      const { size } = viewOf(region);
      if (size % 4 !== 0) return `the head size ${size} is no multiple of 4`;
      const slots = slotsOf(size, lanes);
      if (slots < 1) return `a head of ${size} takes more than ${lanes} invocations`;
      if (slots * ahead > lanes) return `${slots * ahead} scores take more than ${lanes} invocations`;
      const vectors = size / 4;
      const bytes = 4 * ((slots * ahead + 1) * vectors + slots * ahead + slots * size + lanes + gathersOf(lanes)) + 64;
      if (bytes > limits.maxComputeWorkgroupStorageSize)
        return `heads of ${size} need ${bytes} bytes of workgroup memory`;
      return refusesCache(region);
    },
    lower(region, _target, { lanes, ahead }) {
      const { query, rows, heads, size, group, scale, length, seen, parts, functions, found } = viewOf(region);
      const results = region.anchor?.results ?? unreachable("an attention region without attention");
      const [vectors, slots] = [size / 4, slotsOf(size, lanes)];
      const tile = slots * ahead;
      const stores =
        parts > 0
          ? [
              region.storeFunction("store_mixture", at(results, 0), ["part", "row", "column"]),
              region.storeFunction("store_softmax", at(results, 1), ["part", "row", "head", "i"]),
            ]
          : [region.storeFunction("store_result", at(results, 0), ["row", "column"])];
      return {
        params: {
          size,
          vectors,
          scale,
          keyHead: keyHead(group),
          lanes,
          ahead,
          slots,
          tile,
          gathers: gathersOf(lanes),
          parts,
          length,
          ...cacheParams(region),
        },
        functions: [
          region.loadFunction("load_query", query, ["row", "column"]),
          ...functions,
          ...cacheFunctions(region),
          ...stores,
        ],
        workgroups: [count(heads), count(rows), count(Math.max(1, parts))],
        work: (n) => {
          const workgroups = heads * n(rows) * Math.max(1, parts);
          const keys = seen(n);
          const share = Math.ceil(keys / Math.max(1, parts));
          // Parts without keys have no tile.
          const tiles = heads * n(rows) * tilesOf(keys, share, Math.max(1, parts), tile);
          const loads = tiles * lanes * ahead;
          const made = workgroups * size;
          const both = Object.entries(cacheLoads(loads));
          const calls = Object.fromEntries([...both, ...found.map((name) => [name, loads])]);
          return {
            calls: {
              ...calls,
              load_query: 4 * workgroups * lanes,
              ...(parts > 0 ? { store_mixture: made, store_softmax: 2 * workgroups } : { store_result: made }),
            },
            ahead: Object.fromEntries([...both.map(([name]) => [name, ahead]), ["load_query", 4]]),
            alike: Object.fromEntries(found.map((name) => [name, vectors])),
            multiplyAdds: 8 * loads,
            shared:
              tiles * (lanes * ahead * 2 + tile * vectors + lanes * (3 + gathersOf(lanes)) + 2 * tile) +
              workgroups * (slots * size + lanes * (2 + gathersOf(lanes))),
            barriers: 2 + (4 * tiles) / Math.max(1, workgroups),
          };
        },
      };
    },
  });

/** How many tiles the parts of so many keys take in all. */
function tilesOf(keys: number, share: number, parts: number, tile: number): number {
  let tiles = 0;
  for (let part = 0; part < parts; part++) tiles += Math.ceil(Math.max(0, Math.min(share, keys - part * share)) / tile);
  return tiles;
}

function causalView(region: Region, parts: number): View {
  const { anchor } = region;
  if (!anchor) return unreachable("an attention region without attention");
  const query = region.operand("query");
  const heads = attrOf<number>(anchor.attrs, "n_head");
  const length = attrOf<Dim>(anchor.attrs, "length");
  return {
    query,
    rows: 1,
    heads,
    size: constantDim(query.type.shape[1]) / heads,
    group: heads / (attrOf<number>(anchor.attrs, "n_kv_head") || heads),
    scale: attrOf<number>(anchor.attrs, "scale"),
    length: region.print.dim(length),
    seen: (n) => n(length),
    parts,
    functions: ["fn row_of(row: u32, place: u32) -> u32 { return place; }"],
    found: [],
  };
}

function refusesQueries(region: Region): string | undefined {
  const { shape, dtype } = region.operand("query").type;
  if (shape[0] !== 1) return `there are ${printDim(at(shape, 0))} query rows`;
  return dtype === "f32" ? undefined : `it computes f32, but the query is ${dtype}`;
}

/** The one query is the last, and sees every key: there is nothing to mask. */
export const attentionStream = streamKernel(
  {
    name: "attention_stream",
    summary: "one query row; a workgroup per head, keys and values loaded together",
    kind: scaledDotProductAttention,
  },
  (region) => causalView(region, 0),
  refusesQueries,
);

/** The same for parts of the keys, which `attention_merge` puts together. */
export const attentionPartsStream = streamKernel(
  {
    name: "attention_parts",
    summary: "one query row; a workgroup per head and part of the keys",
    kind: attentionParts,
  },
  (region) => causalView(region, attrOf<number>(region.anchor?.attrs ?? {}, "parts")),
  refusesQueries,
);

/** The same for rows of many sequences, each with its own keys, wherever their pages lie. */
export const attentionPagedStream = streamKernel(
  {
    name: "attention_paged_stream",
    summary: "one workgroup per query row and head, keys and values loaded together",
    kind: pagedAttention,
  },
  (region) => {
    const { query, rows, heads, size, group, scale, room } = pagedView(region);
    return {
      query,
      rows,
      heads,
      size,
      group,
      scale,
      length: seenKeys(region),
      // How many keys a query sees, the data says: taken to be one in two that there is room for.
      seen: () => room / 2,
      parts: 0,
      functions: pageFunctions(region),
      found: ["load_page", "load_sequence"],
    };
  },
  () => undefined,
);
