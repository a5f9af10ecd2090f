// The epilogue of a region: one element of the anchor's result is followed through the nodes that read it, down to its
// stores. What only some elements go through stands in a block of its own.
import {
  at,
  CompileError,
  callMember,
  type Graph,
  type Node,
  printType,
  printTypes,
  readsInPlace,
  shapeEquals,
  type Value,
} from "../ir/index.ts";
import { indent } from "./indent.ts";
import type { ElementWriter } from "./wgsl-element.ts";
import { dimIndex, type Fragment, type Index, indexOf, rangeIndex } from "./wgsl-index.ts";

export interface Epilogue {
  /** The region, for messages, and its body. */
  readonly node: Node;
  readonly body: Graph;
  /** The value that the kernel hands over as `value`, and where its element lies. */
  readonly start: Value;
  readonly index: readonly Index[];
  /** The anchor, whose own node is no part of the epilogue. */
  readonly skip: Node | undefined;
  /** The statement that stores an element of `v`; undefined if `v` is not a result. */
  readonly store: (v: Value, expression: string, place: readonly Index[]) => string | undefined;
}

/** What a kernel calls the element that it hands over. */
const VALUE = "value";

/** The statements, in order. Throws a CompileError for a body that can't be computed from one element in hand. */
export function writeEpilogue(writer: ElementWriter, epilogue: Epilogue): string[] {
  const { node: region, body, start, index, skip, store } = epilogue;
  const root: Block = { guard: { text: "" }, lines: [] };
  const streams = new Map<Value, Stream>();
  const stored = new Set<Value>();
  const emit = (v: Value, { expression, index: place, block }: Stream) => {
    block.lines.push(...writer.lines.splice(0));
    const line = store(v, expression, place);
    if (line === undefined) return;
    block.lines.push(line);
    stored.add(v);
  };
  const follow = (v: Value, stream: Stream) => {
    streams.set(v, stream);
    writer.setStream(v, stream.expression, stream.index);
    emit(v, stream);
  };
  follow(start, { expression: VALUE, index, block: root });
  for (const node of body.nodes) {
    const source = node.operands.find((v) => streams.has(v));
    const stream = source && streams.get(source);
    if (!source || !stream || node === skip) continue;
    writer.enter(stream.block);
    const { writes } = node.op.traits;
    if (node.operands[writes?.operand ?? -1] !== source && readsInPlace(node, source)) {
      checkStreams(node, source, stream, streams);
      for (const result of node.results) {
        const next = { ...stream, expression: writer.compute(node, result, stream.index) };
        follow(result, next);
      }
      continue;
    }
    if (!writes || node.operands[writes.operand] !== source)
      throw new CompileError(
        `${node.op.name} ${at(node.results, 0).name}`,
        "stands in an epilogue, but neither works element by element nor moves elements",
      );
    const math = writer.placeMath(node);
    const types = node.operands.map((v) => v.type);
    const short = stream.index.map((i) => writer.short(i));
    stream.block.lines.push(...writer.lines.splice(0));
    const label = `${node.op.name} ${at(node.results, 0).name}`;
    const targets = callMember(label, "targets", () => writes.targets(short, math, { types, attrs: node.attrs }));
    stream.block.lines.push(...writer.lines.splice(0));
    for (const { result: i, at: place, when } of targets) {
      const result = node.results[i];
      if (!result || place.length !== result.type.shape.length)
        throw new CompileError(
          label,
          `its targets name ${place.length} axes of result ${i}, but its results are ${printTypes(node.results.map((r) => r.type))}`,
          "a place has an index for each axis",
        );
      const ranges = place.map((i, axis) => ({ i, lo: indexOf(0), hi: dimIndex(at(result.type.shape, axis)) }));
      const guards = ranges.filter(({ i }) => i.data).map(({ i, lo, hi }) => rangeIndex(i, lo, hi));
      if (when) guards.unshift(rangeIndex(when.place, dimIndex(when.lo), dimIndex(when.hi)));
      const block = guards.reduce(innerBlock, stream.block);
      follow(result, { expression: stream.expression, index: place, block });
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
  return printBlock(root, (guard) => writer.print.text(guard));
}

/** Whether `v` is one of those values or computed from one: an anchor with several results has a store function for each. */
function comesFrom(v: Value, sources: ReadonlySet<Value>, body: Graph): boolean {
  if (sources.size === 0 || sources.has(v)) return sources.has(v);
  const producer = body.nodes.find((n) => n.results.includes(v));
  return producer?.operands.some((o) => comesFrom(o, sources, body)) ?? false;
}

/** Statements, and inner blocks where they stand. */
interface Block {
  readonly guard: Fragment;
  readonly lines: (string | Block)[];
}

/** A value of an epilogue: what it is for the element at hand, where that element lies, and which block knows it. */
interface Stream {
  readonly expression: string;
  readonly index: readonly Index[];
  readonly block: Block;
}

function innerBlock(outer: Block, guard: Fragment): Block {
  const block: Block = { guard, lines: [] };
  outer.lines.push(block);
  return block;
}

/** A block without statements leaves no trace, nor does what its guard reads. */
const printBlock = ({ lines }: Block, print: (guard: Fragment) => string): string[] =>
  lines.flatMap((line) => {
    if (typeof line === "string") return [line];
    const inner = printBlock(line, print);
    return inner.length === 0 ? [] : [`if (${print(line.guard)}) {\n${indent(inner.join("\n"))}\n}`];
  });

/** An epilogue has one element in hand: every value that it combines must be at the same place. */
function checkStreams(node: Node, source: Value, stream: Stream, streams: ReadonlyMap<Value, Stream>): void {
  const result = at(node.results, 0);
  const place = `${node.op.name} ${result.name}`;
  if (!shapeEquals(result.type.shape, source.type.shape))
    throw new CompileError(
      place,
      `is ${printType(result.type)}, but ${source.name}, which the kernel makes element by element, is ${printType(source.type)}`,
    );
  const text = (s: Stream) => s.index.map((i) => i.text).join();
  const other = node.operands.find((v) => {
    const s = streams.get(v);
    return s !== undefined && (s.block !== stream.block || text(s) !== text(stream));
  });
  if (other)
    throw new CompileError(
      place,
      `combines ${source.name} and ${other.name}, which the kernel makes at different places`,
      "leave one of the two outside of the region",
    );
}
