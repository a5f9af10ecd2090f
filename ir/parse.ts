// Text to graph: the inverse of `print`. Types may be left out; where they stand they are checked.
import { own } from "../base/own.ts";
import type { Attr, AttrKind } from "./attr.ts";
import { makeNode } from "./builder.ts";
import { at, CompileError } from "./errors.ts";
import { fusedNode } from "./fused.ts";
import { type Graph, INPUT_KINDS, type Input, type InputKind, type Node, POINTWISE_ANCHOR } from "./graph.ts";
import { type Lexer, lex } from "./lex.ts";
import type { Op, OpSet } from "./op.ts";
import { OPS } from "./ops/index.ts";
import { DimParser } from "./parse-dim.ts";
import { parseRecipe } from "./parse-recipe.ts";
import { literal, printTypes } from "./print-literal.ts";
import { DTYPES, type DType, type TensorType, typeEquals } from "./type.ts";
import { isLiteral, type Value } from "./value.ts";

/**
 * Reads one graph. It may name the ops given, a toolkit's for instance; wgpt's own when absent.
 * @throws CompileError with line and column; and for two ops of one name.
 */
export function parseGraph(text: string, { ops }: OpSet = { ops: OPS }): Graph {
  const lexer = lex(text);
  const graph = new Parser(lexer, ops).graph();
  lexer.end();
  return graph;
}

/**
 * Reads a file of graphs, one after the other: the entry points of a plan, for instance. Each declares symbols of its own.
 * @throws CompileError as `parseGraph` does, where there is none, and for two of one name.
 */
export function parseGraphs(text: string, { ops }: OpSet = { ops: OPS }): readonly Graph[] {
  const lexer = lex(text);
  const graphs: Graph[] = [];
  do {
    const { place } = lexer;
    const graph = new Parser(lexer, ops).graph();
    if (graphs.some((g) => g.name === graph.name))
      lexer.fail(`two graphs are called ${graph.name}`, "callers tell them apart by name", place);
    graphs.push(graph);
  } while (!lexer.atEnd);
  return graphs;
}

/**
 * Reads a type, such as `f32[T, 1600]`.
 * @throws CompileError with line and column.
 */
export function parseType(text: string): TensorType {
  const lexer = lex(text);
  const type = new Parser(lexer, []).type(true);
  lexer.end();
  return type;
}

const isKind = (word: string): word is InputKind => (INPUT_KINDS as readonly string[]).includes(word);

class Parser {
  readonly #lexer: Lexer;
  readonly #ops: ReadonlyMap<string, Op>;
  readonly #dims: DimParser;

  constructor(lexer: Lexer, ops: readonly Op[]) {
    this.#lexer = lexer;
    this.#dims = new DimParser(lexer);
    const byName = new Map<string, Op>();
    for (const op of ops) {
      if (byName.has(op.name))
        throw new CompileError(
          "parseGraph",
          `two ops are called ${op.name}`,
          "a graph's text tells ops by their names",
        );
      byName.set(op.name, op);
    }
    this.#ops = byName;
  }

