// Where attention's keys and values lie: each is a range of columns of a buffer that holds a row for each position.
import { unreachable, type Value } from "../../ir/index.ts";
import type { Region } from "../region.ts";
import { refusesSize, type VectorSize } from "../storage.ts";
import { addIndex, divIndex, type Index, indexName, indexOf, modIndex, mulIndex } from "../wgsl-index.ts";
import { type Window, windowOf } from "../window.ts";

/** Keys and values may lie in buffers of their own, or side by side in one. */
function windows(region: Region): { readonly keys: Window; readonly values: Window } | undefined {
  const [k, v] = [windowOf(region, region.operand("keys")), windowOf(region, region.operand("values"))];
  return k && v && { keys: k, values: v };
}

/** What is loaded four elements at a time. */
export const cacheVectors = (region: Region): ReadonlyMap<Value, VectorSize> => {
  const { keys, values } = windows(region) ?? {};
  return new Map([keys, values].flatMap((w) => (w ? [[w.source, 4]] : [])));
};

/** `load_keys(i)` and `load_values(i)`: the i-th four elements of what holds keys, or values. */
export function cacheFunctions(region: Region): readonly string[] {
  const { keys, values } = windows(region) ?? unreachable("a cache that is refused is lowered");
  return [region.vectorFunction("load_keys", keys.source, 4), region.vectorFunction("load_values", values.source, 4)];
}

/** What the templates that read keys and values as vectors are told of where these lie, in vectors. */
export function cacheParams(region: Region) {
  const { keys, values } = windows(region) ?? unreachable("a cache that is refused is lowered");
  return {
    keyStart: keys.offset / 4,
    keyStride: keys.stride / 4,
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

/** Calls of those functions. */
export const cacheLoads = (each: number): Readonly<Record<string, number>> => ({
  load_keys: each,
  load_values: each,
});

/** What kernels that read keys and values as vectors ask of where they lie. */
export function refusesCache(region: Region): string | undefined {
  const found = windows(region);
  if (!found) return "keys or values are computed on the way in";
  const { keys, values } = found;
  for (const { source, offset, stride } of [keys, values]) {
    if (offset % 4 !== 0 || stride % 4 !== 0) return `rows of ${stride} from ${offset} on are not whole vectors of 4`;
    const stored = region.stored(source);
    const problem = stored && refusesSize(stored, stride, 4);
    if (problem !== undefined) return problem;
  }
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
