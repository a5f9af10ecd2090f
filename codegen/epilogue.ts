// The epilogue of a region: elements of the anchor's result, one or a few neighbours, are followed through the nodes that read them,
// down to their stores. What only some elements go through stands in a block of its own.
import {
  at,
  CompileError,
  callMember,
  type Dim,
  type Graph,
  type Node,
  printType,
  printTypes,
  readsInPlace,
  shapeEquals,
  type Value,
} from "../ir/index.ts";
import { indent } from "./indent.ts";
import type { StoredElement } from "./result-stores.ts";
import type { ElementWriter, InHand } from "./wgsl-element.ts";
import { dimIndex, type Fragment, type Index, indexOf, isWithin, placed, rangeIndex } from "./wgsl-index.ts";

export interface Epilogue {
  /** The region, for messages, and its body. */
  readonly node: Node;
  readonly body: Graph;
  /** The value of which the kernel hands over elements. */
  readonly start: Value;
  /** Those, and where each of them lies. */
  readonly given: readonly InHand[];
  /** The anchor, whose own node is no part of the epilogue. */
  readonly skip: Node | undefined;
  /** The statement that stores an element of `v`, with others that came before it; undefined if `v` is not a result, or more are to come. */
  readonly store: (v: Value, element: StoredElement) => string | undefined;
  /** Hears which elements go through the block under a guard's text, where that is known. */
  readonly onGuard?: (text: string, share: ElementShare) => void;
}

/** The elements whose place along an axis lies from `lo` on and before `hi`, of the `of` that there are. */
export interface ElementShare {
  readonly lo: Dim;
  readonly hi: Dim;
  readonly of: Dim;
}

/** The statements, in order. Throws a CompileError for a body that can't be computed from the elements in hand. */
export function writeEpilogue(writer: ElementWriter, epilogue: Epilogue): string[] {
  const { node: region, body, start, given, skip, store, onGuard = () => undefined } = epilogue;
  const root: Block = { guard: { text: "" }, lines: [] };
  const streams = new Map<Value, readonly Stream[]>();
  const stored = new Set<Value>();
  const emit = (v: Value, stream: Stream) => {
    const { block } = stream;
    block.lines.push(...writer.lines.splice(0));
    const line = store(v, stream);
    if (line === undefined) return;
    block.lines.push(line);
    stored.add(v);
  };
  const follow = (v: Value, stream: Stream) => {
    streams.set(v, [...(streams.get(v) ?? []), stream]);
    writer.addStream(v, stream);
    emit(v, stream);
  };
  for (const element of given) follow(start, { ...element, block: root });
  for (const node of body.nodes) {
    const source = node.operands.find((v) => streams.has(v));
    if (!source || node === skip) continue;
    if (!moved(node, source) && readsInPlace(node, source)) {
      for (const stream of streams.get(source) ?? []) {
        writer.enter(stream.block);
        checkStreams(node, source, stream, streams);
        for (const result of node.results)
          follow(result, { ...stream, expression: writer.compute(node, result, stream.place) });
      }
      continue;
    }
    const outside = node.op.traits.writes?.operand === "each" ? node.operands.find((v) => !streams.has(v)) : undefined;
    if (outside || !moved(node, source))
      throw new CompileError(
        `${node.op.name} ${at(node.results, 0).name}`,
        outside
          ? `joins ${source.name}, which its kernel makes, and ${outside.name}, which it does not`
          : "stands in an epilogue, but neither works element by element nor moves elements",
      );
    // All places are named before a block is opened, in which neighbours may meet.
    const targets = node.operands.flatMap((v, operand) =>
      moved(node, v, operand)
        ? (streams.get(v) ?? []).flatMap((stream) =>
            targetsOf(writer, node, operand, stream).map((target) => ({ ...target, stream })),
          )
        : [],
    );
    const blocks = new Map<Block, Block[]>();
    for (const { result, place, guards, stream } of targets) {
      const block = guards.reduce((outer, guard) => innerBlock(outer, guard, blocks), stream.block);
      follow(result, { expression: stream.expression, place, block });
    }
  }
  const others = new Set(skip?.results.filter((r) => r !== start));
  const left = body.results.find((r) => !stored.has(r) && !comesFrom(r, others, body));
  if (left)
    throw new CompileError(
      `fused ${at(region.results, 0).name}`,
      `returns ${left.name}, which is not computed from ${start.name} element by element`,
      "a region returns its anchor's result, and what its epilogue makes of that",
    );
  return printBlock(root, (guard) => {
    const text = writer.print.text(guard);
    if (guard.share) onGuard(text, guard.share);
    return text;
  });
}

