// Boxes of elements while a recipe is walked: where each element lies in what was made so far, row by row, and how a box is cut
// where axes, or a slice, end within it.

/** Elements that lie equally far apart in the tensor, and in what is made of it. Strides are in elements. */
export interface BoxPart {
  readonly size: number;
  readonly source: number;
  readonly target: number;
}

/** Elements of a checkpoint's tensor: `source` and `target` plus any number of steps, below its size, along each part. */
export interface Box {
  readonly tensor: string;
  readonly source: number;
  readonly target: number;
  /** Whether its values are rounded to f16 on the way. */
  readonly halves: boolean;
  readonly parts: readonly BoxPart[];
}

/** A part along one axis; `step` is the distance there. */
interface AxisPart {
  readonly axis: number;
  readonly size: number;
  readonly source: number;
  readonly step: number;
}

/** A box by the axes of what was made so far. */
export interface PlacedBox extends Omit<Box, "target" | "parts"> {
  /** Of its first element. */
  readonly at: readonly number[];
  readonly parts: readonly AxisPart[];
}

/** Boxes of a weight at most: each costs memory and time, and recipes come from outside. */
export const MOST_BOXES = 65536;

/** Row by row, how far elements lie apart along each axis. */
export const stridesOf = (shape: readonly number[]): readonly number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((n, d) => n * d, 1));

/** The same elements in boxes of which each part is along one axis of `shape`; undefined where that takes too many. */
export function withinAxes(boxes: readonly Box[], shape: readonly number[]): readonly PlacedBox[] | undefined {
  const strides = stridesOf(shape);
  let cut: readonly Box[] | undefined = boxes;
  for (const stride of strides.slice(0, -1)) cut = cut && withoutCarry(cut, stride);
  return cut?.map(({ parts, target, ...box }) => ({
    ...box,
    at: shape.map((d, i) => Math.floor(target / (strides[i] ?? 1)) % d),
    parts: parts.flatMap(({ size, source, target: far }) => {
      const axis = strides.findIndex((s) => far % s === 0);
      return size === 1 ? [] : [{ axis, size, source, step: far / (strides[axis] ?? 1) }];
    }),
  }));
}

/** The same elements in boxes whose parts each go by whole multiples of `stride`, or never from one multiple to the next. */
function withoutCarry(boxes: readonly Box[], stride: number): readonly Box[] | undefined {
  const done: Box[] = [];
  const left = boxes.toReversed();
  for (let box = left.pop(); box; box = left.pop()) {
    if (done.length + left.length >= MOST_BOXES) return undefined;
    const parts = box.parts.flatMap((part) => folded(part, stride));
    const low = parts.filter((p) => p.target % stride !== 0);
    const offset = box.target % stride;
    if (low.reduce((n, p) => n + (p.size - 1) * p.target, offset) < stride) {
      done.push({ ...box, parts });
      continue;
    }
    const longest = low.reduce((a, b) => ((b.size - 1) * b.target > (a.size - 1) * a.target ? b : a));
    const others = low.reduce((n, p) => n + (p === longest ? 0 : (p.size - 1) * p.target), 0);
    // As many as stay below the next multiple; from a multiple on, as many as whole multiples take.
    const whole = stride % longest.target === 0 && offset + others < longest.target ? stride / longest.target : 0;
    const fit = Math.floor((stride - 1 - offset - others) / longest.target) + 1;
    const count = whole > 0 && longest.size > whole ? longest.size - (longest.size % whole) : Math.max(1, fit);
    const cut = (from: number, size: number): Box => ({
      ...box,
      source: box.source + from * longest.source,
      target: box.target + from * longest.target,
      parts: parts.map((p) => (p === longest ? { ...p, size } : p)),
    });
    left.push(cut(count, longest.size - count), cut(0, count));
  }
  return done;
}

/** A part that goes round whole multiples of `stride`, as the two parts that it is. */
function folded(part: BoxPart, stride: number): readonly BoxPart[] {
  const { size, source, target } = part;
  const each = stride / target;
  if (size === 1) return [];
  if (target % stride === 0 || !Number.isInteger(each) || size % each !== 0 || size === each) return [part];
  return [
    { size: size / each, source: source * each, target: stride },
    { size: each, source, target },
  ];
}

/** What of a box lies in [start, end) along an axis. */
export function clipped(box: PlacedBox, axis: number, start: number, end: number): readonly PlacedBox[] {
  const on = box.parts.filter((p) => p.axis === axis).toSorted((a, b) => b.step - a.step);
  const [outer, ...inner] = on;
  const at = box.at[axis] ?? 0;
  const reach = inner.reduce((n, p) => n + (p.size - 1) * p.step, 0);
  if (!outer) return at >= start && at < end ? [box] : [];
  const within = (bound: number): number => Math.max(0, Math.min(outer.size, bound));
  const from = (value: number): number => within(Math.ceil((value - at) / outer.step));
  const to = (value: number): number => within(Math.floor((value - at) / outer.step) + 1);
  const taken = (first: number, count: number): PlacedBox => ({
    ...box,
    source: box.source + first * outer.source,
    at: box.at.map((x, i) => (i === axis ? x + first * outer.step : x)),
    parts: box.parts.flatMap((p) => (p !== outer ? [p] : count === 1 ? [] : [{ ...p, size: count }])),
  });
  // Steps whose inner parts lie within as a whole, and those before and after them of which a part may.
  const [first, last] = [from(start), to(end - 1 - reach)];
  const some = (a: number, b: number): readonly PlacedBox[] =>
    Array.from({ length: Math.max(0, b - a) }, (_, i) => clipped(taken(a + i, 1), axis, start, end)).flat();
  if (last <= first) return some(from(start - reach), to(end - 1));
  return [...some(from(start - reach), first), taken(first, last - first), ...some(last, to(end - 1))];
}

/** The box in what has axis `order[i]` as its axis i and these strides, `by` further along one of its axes. */
export function moved(
  { at, parts, ...box }: PlacedBox,
  order: Iterable<number>,
  strides: readonly number[],
  axis = 0,
  by = 0,
): Box {
  const strideOf = new Map([...order].map((from, to) => [from, strides[to] ?? 0]));
  return {
    ...box,
    target: at.reduce((n, x, i) => n + x * (strideOf.get(i) ?? 0), by * (strides[axis] ?? 0)),
    parts: parts.map(({ axis: on, size, source, step }) => ({ size, source, target: step * (strideOf.get(on) ?? 0) })),
  };
}
