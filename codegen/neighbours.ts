// How many elements of its anchor's result a region's epilogue needs at a time: one, or two neighbours, which a rotation or a gate combines.
import { CompileError, type DType, type Graph, type Node, type Value } from "../ir/index.ts";
import type { Neighbours } from "./buffer-format.ts";
import { type InHand, registerType } from "./wgsl-element.ts";
import { type Index, indexName, neighbourOf } from "./wgsl-index.ts";

/** What a kernel calls the element that it hands over, or the elements. */
const VALUE = "value";

/** The WGSL type of what is handed over. */
export const handedType = (dtype: DType, neighbours: Neighbours): string =>
  neighbours === 1 ? registerType(dtype) : `vec${neighbours}<${registerType(dtype)}>`;

/** The elements that a kernel hands over: the one at the index, or so many neighbours along the last axis, the first of them there. */
export function inHand(index: readonly Index[], neighbours: Neighbours): readonly InHand[] {
  const last = index.at(-1);
  if (neighbours === 1 || !last) return [{ expression: VALUE, place: index }];
  return Array.from({ length: neighbours }, (_, i) => ({
    expression: `${VALUE}[${i}]`,
    place: [...index.slice(0, -1), neighbourOf(last.text, neighbours, i)],
  }));
}

/**
 * How many the epilogue needs, which `print` tries to print from those given; `storesPairs` says that some result is stored by twos.
 * @throws CompileError where it can't be computed from two either.
 */
export function neighboursOf(
  anchor: Node | undefined,
  body: Graph,
  storesPairs: boolean,
  print: (y: Value, given: readonly InHand[]) => void,
): Neighbours {
  const [y, ...others] = anchor?.results ?? [];
  if (!y || others.length > 0) return 1;
  // Where no node reads two values that the anchor makes, one element is enough.
  if (!storesPairs && !joinsPartsOf(y, anchor, body)) return 1;
  const index = y.type.shape.map((_, axis) => indexName(`i${axis}`));
  try {
    print(y, inHand(index, 1));
    return 1;
  } catch (error) {
    const width = y.type.shape.at(-1);
    if (!(error instanceof CompileError) || typeof width !== "number" || width % 2 !== 0) throw error;
    print(y, inHand(index, 2));
    return 2;
  }
}

/** Whether a node of the epilogue reads two values that are made of `y`. */
function joinsPartsOf(y: Value, anchor: Node | undefined, body: Graph): boolean {
  const made = new Set([y]);
  return body.nodes.some((node) => {
    const read = new Set(node.operands.filter((v) => made.has(v)));
    if (node === anchor || read.size === 0) return false;
    for (const r of node.results) made.add(r);
    return read.size > 1;
  });
}
