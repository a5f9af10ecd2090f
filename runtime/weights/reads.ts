// How weights are cut into reads of bounded size, and where the elements of each read go.
import { ITEM_SIZE } from "../../base/dtype.ts";
import { type PlanWeight, recipeOf } from "../../base/plan.ts";
import { fileError } from "../errors.ts";
import { isOrdered, otherThanFloat, type Piece, piecesOf } from "./pieces.ts";
import type { StoredTensor } from "./source.ts";

/**
 * Bytes of a read at most: so few that they are still in the processor's cache when they are handed on. With four times as
 * many, loading took half as long again.
 */
export const CHUNK_BYTES = 1024 * 1024;
/** Bytes of the band in which elements are put into another order, as f32. */
export const BAND_BYTES = 32 * 1024 * 1024;

/** Elements that lie on end in the tensor, and equally far apart in the weight. */
export interface Segment {
  /** In elements of the read, and of the band. */
  readonly source: number;
  readonly target: number;
  readonly length: number;
  readonly stride: number;
}

/** A range of a weight that is put together from reads, and then written from front to back. In elements. */
export interface Band {
  readonly weight: PlanWeight;
  readonly start: number;
  readonly length: number;
}

/** One read of the source, and where its elements go. */
export interface Read {
  readonly band: Band;
  readonly stored: StoredTensor;
  /** In bytes of the stored tensor. */
  readonly offset: number;
  readonly length: number;
  readonly segments: readonly Segment[];
  /** Whether values are rounded to f16 on the way. */
  readonly halves: boolean;
  /** The read is the whole band, in its order. */
  readonly whole: boolean;
  /** No other read of the band comes after it. */
  readonly last: boolean;
}

/**
 * The reads of a weight, band by band. Where the recipe keeps the order of elements, a band is what one read of 1 MiB gives, and
 * every byte is read once (but for what lies between the columns of a slice). Where it does not, as a transpose, a band is 32
 * MiB, and the source is read once for each band that it has elements in. `storedOf` finds a tensor by the recipe's name.
 * Bands have even lengths, so that f16 data stays aligned to four bytes; but for the last one.
 * @throws RuntimeError when the recipe makes anything but floats.
 */
export function* readsOf(weight: PlanWeight, storedOf: (tensor: string) => StoredTensor): Generator<Read> {
  const other = otherThanFloat(recipeOf(weight));
  if (other) throw fileError(weight.name, `is made as ${other}, but a checkpoint's tensors become f32 or f16`);
  const pieces = piecesOf(weight);
  const elements = weight.shape.reduce((n, d) => n * d, 1);
  const widest = Math.max(1, ...pieces.map((p) => ITEM_SIZE[storedOf(p.tensor).dtype]));
  const step = pieces.every(isOrdered) ? CHUNK_BYTES / widest : BAND_BYTES / 4;
  for (let start = 0; start < elements; start += step) {
    const band: Band = { weight, start, length: Math.min(step, elements - start) };
    // One is held back, for only then is it known whether it is the last.
    let held: Omit<Read, "last"> | undefined;
    for (const piece of pieces)
      for (const read of readsOfPiece(piece, band, storedOf(piece.tensor))) {
        if (held) yield { ...held, last: false };
        held = read;
      }
    if (held) yield { ...held, last: true };
  }
}

/** Bytes of host memory in which a weight is put into another order: a band, or less; none where it keeps its order. */
export const bandBytes = (weight: PlanWeight): number =>
  piecesOf(weight).every(isOrdered)
    ? 0
    : Math.min(
        BAND_BYTES,
        weight.shape.reduce((n, d) => n * d, 4),
      );

/** Reads of at most CHUNK_BYTES, each of as many segments as lie within. */
function* readsOfPiece(piece: Piece, band: Band, stored: StoredTensor): Generator<Omit<Read, "last">> {
  const item = ITEM_SIZE[stored.dtype];
  const most = CHUNK_BYTES / item;
  let open: Segment[] = [];
  let [first, end] = [0, 0];
  const made = (): Omit<Read, "last"> => {
    const segments = open.map((s) => ({ ...s, source: s.source - first }));
    const [only] = segments;
    const whole = segments.length === 1 && only?.length === band.length && only.stride === 1;
    const { halves } = piece;
    return { band, stored, offset: first * item, length: (end - first) * item, segments, halves, whole };
  };
  for (const segment of segmentsOf(piece, band, most)) {
    if (open.length > 0 && segment.source + segment.length - first > most) {
      yield made();
      open = [];
    }
    if (open.length === 0) first = segment.source;
    open.push(segment);
    end = segment.source + segment.length;
  }
  if (open.length > 0) yield made();
}

/** The segments of a piece within a band, in the order of the tensor; `source` is in elements of the tensor. */
function* segmentsOf({ axes, source, target }: Piece, band: Band, most: number): Generator<Segment> {
  /** From the first element of what the axes from `i` on span, to its last. */
  const spans = axes.map((_, i) => axes.slice(i).reduce((n, a) => n + (a.size - 1) * a.target, 0));
  function* visit(level: number, from: number, to: number): Generator<Segment> {
    const axis = axes[level];
    if (!axis) return;
    const inner = spans[level + 1] ?? 0;
    const low = Math.max(0, Math.ceil((band.start - to - inner) / axis.target));
    const high = Math.min(axis.size, Math.ceil((band.start + band.length - to) / axis.target));
    if (level < axes.length - 1)
      for (let i = low; i < high; i++) yield* visit(level + 1, from + i * axis.source, to + i * axis.target);
    else
      for (let i = low; i < high; i += most)
        yield {
          source: from + i,
          target: to + i * axis.target - band.start,
          length: Math.min(most, high - i),
          stride: axis.target,
        };
  }
  yield* visit(0, source, target);
}
