// What is alike of two regions: ops, attributes, types, literals, and who reads what. Names of values are not.
import { type Anchor, type Graph, isLiteral, type Node, type Op, printType, type Value } from "../ir/index.ts";

const numbers = new WeakMap<Op, number>();
let count = 0;

/** Two ops may have one name, in two toolkits. */
function numberOf(op: Op): number {
  const known = numbers.get(op);
  if (known !== undefined) return known;
  numbers.set(op, count);
  return count++;
}

/** The same text for nodes that differ in names at most. */
export const regionKey = (node: Node): string =>
  bodyKey(node.anchor, node.body ?? { inputs: [], nodes: [node], results: [] });

/** The same for the body of a region around the anchor; for a node alone when that is absent. */
export function bodyKey(anchor: Anchor | undefined, body: Omit<Graph, "name">): string {
  const places = new Map<Value, number>();
  const place = (v: Value): string => {
    if (isLiteral(v)) return `${v.literal}:${typeKey(v)}`;
    const known = places.get(v);
    if (known !== undefined) return String(known);
    places.set(v, places.size);
    return `${places.size - 1}:${typeKey(v)}`;
  };
  const parts = [anchor === undefined ? "" : typeof anchor === "string" ? anchor : numberOf(anchor)];
  for (const { value } of body.inputs) parts.push(place(value));
  for (const { op, operands, attrs, results } of body.nodes)
    parts.push(numberOf(op), attrsKey(attrs), ...operands.map(place), "=", ...results.map(place));
  parts.push("return", ...body.results.map(place));
  return parts.join(" ");
}

/** A type's text names symbols, and says not what they are at least. */
const typeKey = ({ type }: Value): string =>
  printType(type) +
  type.shape
    .flatMap((d) =>
      typeof d === "number" ? [] : d.terms.flatMap((t) => t.symbols.map((s) => `${s.name}>=${s.least}`)),
    )
    .join();

const attrsKey = (attrs: Node["attrs"]): string =>
  JSON.stringify(attrs, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
  );
