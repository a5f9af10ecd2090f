// ONNX ops that move elements, or make them out of their places.
import {
  add,
  cast,
  concat,
  equal,
  expand,
  gather,
  iota,
  less,
  lessEqual,
  mul,
  reduceSum,
  select,
  slice,
  split,
  transpose,
} from "../../../ir/ops/index.ts";
import { broadcastShapes } from "../../../ir/type.ts";
import type { Value } from "../../../ir/value.ts";
import { fromFront, type OnnxNode, product, shapeOf, type Translator, Unsupported } from "./node.ts";

const int = (n: OnnxNode, value: number): Value => n.literal(value, "i32");

/** 0, 1, … along one axis of a shape of `rank` axes. */
function places(n: OnnxNode, length: number, axis: number, rank: number): Value {
  const shape = Array.from({ length: rank }, (_, i) => (i === axis ? length : 1));
  return n.reshape(n.op(iota, [], { length }), shape);
}

/** Indices that count from the end are brought to the front. */
function wrapped(n: OnnxNode, indices: Value, length: number): Value {
  return n.op(select, [n.op(less, [indices, int(n, 0)]), n.op(add, [indices, int(n, length)]), indices]);
}

/** Σ coordinate · stride, where a coordinate is a tensor of places or of indices. */
function flatIndex(n: OnnxNode, coordinates: readonly Value[], shape: readonly number[]): Value {
  const [first, ...rest] = coordinates;
  if (!first) throw new Unsupported("an index without coordinates");
  return rest.reduce((flat, c, i) => n.op(add, [n.op(mul, [flat, int(n, shape[i + 1] ?? 1)]), c]), first);
}

/** The range of one axis. */
const part = (n: OnnxNode, x: Value, axis: number, start: number, length: number): Value =>
  n.op(slice, [x], { axis, start, length });

/** The sizes of Reshape's result: 0 copies an axis, -1 takes what is left. */
function reshapeTo(n: OnnxNode): readonly number[] {
  const from = n.shape(0);
  const asked = n.numbers(1).map((d, i) => (d === 0 && n.int("allowzero", 0) === 0 ? (from[i] ?? 0) : d));
  const known = product(asked.filter((d) => d !== -1));
  return asked.map((d) => (d === -1 ? product(from) / known : d));
}

function splitSizes(n: OnnxNode, length: number): readonly number[] {
  if (n.has(1)) return n.numbers(1);
  const count = n.int("num_outputs", n.resultCount);
  const size = Math.ceil(length / count);
  return Array.from({ length: count }, (_, i) => Math.min(size, length - i * size));
}

/** The running sum: every place sums over the places that it sees. */
function cumSum(n: OnnxNode): Value {
  const shape = n.shape(0);
  const axis = fromFront(n.number(1), shape.length);
  const length = shape[axis] ?? 1;
  const [outer, inner] = [product(shape.slice(0, axis)), product(shape.slice(axis + 1))];
  const x = n.reshape(n.value(0), [outer, 1, length, inner]);
  const [to, from] = [places(n, length, 0, 3), places(n, length, 1, 3)];
  const sees = n.int("exclusive", 0) === 1 ? less : lessEqual;
  const seen = n.op(sees, n.int("reverse", 0) === 1 ? [to, from] : [from, to]);
  const kept = n.op(select, [seen, x, n.literal(0, x.type.dtype)]);
  return n.reshape(n.op(reduceSum, [kept], { axis: 2, keepdims: false }), shape);
}