  graph(): Graph {
    const l = this.#lexer;
    l.word("graph");
    const name = l.name();
    if (l.take("[")) l.listUntil("]", () => this.#dims.declare());
    const scope = new Map<string, Value>();
    l.punct("(");
    const inputs = l.listUntil(")", () => this.#input(scope));
    l.punct("{");
    return { name, inputs, ...this.#block(scope) };
  }

  /** A type; the symbols in it must be declared, unless it declares them itself. */
  type(declares = false): TensorType {
    const l = this.#lexer;
    const { place } = l;
    const word = l.name();
    const dtype = DTYPES.find((d): d is DType => d === word);
    if (!dtype) return l.fail(`${word} is no dtype`, `dtypes are ${DTYPES.join(", ")}`, place);
    l.punct("[");
    return { dtype, shape: l.listUntil("]", () => this.#dims.axis(declares)) };
  }

  #input(scope: Map<string, Value>): Input {
    const l = this.#lexer;
    const word = l.peekName() ?? "";
    const marked = isKind(word) && !l.peek(":", 1);
    if (marked) l.name();
    const name = this.#newName(scope);
    l.punct(":");
    const value: Value = { name, type: this.type(true) };
    scope.set(name, value);
    const input: Input = { kind: marked ? word : "input", value };
    return l.take("=") ? { ...input, recipe: parseRecipe(l, () => this.type()) } : input;
  }

  #newName(scope: ReadonlyMap<string, Value>, beside: readonly string[] = []): string {
    const l = this.#lexer;
    const { place } = l;
    const name = l.name();
    if (scope.has(name) || beside.includes(name))
      l.fail(`two values are called ${name}`, "names are unique within a graph", place);
    return name;
  }

  #block(scope: Map<string, Value>): Pick<Graph, "nodes" | "results"> {
    const l = this.#lexer;
    const nodes: Node[] = [];
    while (!l.peek("return")) {
      const node = this.#node(scope);
      for (const r of node.results) scope.set(r.name, r);
      nodes.push(node);
    }
    l.word("return");
    const results = l.listUntil("}", () => this.#operand(scope));
    return { nodes, results };
  }

  #node(scope: ReadonlyMap<string, Value>): Node {
    const l = this.#lexer;
    const names = [this.#newName(scope)];
    while (l.take(",")) names.push(this.#newName(scope, names));
    l.punct("=");
    const node = l.take("fused") ? this.#fused(scope, names) : this.#call(scope, names);
    if (l.take(":")) this.#checkTypes(node);
    return node;
  }

  #call(scope: ReadonlyMap<string, Value>, names: readonly string[]): Node {
    const l = this.#lexer;
    const { place } = l;
    const opName = l.name();
    const op = this.#op(opName, place);
    l.punct("(");
    const operands: Value[] = [];
    const attrs = new Map<string, Attr>();
    l.listUntil(")", () => {
      if (l.peek("=", 1)) {
        const here = l.place;
        const key = l.name();
        if (attrs.has(key)) l.fail(`attribute ${key} is given twice`, "once is enough", here);
        l.punct("=");
        attrs.set(key, this.#attr(own(op.attrs, key)?.kind));
      } else operands.push(this.#operand(scope));
    });
    return l.locate(() => makeNode(op, operands, Object.fromEntries(attrs), names));
  }

  /** The op of that name; `place` is where the text has it. */
  #op(name: string, place: number): Op {
    return (
      this.#ops.get(name) ??
      this.#lexer.fail(
        `${name} is no op`,
        "ops of your own come with a plugin (--plugin FILE), or as `{ ops: [...OPS, yourOp] }`",
        place,
      )
    );
  }

  #fused(scope: ReadonlyMap<string, Value>, names: readonly string[]): Node {
    const l = this.#lexer;
    const { place: word } = l;
    const name = l.name();
    const anchor = name === POINTWISE_ANCHOR ? name : this.#op(name, word);
    l.punct("(");
    const inner = new Map<string, Value>();
    const operands = l.listUntil(")", () => {
      const { place } = l;
      const v = this.#operand(scope);
      if (isLiteral(v))
        return l.fail(`the literal ${v.name} as an operand of a fused node`, "literals stand in the body", place);
      if (inner.has(v.name))
        return l.fail(`operand ${v.name} is given twice`, "the body reads it by its name, as often as it likes", place);
      inner.set(v.name, { name: v.name, type: v.type });
      return v;
    });
    l.punct("{");
    const inputs = [...inner.values()].map((value): Input => ({ kind: "input", value }));
    const end = l.place;
    const body: Graph = { name, inputs, ...l.nested(() => this.#block(inner)) };
    if (body.results.length !== names.length)
      return l.fail(
        `${names.length} names, but the body returns ${body.results.length} values`,
        "a name for each",
        end,
      );
    return fusedNode(anchor, operands, body, names);
  }

  #checkTypes(node: Node): void {
    const l = this.#lexer;
    const { place } = l;
    const given = [this.type()];
    while (l.take(",")) given.push(this.type());
    const own = node.results.map((r) => r.type);
    if (given.length !== own.length || !given.every((t, i) => typeEquals(t, at(own, i))))
      l.fail(
        `${at(node.results, 0).name} is written as ${printTypes(given)}, but ${node.op.name} gives ${printTypes(own)}`,
        "types may be left out",
        place,
      );
  }

  #operand(scope: ReadonlyMap<string, Value>): Value {
    const l = this.#lexer;
    const number = l.takeNumber();
    if (number) return literal(number.value, number.dtype);
    const { place } = l;
    const name = l.name();
    if (name === "true" || name === "false") return literal(name === "true" ? 1 : 0, "bool");
    return (
      scope.get(name) ?? l.fail(`${name} is not defined here`, "a value must stand above the node that reads it", place)
    );
  }

  #attr(kind: AttrKind | undefined): Attr {
    const l = this.#lexer;
    if (l.take("[")) return l.listUntil("]", () => this.#dims.dim());
    const word = l.peekName();
    if (word === undefined || kind === "dim" || (!isNamed(kind) && this.#dims.isSymbol(word))) return this.#dims.dim();
    l.name();
    return word === "true" || word === "false" ? word === "true" : word;
  }
}

/** Whether an attribute's value is a word, whatever the symbols are called. */
const isNamed = (kind: AttrKind | undefined): boolean => kind === "choice" || kind === "word" || kind === "bool";
