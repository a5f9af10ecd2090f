// Text to graph: the inverse of `print`. Types may be left out; where they stand they are checked.
import type { Attr } from "./attr.ts";
import { makeNode } from "./builder.ts";
import { at } from "./errors.ts";
import { fusedNode } from "./fused.ts";
import { type Graph, type Input, INPUT_KINDS, type InputKind, type Node } from "./graph.ts";
import { type Lexer, lex } from "./lex.ts";
import type { Op } from "./op.ts";
import { OPS } from "./ops/index.ts";
import { literal, printTypes } from "./print-literal.ts";
import { addDims, affine, type Dim, DTYPES, type DType, scaleDim, type Sym, SYMBOLS, type TensorType, typeEquals } from "./type.ts";
import type { Value } from "./value.ts";

/** Reads one graph. `extra` are a user's own ops. Throws a CompileError with line and column. */
export function parseGraph(text: string, extra: readonly Op[] = []): Graph {
  const lexer = lex(text);
  const graph = new Parser(lexer, [...extra, ...OPS]).graph();
  lexer.end();
  return graph;
}

/** Reads a type, such as `f32[T, 1600]`. */
export function parseType(text: string): TensorType {
  const lexer = lex(text);
  const type = new Parser(lexer, []).type();
  lexer.end();
  return type;
}

const isSymbol = (word: string): word is Sym => (SYMBOLS as readonly string[]).includes(word);
const isKind = (word: string): word is InputKind => (INPUT_KINDS as readonly string[]).includes(word);

class Parser {
  readonly #lexer: Lexer;
  readonly #ops: ReadonlyMap<string, Op>;

  constructor(lexer: Lexer, ops: readonly Op[]) {
    this.#lexer = lexer;
    this.#ops = new Map(ops.toReversed().map((op) => [op.name, op]));
  }

  graph(): Graph {
    const l = this.#lexer;
    l.word("graph");
    const name = l.name();
    const scope = new Map<string, Value>();
    l.punct("(");
    const inputs = l.listUntil(")", () => this.#input(scope));
    l.punct("{");
    return { name, inputs, ...this.#block(scope) };
  }

  type(): TensorType {
    const l = this.#lexer;
    const word = l.name();
    const dtype = DTYPES.find((d): d is DType => d === word);
    if (!dtype) return l.fail(`${word} is no dtype`, `dtypes are ${DTYPES.join(", ")}`);
    l.punct("[");
    return { dtype, shape: l.listUntil("]", () => this.#dim()) };
  }

  #input(scope: Map<string, Value>): Input {
    const l = this.#lexer;
    const first = l.name();
    const [kind, name] = isKind(first) && !l.peek(":") ? [first, l.name()] : ["input" as const, first];
    l.punct(":");
    return { kind, value: this.#define(scope, name, this.type()) };
  }

  #define(scope: Map<string, Value>, name: string, type: TensorType): Value {
    if (scope.has(name)) return this.#lexer.fail(`two values are called ${name}`, "names are unique within a graph");
    const value: Value = { name, type };
    scope.set(name, value);
    return value;
  }

  #block(scope: Map<string, Value>): Pick<Graph, "nodes" | "results"> {
    const l = this.#lexer;
    const nodes: Node[] = [];
    while (!l.peek("return")) {
      const node = this.#node(scope);
      for (const r of node.results) {
        if (scope.has(r.name)) return l.fail(`two values are called ${r.name}`, "names are unique within a graph");
        scope.set(r.name, r);
      }
      nodes.push(node);
    }
    l.word("return");
    const results = l.listUntil("}", () => this.#operand(scope));
    return { nodes, results };
  }

  #node(scope: ReadonlyMap<string, Value>): Node {
    const l = this.#lexer;
    const names = [l.name()];
    while (l.take(",")) names.push(l.name());
    l.punct("=");
    const node = l.take("fused") ? this.#fused(scope, names) : this.#call(scope, names);
    if (l.take(":")) this.#checkTypes(node);
    return node;
  }

  #call(scope: ReadonlyMap<string, Value>, names: readonly string[]): Node {
    const l = this.#lexer;
    const opName = l.name();
    const op = this.#ops.get(opName);
    if (!op) return l.fail(`${opName} is no op`, "a user's own op is passed to parseGraph");
    l.punct("(");
    const operands: Value[] = [];
    const attrs: Record<string, Attr> = {};
    l.listUntil(")", () => {
      if (l.peek("=", 1)) {
        const key = l.name();
        l.punct("=");
        attrs[key] = this.#attr();
      } else operands.push(this.#operand(scope));
    });
    return l.locate(() => makeNode(op, operands, attrs, names));
  }

  #fused(scope: ReadonlyMap<string, Value>, names: readonly string[]): Node {
    const l = this.#lexer;
    const anchor = l.name();
    l.punct("(");
    const operands = l.listUntil(")", () => this.#operand(scope));
    l.punct("{");
    const inner = new Map<string, Value>();
    const inputs = operands.map((v): Input => ({ kind: "input", value: this.#define(inner, v.name, v.type) }));
    const body: Graph = { name: anchor, inputs, ...this.#block(inner) };
    if (body.results.length !== names.length) return l.fail(`${names.length} names, but the body returns ${body.results.length} values`);
    return fusedNode(anchor, operands, body, names);
  }

  #checkTypes(node: Node): void {
    const l = this.#lexer;
    const given = [this.type()];
    while (l.take(",")) given.push(this.type());
    const own = node.results.map((r) => r.type);
    if (given.length !== own.length || !given.every((t, i) => typeEquals(t, at(own, i))))
      l.fail(`${at(node.results, 0).name} is written as ${printTypes(given)}, but ${node.op.name} gives ${printTypes(own)}`);
  }

  #operand(scope: ReadonlyMap<string, Value>): Value {
    const l = this.#lexer;
    const number = l.takeNumber();
    if (number) return literal(number.value, number.dtype);
    const name = l.name();
    if (name === "true" || name === "false") return literal(name === "true" ? 1 : 0, "bool");
    return scope.get(name) ?? l.fail(`${name} is not defined here`, "a value must stand above the node that reads it");
  }

  #attr(): Attr {
    const l = this.#lexer;
    if (l.take("[")) return l.listUntil("]", () => this.#dim());
    const word = l.peekName();
    if (word === undefined || isSymbol(word)) return this.#dim();
    l.name();
    return word === "true" || word === "false" ? word === "true" : word;
  }

  #dim(): Dim {
    const l = this.#lexer;
    let sum: Dim = 0;
    do {
      const sign = l.take("-") ? -1 : 1;
      const number = l.takeNumber();
      const word = l.peekName();
      const symbol = word !== undefined && isSymbol(word) ? word : undefined;
      if (symbol === undefined && !number) return l.fail(`${word ?? "this"} is no dim`, `dims are numbers and sums of ${SYMBOLS.join(", ")}`);
      if (symbol !== undefined) l.name();
      sum = addDims(sum, symbol === undefined ? sign * (number?.value ?? 0) : scaleDim(affine(0, { [symbol]: 1 }), sign * (number?.value ?? 1)));
    } while (l.take("+") || l.peek("-") || l.peekNegative());
    return sum;
  }
}

