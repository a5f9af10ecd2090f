import { at, attrOf, unreachable } from "../../ir/index.ts";
import { pagedAttention } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel } from "../kernel.ts";
import type { Region } from "../region.ts";
import { combinations, laneChoices } from "../space.ts";
import { decodeTemplate, partsOf, sharedBytes } from "./attention.ts";
import { cacheFunctions, cacheLoads, cacheParams, cacheVectors, keyHead, refusesCache } from "./cache-windows.ts";

/** The lengths and operands of a region around paged attention. */
export function pagedView(region: Region) {
  const { anchor } = region;
  if (!anchor) return unreachable("a paged attention region without attention");
  const heads = attrOf<number>(anchor.attrs, "n_head");
  const query = region.operand("query");
  return {
    query,
    y: at(anchor.results, 0),
    rows: at(query.type.shape, 0),
    heads,
    size: constantDim(query.type.shape[1]) / heads,
    group: heads / (attrOf<number>(anchor.attrs, "n_kv_head") || heads),
    scale: attrOf<number>(anchor.attrs, "scale"),
    pageSize: attrOf<number>(anchor.attrs, "page_size"),
    /** Places that a sequence has room for. */
    room: constantDim(region.operand("pages").type.shape[1]) * attrOf<number>(anchor.attrs, "page_size"),
  };
}

/** How many keys the row sees: all that there is room for from the last position on, and none below 0. */
export const seenKeys = (region: Region): string =>
  `u32(clamp(load_position(row), -1, ${pagedView(region).room - 1}) + 1)`;

/** `load_position(row)`, which the row's last key has, and `row_of(row, place)`: where a place of the row's sequence lies. */
export const pageFunctions = (region: Region): readonly string[] => {
  const { pageSize } = pagedView(region);
  return [
    region.loadFunction("load_position", region.operand("positions"), ["row"]),
    region.loadFunction("load_sequence", region.operand("sequence"), ["row"]),
    region.loadFunction("load_page", region.operand("pages"), ["sequence", "i"]),
    `// Where a place of the row's sequence lies.
fn row_of(row: u32, place: u32) -> u32 {
  return u32(load_page(u32(load_sequence(row)), place / ${pageSize}u)) * ${pageSize}u + place % ${pageSize}u;
}`,
  ];
};

/** Each query's own keys, wherever their pages lie: as the decode step's attention, which a row of a batch is. */
export const attentionPaged = defineKernel({
  name: "attention_paged",
  summary: "one workgroup per query row and head, keys and values in pages",
  kind: pagedAttention,
  template: decodeTemplate,
  vectors: cacheVectors,
  space: (_region, target) => combinations({ lanes: laneChoices(target), tile: [256] }),
  refuses(region, { limits }, { lanes, tile }) {
    const { size } = pagedView(region);
    if (size % 4 !== 0) return `the head size ${size} is no multiple of 4`;
    const bytes = sharedBytes(size, lanes, tile);
    return (
      refusesCache(region) ??
      (bytes > limits.maxComputeWorkgroupStorageSize
        ? `a head of ${size} needs ${bytes} bytes of workgroup memory`
        : undefined)
    );
  },
  lower(region, _target, { lanes, tile }) {
    const { query, y, rows, heads, size, group, scale, room } = pagedView(region);
    return {
      params: {
        size,
        scale,
        keyHead: keyHead(group),
        keyRow: "row_of(row, first + k)",
        length: seenKeys(region),
        lanes,
        tile,
        parts: partsOf(size, lanes),
        ...cacheParams(region),
      },
      functions: [
        region.loadFunction("load_query", query, ["row", "column"]),
        ...pageFunctions(region),
        ...cacheFunctions(region),
        region.storeFunction("store_result", y, ["row", "column"]),
      ],
      workgroups: [count(heads), count(rows), count()],
      // How many keys a query sees, the data says: taken to be one in two that there is room for.
      work: (n) => {
        const queries = heads * n(rows);
        const [vectors, keys] = [size / 4, room / 2];
        const tiles = Math.ceil(keys / tile);
        const loads = queries * keys * vectors;
        const found = queries * keys * (1 + vectors);
        const mixed = Math.max(vectors * partsOf(size, lanes), vectors);
        return {
          calls: {
            ...cacheLoads(loads),
            load_page: found,
            load_sequence: found,
            load_query: queries * size,
            store_result: queries * size,
          },
          multiplyAdds: 8 * loads,
          shared: 2 * loads + queries * (4 * keys + tiles * (2 * mixed + lanes * (lanes + 1)) + lanes * (lanes + 1)),
          barriers: 2 + 4 * tiles,
        };
      },
    };
  },
});
