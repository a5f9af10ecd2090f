// A graph as text. The text is what tests, dumps, docs and bug reports use; `parse` reads it back.
import { printRecipe } from "../base/recipe.ts";
import { attrEquals, printAttr } from "./attr.ts";
import { fused } from "./fused.ts";
import { anchorName, type Graph, type Input, type Node, POINTWISE_ANCHOR } from "./graph.ts";
import { printTypes } from "./print-literal.ts";
import { printSymbols } from "./symbols.ts";
import { printType } from "./type.ts";
import { isLiteral, type Value } from "./value.ts";

const WIDTH = 110;

/** The whole graph. */
export function printGraph(graph: Graph): string {
  const inputs = graph.inputs.map(printInput);
  const name = `${graph.name}${printSymbols(graph)}`;
  const oneLine = `graph ${name}(${inputs.join(", ")}) {`;
  const head = oneLine.length <= WIDTH ? oneLine : `graph ${name}(\n${inputs.map((i) => `  ${i}`).join(",\n")}\n) {`;
  const own = (v: Value) => v.name;
  return `${[head, ...graph.nodes.map((n) => `  ${indent(printNode(n, own))}`), `  return ${graph.results.map(own).join(", ")}`, "}"].join("\n")}\n`;
}

const printInput = ({ kind, value, recipe }: Input): string =>
  `${kind === "input" ? "" : `${kind} `}${printTyped(value)}${recipe ? ` = ${printRecipe(recipe)}` : ""}`;

const printTyped = (v: Value): string => `${v.name}: ${printType(v.type)}`;

const indent = (text: string): string => text.replaceAll("\n", "\n  ");

/** One node, as the graph's text has it. */
export function printNode(node: Node, name: (v: Value) => string = (v) => v.name): string {
  const operands = node.operands.map(name).join(", ");
  const left = node.results.map(name).join(", ");
  const types = printTypes(node.results.map((r) => r.type));
  if (node.op === fused && node.body)
    return `${left} = fused ${anchorName(node.anchor ?? POINTWISE_ANCHOR)}(${operands}) {\n${printBody(node, node.body, name)}} : ${types}`;
  const attrs = Object.entries(node.op.attrs).flatMap(([key, spec]) => {
    const value = node.attrs[key];
    return value === undefined || (spec.default !== undefined && attrEquals(value, spec.default))
      ? []
      : [`${key}=${printAttr(value)}`];
  });
  return `${left} = ${node.op.name}(${[operands, ...attrs].filter((s) => s !== "").join(", ")}) : ${types}`;
}

/** A body calls its inputs by the operands' names, and its own values by names that no operand has. */
function printBody(node: Node, body: Graph, outer: (v: Value) => string): string {
  const names = new Map<Value, string>(
    body.inputs.map((input, i) => [input.value, outer(node.operands[i] ?? input.value)]),
  );
  const taken = new Set(names.values());
  const name = (v: Value): string => {
    if (isLiteral(v)) return v.name;
    const known = names.get(v);
    if (known !== undefined) return known;
    let free = v.name;
    for (let i = 0; taken.has(free); i++) free = `${v.name}.${i}`;
    taken.add(free);
    names.set(v, free);
    return free;
  };
  const lines = [...body.nodes.map((n) => indent(printNode(n, name))), `return ${body.results.map(name).join(", ")}`];
  return lines.map((line) => `  ${line}\n`).join("");
}
