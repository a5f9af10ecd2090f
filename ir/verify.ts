// What every graph must satisfy, before and after every pass. Each invariant has a number, one message and a test.
import { own } from "../base/own.ts";
import { printRecipe, recipeProblem, recipeTensors, recipeType } from "../base/recipe.ts";
import { checkOperandCount, completeAttrs, inferTypes } from "./builder.ts";
import { at, CompileError, WgptError } from "./errors.ts";
import { fused } from "./fused.ts";
import { type Graph, type Input, indexGraph, type Node, POINTWISE_ANCHOR } from "./graph.ts";
import { printTypes } from "./print-literal.ts";
import { mentionedSymbols } from "./symbols.ts";
import { DTYPES, printType, SYMBOL_NAME, type Sym, typeEquals } from "./type.ts";
import { isLiteral, type Value } from "./value.ts";

const NAME = /^[A-Za-z_][\w.]*$/;

/** Words that the text form reads as something else. */
const KEPT = /^(?:return|true|false|(?:inf|nan)h?)$/;
/** What a symbol can't be called. */
export const isKeptWord = (name: string): boolean => KEPT.test(name) || (DTYPES as readonly string[]).includes(name);

/** The invariants, by number. */
export const INVARIANTS = {
  V1: "names are words, and unique within a graph",
  V2: "an operand is an input, an earlier result or a literal",
  V3: "a node has as many operands as its op takes",
  V4: "attributes are the op's own, and of the right kind",
  V5: "a result has the type that its op infers",
  V6: "a graph returns values that it defines",
  V7: "a fused body's inputs stand for the operands, one to one and of the same type",
  V8: "a fused body holds its anchor once, and else only ops that move elements or work element by element",
  V9: "a fused body holds no fused node",
  V10: "what is updated in place is read by nothing afterwards",
  V11: "a weight's recipe takes what its tensors have, and gives the weight's type",
  V12: "symbols are words, and each has one least value",
} as const;

/**
 * Checks the invariants of `INVARIANTS`.
 * @throws CompileError for the first that does not hold.
 */
export function verify(graph: Graph): void {
  const defined = new Set<Value>();
  const names = new Set<string>();
  const define = (v: Value, where: string) => {
    if (!NAME.test(v.name))
      fail("V1", where, `${JSON.stringify(v.name)} is no name`, "names match [A-Za-z_][A-Za-z0-9_.]*");
    if (KEPT.test(v.name)) fail("V1", where, `${v.name} is no name`, "the text form keeps this word for itself");
    if (names.has(v.name)) fail("V1", where, `two values are called ${v.name}`);
    names.add(v.name);
    defined.add(v);
  };
  if (!NAME.test(graph.name)) fail("V1", `graph ${graph.name}`, `${JSON.stringify(graph.name)} is no name`);
  verifySymbols(graph);
  for (const input of graph.inputs) {
    define(input.value, `graph ${graph.name}`);
    verifyRecipe(input);
  }
  for (const node of graph.nodes) {
    const place = placeOf(node);
    for (const v of node.operands)
      if (!isLiteral(v) && !defined.has(v))
        fail("V2", place, `reads ${v.name}, which is not defined before it`, "nodes stand in topological order");
    if (node.results.length === 0) fail("V5", place, "has no result");
    if (node.body) verifyBody(node, node.body, place);
    else verifyCall(node, place);
    for (const r of node.results) define(r, place);
  }
  for (const v of graph.results)
    if (!defined.has(v)) fail("V6", `graph ${graph.name}`, `returns ${v.name}, which it does not define`);
  verifyUpdates(graph);
}

function fail(
  invariant: keyof typeof INVARIANTS,
  place: string,
  facts: string,
  hint: string = INVARIANTS[invariant],
): never {
  throw new CompileError(place, `${facts} [${invariant}]`, hint);
}

const placeOf = (node: Node): string => `${node.op.name} ${node.results[0]?.name ?? ""}`.trim();

