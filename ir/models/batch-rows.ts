// What the graphs of a batch begin and end with, for every family: rows of many sequences, where they stand and where their keys and
// values lie, and a draw of the next token for each.
import { DRAW_SETTINGS, suppressedWords } from "../../base/draw.ts";
import type { Attrs } from "../attr.ts";
import type { GraphBuilder } from "../builder.ts";
import { at } from "../errors.ts";
import { BATCH_BUFFERS, type BatchSpec, NEW_TOKENS } from "../family.ts";
import type { Op } from "../op.ts";
import {
  add,
  cacheUpdate,
  cacheWrite,
  gather,
  greaterEqual,
  mul,
  pageSlots,
  reshape,
  sampleTokens,
  select,
  slice,
} from "../ops/index.ts";
import { type Dim, type DType, tensorType } from "../type.ts";
import type { Value } from "../value.ts";

const T = NEW_TOKENS;

/** Rows of many sequences, T of them. */
export interface BatchRows {
  readonly spec: BatchSpec;
  /** i32[T]: the token of each row. */
  readonly tokens: Value;
  /** i32[T]: where each row stands in its sequence; below 0 it stands for nothing. */
  readonly positions: Value;
  /** i32[T]: which sequence each row is of. */
  readonly sequence: Value;
  /** i32[sequences, pages of one]: where the keys and values of each sequence lie; see `paged_attention`. */
  readonly pages: Value;
  /** i32[T]: the row of a pool of keys or values, [pages · pageSize, …], that each row's go to; see `cache_write`. */
  readonly slots: Value;
  /** i32[sequences, n_ctx + 1], i32[sequences · (n_ctx + 1)] and i32[rows]: the states that the draw goes on with, and each row's place among them. */
  readonly states: { readonly tokens: Value; readonly positions: Value; readonly places: Value; readonly room: number };
}

/** Makes a node under a name. */
const naming =
  (graph: GraphBuilder) =>
  (op: Op, operands: readonly (Value | number)[], name: string, attrs: Attrs = {}): Value =>
    at(graph.emit(op, operands, attrs, name), 0);

/** Declares the states of a batch of a model with a context of `n_ctx`, which are `BATCH_BUFFERS`, and finds its rows there. */
export function batchRows(graph: GraphBuilder, n_ctx: number, spec: BatchSpec): BatchRows {
  const { sequences, pageSize, rows } = spec;
  const op = naming(graph);
  const i32 = (name: string, shape: readonly Dim[]) => graph.input(name, tensorType("i32", shape), "state");
  const room = n_ctx + 1;
  const tokens = i32(BATCH_BUFFERS.tokens, [sequences * room]);
  const state = i32(BATCH_BUFFERS.positions, [rows]);
  const pages = i32(BATCH_BUFFERS.pages, [sequences, Math.ceil(n_ctx / pageSize)]);
  const own = (v: Value) => op(slice, [v], `${v.name}.rows`, { axis: 0, start: 0, length: T });
  const [positions, sequence] = [own(state), own(i32(BATCH_BUFFERS.sequence, [rows]))];
  const slots = op(pageSlots, [positions, sequence, pages], "slots", { page_size: pageSize });
  const first = op(mul, [sequence, graph.literal(room, "i32")], "tokens.first");
  const places = op(add, [first, positions], "tokens.place");
  const states = { tokens, positions: state, places, room };
  return { spec, tokens: op(gather, [tokens, places], "tokens.new"), positions, sequence, pages, slots, states };
}

/**
 * Draws a token for each row of `logits` f32[T, n_vocab], and appends it to the row's sequence: the states afterwards, which the graph is
 * to return. Declares the draw's inputs `settings` f32[T, 5], `seed` u32[T] and `suppressed` u32[T, ⌈n_vocab/32⌉]; see `sample_tokens`.
 * What is drawn depends on seed and position, not on what else is in the batch.
 */
export function drawTokens(graph: GraphBuilder, rows: BatchRows, logits: Value, n_vocab: number): readonly Value[] {
  const { spec, positions, sequence, states } = rows;
  const op = naming(graph);
  const one = graph.literal(1, "i32");
  const input = (name: string, dtype: DType, ...shape: readonly number[]) =>
    graph.input(name, tensorType(dtype, [T, ...shape]));
  const steps = op(add, [positions, one], "steps");
  const isRow = op(greaterEqual, [positions, graph.literal(0, "i32")], "is_row");
  const wanted = op(select, [isRow, steps, positions], "positions.next");
  const { settings, seed, suppressed } = BATCH_BUFFERS;
  const texts = op(reshape, [states.tokens], "tokens.by_sequence", { shape: [spec.sequences, states.room] });
  const drawn = op(
    sampleTokens,
    [
      logits,
      input(settings, "f32", DRAW_SETTINGS.length),
      input(seed, "u32"),
      input(suppressed, "u32", suppressedWords(n_vocab)),
      op(gather, [texts, sequence], "tokens.own"),
      wanted,
    ],
    "token",
  );
  const next = op(select, [isRow, op(add, [states.places, one], "tokens.after"), positions], "tokens.slot");
  return [
    op(cacheWrite, [states.tokens, drawn, next], "tokens.drawn"),
    op(cacheUpdate, [states.positions, wanted], "positions.advanced", { start: 0 }),
  ];
}
