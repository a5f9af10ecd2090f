// Elements over numbers: what makes an op's `element`, or its `targets`, the reference. An op says once what all its elements are;
// what it says is kept as functions, which are then called for each place.
import type { Attrs } from "./attr.ts";
import { type ElementMath, scalarDType, type Writes } from "./element.ts";
import { at, CompileError } from "./errors.ts";
import type { Op } from "./op.ts";
import { scalarMath } from "./scalars.ts";
import { castNumber, countElements, forEachIndex, type HostTensor, stridesOf } from "./tensor.ts";
import { type DType, evalDim, type TensorType } from "./type.ts";

/** An index at the place at hand. */
type HostIndex = () => number;
type HostCondition = () => boolean;
/** An element at the place at hand. */
interface HostElement {
  readonly dtype: DType;
  readonly value: () => number;
}

/** Walks places, and keeps what was computed for the one at hand. */
class Places {
  #at: readonly number[] = [];
  #step = 0;

  /** The index of each axis. */
  axes(rank: number): readonly HostIndex[] {
    return Array.from({ length: rank }, (_, axis) => () => at(this.#at, axis));
  }

  visit(shape: readonly number[], visit: (flat: number) => void): void {
    forEachIndex(shape, (index, flat) => {
      this.#at = index;
      this.#step++;
      visit(flat);
    });
  }

  /** Computed once at each place, as often as it is asked for. */
  once(compute: () => number): () => number {
    let known = 0;
    let step = -1;
    return () => {
      if (step !== this.#step) {
        known = compute();
        step = this.#step;
      }
      return known;
    };
  }
}

function hostMath(
  op: string,
  args: readonly HostTensor[],
  places: Places,
): ElementMath<HostIndex, HostElement, HostCondition> {
  return {
    dim(d) {
      const n = evalDim(d, {}) ?? Number.NaN;
      return () => n;
    },
    add: (a, b) => () => a() + b(),
    sub: (a, b) => () => a() - b(),
    mul: (a, b) => () => a() * b(),
    div: (a, b) => () => Math.floor(a() / b()),
    mod: (a, b) => () => {
      const [n, length] = [a(), b()];
      return n - length * Math.floor(n / length);
    },
    less: (a, b) => () => a() < b(),
    load(operand, index) {
      const { data, dtype, shape } = at(args, operand);
      const strides = stridesOf(shape);
      return {
        dtype,
        value: places.once(() => {
          let offset = 0;
          for (let axis = 0; axis < index.length; axis++) {
            const i = at(index, axis)();
            if (i < 0 || i >= at(shape, axis))
              throw new CompileError("interpret", `index ${i} of axis ${axis}, which has ${shape[axis]} elements`);
            offset += i * at(strides, axis);
          }
          return at(data, offset);
        }),
      };
    },
    toIndex: ({ value }) => value,
    toElement: (i, dtype) => ({ dtype, value: () => castNumber(i(), dtype) }),
    select(condition, whenTrue, whenFalse) {
      const [a, b] = [whenTrue(), whenFalse()];
      return { dtype: a.dtype, value: places.once(() => (condition() ? a.value() : b.value())) };
    },
    scalar: scalarMath<HostElement, HostCondition>({
      constant: (value, dtype) => ({ dtype, value: () => value }),
      holds:
        ({ value }) =>
        () =>
          value() !== 0,
      call(f, operands, attrs = {}) {
        const { scalar } = f;
        if (!scalar)
          throw new CompileError(op, "has neither scalar nor decompose", "one of them gives an op its meaning");
        const dtypes = operands.map((e) => e.dtype);
        const dtype = scalarDType(f, dtypes, attrs);
        const context = { attrs, dtype: dtypes.at(-1) ?? dtype };
        const values = new Array<number>(operands.length).fill(0);
        return {
          dtype,
          value: places.once(() => {
            for (let i = 0; i < values.length; i++) values[i] = at(operands, i).value();
            const y = scalar(values, context);
            // f32 is computed in full precision; all else as its dtype holds it.
            return dtype === "f32" ? y : castNumber(y, dtype);
          }),
        };
      },
    }),
  };
}

/** What an op's `element` makes of host tensors: a tensor of each of these types. */
export function elementTensors(
  op: Pick<Op, "name" | "traits">,
  args: readonly HostTensor[],
  attrs: Attrs,
  types: readonly TensorType[],
): readonly HostTensor[] {
  const { element } = op.traits;
  if (!element) throw new CompileError(op.name, "has no element", "give it one, or a reference");
  return types.map(({ dtype, shape: dims }, result) => {
    const shape = dims.map(Number);
    const places = new Places();
    const math = hostMath(op.name, args, places);
    const { value } = element(places.axes(shape.length), math, { types: args, attrs, result });
    const data = new Float64Array(countElements(shape));
    places.visit(shape, (flat) => {
      data[flat] = value();
    });
    return { dtype, shape, data };
  });
}

/**
 * What an op's `writes` makes of host tensors: each element of a moved operand is put in its places, one after another. Elsewhere
 * stands the first operand, where the op updates that, or NaN.
 */
export function writtenTensors(
  op: Pick<Op, "name" | "traits">,
  args: readonly HostTensor[],
  attrs: Attrs,
  types: readonly TensorType[],
): readonly HostTensor[] {
  const { writes, updatesFirstOperand } = op.traits;
  if (!writes) throw new CompileError(op.name, "writes nothing", "give it the trait, or a reference");
  const results = types.map(({ dtype, shape }, i): HostTensor => {
    const count = countElements(shape.map(Number));
    const old = updatesFirstOperand && i === 0 ? at(args, 0).data : new Float64Array(count).fill(Number.NaN);
    return { dtype, shape: shape.map(Number), data: Float64Array.from(old) };
  });
  const moved = writes.operand === "each" ? args.map((_, i) => i) : [writes.operand];
  for (const operand of moved) moveElements({ op: op.name, writes, operand, args, attrs }, results);
  return results;
}

/** What of an op moves the elements of one operand. */
interface Move {
  readonly op: string;
  readonly writes: Writes;
  readonly operand: number;
  readonly args: readonly HostTensor[];
  readonly attrs: Attrs;
}

function moveElements({ op, writes, operand, args, attrs }: Move, results: readonly HostTensor[]): void {
  const moved = at(args, operand);
  const places = new Places();
  const math = hostMath(op, args, places);
  const targets = writes.targets(places.axes(moved.shape.length), math, { types: args, attrs, operand });
  const moves = targets.map(({ result, at: index, when }) => {
    const { shape, data } = at(results, result);
    const strides = stridesOf(shape);
    const [lo, hi] = [math.dim(when?.lo ?? 0), math.dim(when?.hi ?? 1)];
    const place = when?.place ?? math.dim(0);
    return (x: number): void => {
      if (place() < lo() || place() >= hi()) return;
      let offset = 0;
      for (let axis = 0; axis < index.length; axis++) {
        const i = at(index, axis)();
        // What has no place in the result is not written.
        if (i < 0 || i >= at(shape, axis)) return;
        offset += i * at(strides, axis);
      }
      data[offset] = x;
    };
  });
  places.visit(moved.shape, (flat) => {
    for (const move of moves) move(at(moved.data, flat));
  });
}