function restate(invariant: keyof typeof INVARIANTS, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof WgptError) fail(invariant, error.place, error.facts, error.hint);
    throw error;
  }
}

function verifySymbols(graph: Graph): void {
  const known = new Map<string, Sym>();
  for (const s of mentionedSymbols(graph)) {
    const place = `graph ${graph.name}`;
    if (!SYMBOL_NAME.test(s.name))
      fail("V12", place, `${JSON.stringify(s.name)} is no symbol`, "symbols match [A-Za-z][A-Za-z0-9_]*");
    if (isKeptWord(s.name)) fail("V12", place, `${s.name} is no symbol`, "the text form keeps this word for itself");
    const { least } = known.get(s.name) ?? s;
    if (least !== s.least)
      fail("V12", place, `the symbol ${s.name} is at least ${least} here, and at least ${s.least} there`);
    known.set(s.name, s);
  }
}

/** Defaults are filled in when a node is made: whoever reads an attribute later finds it there. */
function verifyAttrs({ op, attrs }: Node, place: string): void {
  restate("V4", () => completeAttrs(op, attrs, place));
  const missing = Object.keys(op.attrs).find((key) => own(attrs, key) === undefined);
  if (missing !== undefined) fail("V4", place, `attribute ${missing} is missing`, "`makeNode` fills defaults in");
}

function verifyRecipe({ kind, value, recipe }: Input): void {
  if (!recipe) return;
  const place = `${kind} ${value.name}`;
  if (kind !== "weight")
    fail("V11", place, `has the recipe ${printRecipe(recipe)}`, "only a weight is made of tensors");
  for (const { name } of recipeTensors(recipe))
    if (!NAME.test(name))
      fail("V11", place, `${JSON.stringify(name)} is no name`, "names match [A-Za-z_][A-Za-z0-9_.]*");
  const problem = recipeProblem(recipe);
  if (problem !== undefined) fail("V11", place, problem);
  const made = recipeType(recipe);
  if (!typeEquals(made, value.type))
    fail("V11", place, `is ${printType(value.type)}, but ${printRecipe(recipe)} is ${printType(made)}`);
}

/** Calls that were found sound. What is said of one depends on the node alone, which never changes, and passes keep most nodes. */
const sound = new WeakSet<Node>();

function verifyCall(node: Node, place: string): void {
  if (sound.has(node)) return;
  if (node.op === fused) fail("V7", place, "is a fused node without a body");
  restate("V3", () => checkOperandCount(node.op, node.operands.length, place));
  verifyAttrs(node, place);
  const own = node.results.map((r) => r.type);
  restate("V5", () => {
    const types = inferTypes(node.op, node.operands, node.attrs, place);
    if (types.length !== own.length || !types.every((t, i) => typeEquals(t, at(own, i))))
      throw new CompileError(place, `is ${printTypes(own)}, but ${node.op.name} gives ${printTypes(types)}`);
  });
  sound.add(node);
}

function verifyBody(node: Node, body: Graph, place: string): void {
  if (node.op !== fused) fail("V7", place, `has a body, but ${node.op.name} is no fused node`);
  verifyAttrs(node, place);
  if (body.inputs.length !== node.operands.length)
    fail("V7", place, `has ${node.operands.length} operands, but its body has ${body.inputs.length} inputs`);
  body.inputs.forEach(({ value }, i) => {
    const operand = at(node.operands, i);
    if (isLiteral(operand))
      fail("V7", place, `operand ${i} is the literal ${operand.name}`, "literals stand in the body");
    if (node.operands.indexOf(operand) < i) fail("V7", place, `operand ${operand.name} is given twice`);
    if (!typeEquals(value.type, operand.type))
      fail(
        "V7",
        place,
        `operand ${operand.name} is ${printType(operand.type)}, but the body takes ${printType(value.type)}`,
      );
  });
  const own = node.results.map((r) => r.type);
  if (own.length !== body.results.length || !body.results.every((r, i) => typeEquals(r.type, at(own, i))))
    fail("V5", place, `is ${printTypes(own)}, but its body returns ${printTypes(body.results.map((r) => r.type))}`);
  for (const inner of body.nodes)
    if (inner.op === fused) fail("V9", place, `its body holds the fused node ${at(inner.results, 0).name}`);
  verifyAnchor(node, body, place);
  const strange = body.nodes.find((n) => n.op !== node.anchor && !isMember(n));
  if (strange) fail("V8", place, `its body holds ${strange.op.name}, which works on more than one element`);
  verify(body);
}

