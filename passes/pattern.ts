// Small trees to hold against a value: an op with operand patterns, a literal, a name to remember or to compare with.
import {
  type Attrs,
  type GraphIndex,
  isFloat,
  isLiteral,
  type Node,
  type Op,
  resolveAxis,
  type Value,
} from "../ir/index.ts";
import { nearly } from "./algebra.ts";
import { type Match, type Predicate, predicate } from "./rule.ts";

/**
 * A string captures a value, or must be the value captured before under that name. A number is a literal of nearly that
 * value. `literal` captures any literal's number.
 */
export type Pattern =
  | string
  | number
  | OpPattern
  | { readonly either: readonly Pattern[] }
  | { readonly literal: string };

/** An op, what its operands have to match, and what else has to hold. */
export interface OpPattern {
  readonly op: Op;
  readonly operands: readonly Pattern[];
  /** Whether attributes and node pass too. */
  readonly when?: (attrs: Attrs, node: Node) => boolean;
}

/** An op with operands; a commutative op's two operands match in both orders. */
export const on = (op: Op, ...operands: readonly Pattern[]): OpPattern => ({ op, operands });
/** The same, where the attributes also have to pass. */
export const onWhere = (op: Op, when: NonNullable<OpPattern["when"]>, ...operands: readonly Pattern[]): OpPattern => ({
  op,
  operands,
  when,
});
/** Any of several patterns. */
export const either = (...patterns: readonly Pattern[]): Pattern => ({ either: patterns });
/** Any literal, whose number is captured under that name. */
export const literalOf = (name: string): Pattern => ({ literal: name });

/** A reduction of the last axis that keeps it with length 1. */
export const overLastAxis: NonNullable<OpPattern["when"]> = (attrs, node) => {
  const rank = node.operands[0]?.type.shape.length ?? 0;
  return resolveAxis(Number(attrs["axis"]), rank) === rank - 1 && attrs["keepdims"] === true;
};

/** What names stand for so far. */
export type Captures = ReadonlyMap<string, Value | number>;

/** Every way in which `value` matches, as captures. */
export function matches(index: GraphIndex, value: Value, pattern: Pattern, known: Captures): readonly Captures[] {
  if (typeof pattern === "string") {
    const before = known.get(pattern);
    if (before === undefined) return [new Map([...known, [pattern, value]])];
    return before === value ? [known] : [];
  }
  if (typeof pattern === "number") return isLiteral(value) && nearly(value.literal, pattern) ? [known] : [];
  if ("either" in pattern) return pattern.either.flatMap((p) => matches(index, value, p, known));
  if ("literal" in pattern) return isLiteral(value) ? [new Map([...known, [pattern.literal, value.literal]])] : [];
  const node = index.producer(value);
  if (
    node?.op !== pattern.op ||
    node.operands.length !== pattern.operands.length ||
    pattern.when?.(node.attrs, node) === false
  )
    return [];
  const orders = pattern.op.traits.commutative ? [node.operands, node.operands.toReversed()] : [node.operands];
  return orders.flatMap((operands) =>
    operands.reduce<readonly Captures[]>(
      (found, v, i) => found.flatMap((c) => matches(index, v, pattern.operands[i] ?? "", c)),
      [known],
    ),
  );
}

/** A predicate that holds a captured value (or `site`, or its operand, as `site.0`) against a pattern and keeps what it captures. */
export function has(
  name: string,
  subject: string,
  pattern: Pattern,
  wanted: string,
  captured: readonly string[] = [],
): Predicate {
  return predicate(name, (m) => {
    const value = subjectOf(m, subject);
    if (!value) return `${m.site.name} has no operand ${subject}`;
    const known = new Map<string, Value>(captured.map((c) => [c, m.value(c)]));
    const [found] = matches(m.index, value, pattern, known);
    if (!found) return `${value.name} is ${describe(m.index, value)}, not ${wanted}`;
    for (const [key, v] of found) m.set(key, v);
    return true;
  });
}

function subjectOf(m: Match, subject: string): Value | undefined {
  return subject.startsWith("site.") ? m.node.operands[Number(subject.slice(5))] : m.value(subject);
}

/** How a value is made, for a report. */
export function describe(index: GraphIndex, v: Value): string {
  if (isLiteral(v)) return `the literal ${v.name}`;
  const node = index.producer(v);
  return node ? `${node.op.name}(${node.operands.map((o) => o.name).join(", ")})` : "an input";
}

/** Who reads a value, for a report: `x is read by y, z and returned by the graph`. */
export function describeReaders(index: GraphIndex, v: Value): string {
  const readers = index.users(v).map((u) => u.results[0]?.name ?? u.op.name);
  const said = [
    ...(readers.length > 0 ? [`read by ${readers.join(", ")}`] : []),
    ...(index.isResult(v) ? ["returned by the graph"] : []),
  ];
  return `${v.name} is ${said.join(" and ") || "read by nothing"}`;
}

/** The nodes that `root` needs beyond `leaves`, `root`'s own included, in no particular order. */
export function interior(index: GraphIndex, root: Value, leaves: readonly Value[]): Set<Node> {
  const nodes = new Set<Node>();
  const visit = (v: Value): void => {
    const node = leaves.includes(v) ? undefined : index.producer(v);
    if (!node || nodes.has(node)) return;
    nodes.add(node);
    node.operands.forEach(visit);
  };
  visit(root);
  return nodes;
}

/** Says that everything between `root` and `leaves` is read by nothing else; otherwise fusing would compute it twice. */
export function isPrivate(root: string, leaves: readonly string[]): Predicate {
  return predicate("intermediates-are-private", (m) => {
    const top = m.value(root);
    const inside = interior(
      m.index,
      top,
      leaves.map((l) => m.value(l)),
    );
    for (const node of inside)
      for (const v of node.results) {
        if (v === top) continue;
        // Coordinates and masks are no work of the formula's, whether constant or data: others may share them, and they cost little to leave.
        if (isConstant(m.index, v) || !isFloat(v.type.dtype)) continue;
        const reader = m.index.users(v).find((u) => !inside.has(u));
        if (reader) return `${v.name} is also read by ${reader.results[0]?.name ?? reader.op.name}`;
        if (m.index.isResult(v)) return `${v.name} is also returned by the graph`;
      }
    return true;
  });
}

/** Whether a value depends on no input of the graph. */
export function isConstant(index: GraphIndex, v: Value): boolean {
  if (isLiteral(v)) return true;
  return index.producer(v)?.operands.every((o) => isConstant(index, o)) ?? false;
}

/** `start` and what is computed from it in less than `limit` steps, nearest first. `isPrivate` asks who else reads them. */
export function* climb(index: GraphIndex, start: Value, limit = 6): Generator<Value> {
  let front = new Set([start]);
  for (let i = 0; i < limit; i++) {
    yield* front;
    front = new Set([...front].flatMap((v) => index.users(v)).flatMap((user) => user.results));
  }
}