export const MOVES: Readonly<Record<string, Translator>> = {
  Identity: (n) => n.same(n.value(0)),
  Reshape: (n) => n.reshape(n.value(0), reshapeTo(n)),
  Squeeze: (n) => n.reshape(n.value(0), n.resultShape(0)),
  Unsqueeze: (n) => n.reshape(n.value(0), n.resultShape(0)),
  Flatten: (n) => n.reshape(n.value(0), n.resultShape(0)),
  Transpose(n) {
    const perm = n.ints("perm") ?? n.shape(0).map((_, i, all) => all.length - 1 - i);
    return n.op(transpose, [n.value(0)], { perm });
  },
  Expand(n) {
    const shape = broadcastShapes(n.shape(0), n.numbers(1));
    if (!shape) throw new Unsupported("shapes that do not broadcast");
    return n.op(expand, [n.value(0)], { shape });
  },
  ConstantOfShape(n) {
    return n.op(expand, [int(n, 0)], { shape: n.numbers(0) });
  },
  Concat: (n) => n.op(concat, n.values(), { axis: n.int("axis", 0) }),
  Split(n) {
    const axis = n.axis("axis", 0, n.shape(0).length);
    return n.builder.emit(split, [n.value(0)], { axis, sizes: splitSizes(n, n.shape(0)[axis] ?? 0) });
  },
  Slice(n) {
    const shape = n.shape(0);
    if (n.has(4) && n.numbers(4).some((step) => step !== 1)) throw new Unsupported("slice takes steps of 1");
    const axes = n.has(3) ? n.numbers(3) : shape.map((_, i) => i);
    return axes.reduce((x, given, i) => {
      const axis = fromFront(given, shape.length);
      const size = shape[axis] ?? 0;
      const clamp = (place: number) => Math.min(Math.max(fromFront(place, size), 0), size);
      const start = clamp(n.numbers(1)[i] ?? 0);
      return part(n, x, axis, start, Math.max(clamp(n.numbers(2)[i] ?? size) - start, 0));
    }, n.value(0));
  },
  // The value on both sides of each axis that grows.
  Pad(n) {
    if (n.text("mode", "constant") !== "constant") throw new Unsupported("a pad that repeats elements");
    const axes = n.has(3) ? n.numbers(3) : n.shape(0).map((_, i) => i);
    const pads = n.numbers(1);
    return axes.reduce((x, given, i) => {
      const shape = shapeOf(x);
      const axis = fromFront(given, shape.length);
      const block = (length = 0) =>
        length === 0 ? [] : [n.op(expand, [n.value(2)], { shape: shape.with(axis, length) })];
      const parts = [...block(pads[i]), x, ...block(pads[axes.length + i])];
      return parts.length === 1 ? x : n.op(concat, parts, { axis });
    }, n.value(0));
  },

  // The axis goes to the front, its rows are gathered, and the indices' axes come back to where it was.
  Gather(n) {
    const shape = n.shape(0);
    const axis = n.axis("axis", 0, shape.length);
    const others = shape.map((_, i) => i).filter((i) => i !== axis);
    const rank = n.shape(1).length;
    const rows = n.op(gather, [n.transpose(n.value(0), [axis, ...others]), wrapped(n, n.value(1), shape[axis] ?? 0)]);
    const before = Array.from({ length: axis }, (_, i) => rank + i);
    const index = Array.from({ length: rank }, (_, i) => i);
    const after = others.slice(axis).map((_, i) => rank + axis + i);
    return n.transpose(rows, [...before, ...index, ...after]);
  },
  // result[i, j] = data[index[i, j], j] for axis 0: every coordinate but one is the place itself.
  GatherElements(n) {
    const shape = n.shape(0);
    const axis = n.axis("axis", 0, shape.length);
    const index = wrapped(n, n.value(1), shape[axis] ?? 0);
    const coordinates = shape.map((_, i) => (i === axis ? index : places(n, n.shape(1)[i] ?? 0, i, shape.length)));
    return n.op(gather, [n.reshape(n.value(0), [product(shape)]), flatIndex(n, coordinates, shape)]);
  },
  // The last axis of the indices holds coordinates; leading axes that both share are places.
  GatherND(n) {
    const [shape, indices] = [n.shape(0), n.shape(1)];
    const batch = n.int("batch_dims", 0);
    const depth = indices.at(-1) ?? 0;
    const outer = indices.slice(0, -1);
    const coordinates = shape.slice(0, batch + depth).map((size, i) => {
      if (i < batch) return places(n, size, i, outer.length);
      const column = part(n, n.value(1), indices.length - 1, i - batch, 1);
      return wrapped(n, n.reshape(column, outer), size);
    });
    const rest = shape.slice(batch + depth);
    const table = n.reshape(n.value(0), [product(shape.slice(0, batch + depth)), ...rest]);
    return n.op(gather, [table, flatIndex(n, coordinates, shape)]);
  },

  // on where the index is the place along the new axis, else off
  OneHot(n) {
    const shape = n.shape(0);
    const depth = n.number(1);
    const axis = n.axis("axis", -1, shape.length + 1);
    const whole = n.value(0).type.dtype === "i32" ? n.value(0) : n.op(cast, [n.value(0)], { to: "i32" });
    const index = n.reshape(wrapped(n, whole, depth), [...shape.slice(0, axis), 1, ...shape.slice(axis)]);
    const hot = n.op(equal, [index, places(n, depth, axis, shape.length + 1)]);
    const [off, on] = [0, 1].map((i) => part(n, n.value(2), 0, i, 1));
    if (!off || !on) throw new Unsupported("a one-hot without values");
    return n.op(select, [hot, on, off]);
  },
  // The upper triangle holds the columns from row + k on.
  Trilu(n) {
    const x = n.value(0);
    const [rows = 0, columns = 0] = n.shape(0).slice(-2);
    const diagonal = n.op(add, [places(n, rows, 0, 2), int(n, n.has(1) ? n.number(1) : 0)]);
    const column = places(n, columns, 1, 2);
    const kept = n.op(lessEqual, n.int("upper", 1) === 1 ? [diagonal, column] : [column, diagonal]);
    return n.op(select, [kept, x, n.literal(0, x.type.dtype)]);
  },
  CumSum: cumSum,
};