/** The anchor is an op, not its name: what bears the name and is another op is no anchor. */
function verifyAnchor({ anchor }: Node, body: Graph, place: string): void {
  if (anchor === POINTWISE_ANCHOR) return;
  if (anchor === undefined) fail("V8", place, "names no anchor", "its anchor is an op, or the word pointwise");
  if (typeof anchor === "string")
    fail("V8", place, `has the anchor ${JSON.stringify(anchor)}, which is a word`, "give the op itself");
  const anchors = body.nodes.filter((n) => n.op === anchor);
  if (anchors.length === 1) return;
  const facts =
    anchors.length === 0 && body.nodes.some((n) => n.op.name === anchor.name)
      ? `its anchor is ${anchor.name}, but its body holds another op of that name`
      : `its body has ${anchors.length} ${anchor.name} nodes, but a region has one anchor`;
  fail("V8", place, facts);
}

/** Ops that a region may hold besides its anchor; a normalisation may stand in a prologue, where kernels take it as a whole. */
const isMember = ({ op: { traits } }: Node): boolean =>
  traits.element !== undefined || traits.writes !== undefined || traits.normalizes !== undefined;

/** Whoever reads the old value must stand before the node that overwrites it. */
function verifyUpdates(graph: Graph): void {
  const index = indexGraph(graph);
  const place = new Map(graph.nodes.map((n, i) => [n, i]));
  for (const node of graph.nodes) {
    for (const old of updatedOperands(node)) {
      const late = index.users(old).find((user) => user !== node && (place.get(user) ?? 0) > (place.get(node) ?? 0));
      if (late)
        fail("V10", placeOf(node), `overwrites ${old.name}, which ${at(late.results, 0).name} reads afterwards`);
      if (index.isResult(old)) fail("V10", placeOf(node), `overwrites ${old.name}, which the graph returns`);
    }
  }
}

/** A graph's states, and what its nodes make of them by writing to their buffers. */
export function updatedStates({ inputs, nodes }: Graph): ReadonlySet<Value> {
  const states = new Set(inputs.filter((i) => i.kind === "state").map((i) => i.value));
  for (const node of nodes) for (const [old, fresh] of updatesOf(node)) if (states.has(old)) states.add(fresh);
  return states;
}

/** The operands whose buffers a node writes to, and the results that lie there then. */
function updatesOf({ op, operands, results, body }: Node): readonly (readonly [Value, Value])[] {
  if (!body) return op.traits.updatesFirstOperand ? [[at(operands, 0), at(results, 0)]] : [];
  const origins = new Map<Value, Value>();
  body.inputs.forEach(({ value }, i) => void origins.set(value, at(operands, i)));
  const inputs = new Set(origins.keys());
  for (const [old, fresh] of body.nodes.flatMap(updatesOf)) {
    const origin = origins.get(old);
    if (origin) origins.set(fresh, origin);
  }
  return body.results.flatMap((r, i) => {
    const origin = inputs.has(r) ? undefined : origins.get(r);
    return origin ? [[origin, at(results, i)] as const] : [];
  });
}

/** The operands whose buffers a node writes to. */
export function updatedOperands(node: Node): readonly Value[] {
  if (!node.body) return node.op.traits.updatesFirstOperand ? node.operands.slice(0, 1) : [];
  const { inputs, nodes } = node.body;
  const inner = new Set(nodes.flatMap(updatedOperands));
  return node.operands.filter((_, i) => inner.has(at(inputs, i).value));
}
