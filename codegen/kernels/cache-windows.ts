// Where attention's keys and values lie: each is a range of columns of a buffer that holds a row for each position.
import { unreachable, type Value } from "../../ir/index.ts";
import type { Region } from "../region.ts";
import type { VectorSize } from "../storage.ts";
import { addIndex, divIndex, type Index, indexName, indexOf, modIndex, mulIndex } from "../wgsl-index.ts";
import { type Window, windowOf } from "../window.ts";

/** Keys and values may lie in buffers of their own, or side by side in one. */
function windows(region: Region): { readonly keys: Window; readonly values: Window } | undefined {
  const [k, v] = [windowOf(region, region.operand("keys")), windowOf(region, region.operand("values"))];
  return k && v && { keys: k, values: v };
}

/** The buffers that are bound as vectors of four. */
export const cacheVectors = (region: Region): ReadonlyMap<Value, VectorSize> => {
  const { keys, values } = windows(region) ?? {};
  return new Map([keys, values].flatMap((w) => (w ? [[w.input, 4]] : [])));
};

/** What the templates that read keys and values as vectors are told of where these lie, in vectors. */
export function cacheParams(region: Region) {
  const { keys, values } = windows(region) ?? unreachable("a cache that is refused is lowered");
  return {
    keys: region.nameOf(keys.input),
    keyStart: keys.offset / 4,
    keyStride: keys.stride / 4,
    values: region.nameOf(values.input),
    valueStart: values.offset / 4,
    valueStride: values.stride / 4,
  };
}

/** WGSL: the head of keys that `head`, one of queries, reads, where each of them serves `group` on end. */
export const keyHead = (group: number): string => (group === 1 ? "head" : `head / ${group}u`);

/** Where keys and values have, in row `row`, what the query has in `column`, for heads of that size. */
export function keyColumn(group: number, size: number): readonly Index[] {
  const column = indexName("column");
  const head = divIndex(column, indexOf(group * size));
  const place = addIndex(mulIndex(head, indexOf(size)), modIndex(column, indexOf(size)));
  return [indexName("row"), group === 1 ? column : place];
}

/** Loads by the names of their buffers, which may be one. */
export function cacheLoads(region: Region, each: number): Readonly<Record<string, number>> {
  const { keys, values } = cacheParams(region);
  return keys === values ? { [keys]: 2 * each } : { [keys]: each, [values]: each };
}

/** What kernels that read keys and values as vectors ask of where they lie. */
export function refusesCache(region: Region): string | undefined {
  const found = windows(region);
  if (!found) return "keys or values are computed on the way in";
  const { keys, values } = found;
  const uneven = [keys, values].find((w) => w.offset % 4 !== 0 || w.stride % 4 !== 0);
  if (uneven) return `rows of ${uneven.stride} from ${uneven.offset} on are not whole vectors of 4`;
  return readsOtherwise(region) ? "keys or values are read by something else in the region" : undefined;
}

/** Whether anything but the anchor's keys and values is made of the buffers that are bound as vectors for these. */
function readsOtherwise(region: Region): boolean {
  const { anchor, body } = region;
  const on = new Set([region.operand("keys"), region.operand("values")]);
  // Nodes stand before their readers: from the last one on, all that keys and values are made of.
  const way = body.nodes.toReversed().filter((n) => {
    if (n === anchor || !n.results.some((r) => on.has(r))) return false;
    for (const v of n.operands) on.add(v);
    return true;
  });
  const others = body.nodes.filter((n) => n !== anchor && !way.includes(n)).flatMap((n) => n.operands);
  return [region.operand("query"), ...others, ...body.results].some((v) => on.has(v));
}