/** Whether `v` is one of those values or computed from one: an anchor with several results has a store function for each. */
function comesFrom(v: Value, sources: ReadonlySet<Value>, body: Graph): boolean {
  if (sources.size === 0 || sources.has(v)) return sources.has(v);
  const producer = body.nodes.find((n) => n.results.includes(v));
  return producer?.operands.some((o) => comesFrom(o, sources, body)) ?? false;
}

/** Whether the node moves the elements of `v`, as that operand or any. */
function moved({ op: { traits }, operands }: Node, v: Value, operand = operands.indexOf(v)): boolean {
  const { writes } = traits;
  return (
    writes !== undefined && (writes.operand === "each" || operands[writes.operand] === v) && operands[operand] === v
  );
}

/** Where an element goes, and what has to hold for it to go there. */
interface Guarded {
  readonly result: Value;
  readonly place: readonly Index[];
  readonly guards: readonly Guard[];
}

/** A condition, and which elements it lets through where that is known. */
interface Guard extends Fragment {
  readonly share?: ElementShare;
}

function targetsOf(
  writer: ElementWriter,
  node: Node,
  operand: number,
  { place: from, block }: Stream,
): readonly Guarded[] {
  writer.enter(block);
  const math = writer.placeMath(node);
  const types = node.operands.map((v) => v.type);
  const short = from.map((i) => writer.short(i));
  block.lines.push(...writer.lines.splice(0));
  const label = `${node.op.name} ${at(node.results, 0).name}`;
  const { writes } = node.op.traits;
  const context = { types, attrs: node.attrs, operand };
  const targets = callMember(label, "targets", () => writes?.targets(short, math, context)) ?? [];
  block.lines.push(...writer.lines.splice(0));
  return targets.flatMap(({ result: i, at: place, when }) => {
    const result = node.results[i];
    if (!result || place.length !== result.type.shape.length)
      throw new CompileError(
        label,
        `its targets name ${place.length} axes of result ${i}, but its results are ${printTypes(node.results.map((r) => r.type))}`,
        "a place has an index for each axis",
      );
    const ranges = place.map((i, axis) => ({ i, lo: indexOf(0), hi: dimIndex(at(result.type.shape, axis)) }));
    const guards: Guard[] = ranges.filter(({ i }) => i.data).map(({ i, lo, hi }) => rangeIndex(i, lo, hi));
    const [lo, hi] = [dimIndex(when?.lo ?? 0), dimIndex(when?.hi ?? 0)];
    const within = when ? isWithin(when.place, lo, hi) : true;
    if (within === false) return [];
    const axis = short.findIndex((i) => i.text === when?.place.text);
    const share = when && axis >= 0 && { lo: when.lo, hi: when.hi, of: at(at(types, operand).shape, axis) };
    if (when && within === undefined) guards.unshift({ ...rangeIndex(when.place, lo, hi), ...(share && { share }) });
    return { result, place: place.map(placed), guards };
  });
}

/** Statements, and inner blocks where they stand. */
interface Block {
  readonly guard: Guard;
  readonly lines: (string | Block)[];
}

/** A value of an epilogue: what it is for an element at hand, where that lies, and which block knows it. */
interface Stream extends InHand {
  readonly block: Block;
}

/** One block for all neighbours that go the same way under the same guard; `blocks` are those of the node at hand. */
function innerBlock(outer: Block, guard: Guard, blocks: Map<Block, Block[]>): Block {
  const inner = blocks.get(outer) ?? [];
  const known = inner.find((b) => b.guard.text === guard.text);
  if (known) return known;
  const block: Block = { guard, lines: [] };
  outer.lines.push(block);
  blocks.set(outer, [...inner, block]);
  return block;
}

/** A block without statements leaves no trace, nor does what its guard reads. */
const printBlock = ({ lines }: Block, print: (guard: Guard) => string): string[] =>
  lines.flatMap((line) => {
    if (typeof line === "string") return [line];
    const inner = printBlock(line, print);
    return inner.length === 0 ? [] : [`if (${print(line.guard)}) {\n${indent(inner.join("\n"))}\n}`];
  });

/** Every value that a node combines must be in hand at the same place. */
function checkStreams(node: Node, source: Value, stream: Stream, streams: ReadonlyMap<Value, readonly Stream[]>): void {
  const result = at(node.results, 0);
  const place = `${node.op.name} ${result.name}`;
  if (!shapeEquals(result.type.shape, source.type.shape))
    throw new CompileError(
      place,
      `is ${printType(result.type)}, but ${source.name}, which the kernel makes element by element, is ${printType(source.type)}`,
    );
  const text = (s: Stream) => s.place.map((i) => i.text).join();
  const isHere = (s: Stream) => s.block === stream.block && text(s) === text(stream);
  const other = node.operands.find((v) => streams.get(v)?.some(isHere) === false);
  if (other)
    throw new CompileError(
      place,
      `combines ${source.name} and ${other.name}, which the kernel makes at different places`,
      "leave one of the two outside of the region",
    );
}
