import { own } from "../base/index.ts";
import {
  at,
  bindAttrs,
  bindType,
  CompileError,
  fusedNode,
  type Graph,
  graphSymbols,
  type Input,
  makeNode,
  type Node,
  POINTWISE_ANCHOR,
  type SymbolValues,
  type Value,
} from "../ir/index.ts";
import type { Pass } from "./pass.ts";

/** Replaces symbols by numbers: `T = 1` makes the decode step of a graph that is written for any number of tokens. */
export function bindSymbols(symbols: SymbolValues): Pass {
  for (const [s, n] of Object.entries(symbols))
    if (n === undefined || !Number.isInteger(n) || n < 0)
      throw new CompileError("bind-symbols", `${s} is ${n}`, "symbols are whole numbers");
  const text = Object.entries(symbols).map(([s, n]) => `${s}=${n}`);
  return {
    name: "bind-symbols",
    summary: `replace symbols by numbers: ${text.join(", ") || "none"}`,
    role: "required",
    run: (graph) => {
      for (const { name, least } of graphSymbols(graph))
        if ((own(symbols, name) ?? least) < least)
          throw new CompileError(
            "bind-symbols",
            `${name} is ${symbols[name]}`,
            `the graph's ${name} is ${least} or more`,
          );
      return text.length === 0 ? graph : bindGraph(graph, symbols);
    },
  };
}

function bindGraph(graph: Graph, symbols: SymbolValues): Graph {
  const bound = new Map<Value, Value>();
  const bind = (v: Value): Value => bound.get(v) ?? v;
  const inputs = graph.inputs.map((input): Input => {
    const { value } = input;
    const fresh: Value = { ...value, type: bindType(value.type, symbols) };
    bound.set(value, fresh);
    return { ...input, value: fresh };
  });
  const nodes = graph.nodes.map((node): Node => {
    const names = node.results.map((r) => r.name);
    const operands = node.operands.map(bind);
    const fresh = node.body
      ? fusedNode(node.anchor ?? POINTWISE_ANCHOR, operands, bindGraph(node.body, symbols), names)
      : makeNode(node.op, operands, bindAttrs(node.attrs, symbols), names);
    node.results.forEach((r, i) => {
      bound.set(r, at(fresh.results, i));
    });
    return fresh;
  });
  return { name: graph.name, inputs, nodes, results: graph.results.map(bind) };
}
