// A weight's recipe as boxes of elements: which element of which tensor each element of the weight is. Slices, transposes and
// concatenations move elements and no more, so that any nesting of them is a list of such boxes.
import { type DType, recipeType, unreachable, type WeightRecipe } from "../../base/index.ts";
import { type PlanWeight, recipeOf } from "../../base/plan.ts";

/** An axis of a box. Strides are in elements. */
export interface PieceAxis {
  readonly size: number;
  readonly source: number;
  readonly target: number;
}

/** A box of a checkpoint's tensor, and where it lies in the weight. */
export interface Piece {
  /** The checkpoint's tensor, by the recipe's name for it. */
  readonly tensor: string;
  /** Its first element in the tensor and in the weight, both row-major. */
  readonly source: number;
  readonly target: number;
  /** In the order of the tensor; the last one has the source stride 1. */
  readonly axes: readonly PieceAxis[];
  /** Whether its values are rounded to f16 on the way. */
  readonly halves: boolean;
}

/** A box while the recipe is walked: by the axes of what was made so far. */
interface Box {
  readonly tensor: string;
  readonly source: number;
  readonly halves: boolean;
  readonly axes: readonly { readonly at: number; readonly size: number; readonly stride: number }[];
}

/** The boxes that make up the weight, none of them empty; each of its elements is in one. */
export function piecesOf(weight: PlanWeight): readonly Piece[] {
  const strides = stridesOf(weight.shape);
  return boxesOf(recipeOf(weight))
    .filter(({ axes }) => axes.every(({ size }) => size > 0))
    .map(({ tensor, source, halves, axes }) => ({
      tensor,
      source,
      halves,
      target: axes.reduce((n, { at }, i) => n + at * (strides[i] ?? 0), 0),
      axes: merged(axes.map(({ size, stride }, i) => ({ size, source: stride, target: strides[i] ?? 0 }))),
    }));
}

function boxesOf(recipe: WeightRecipe): readonly Box[] {
  switch (recipe.kind) {
    case "tensor": {
      const strides = stridesOf(recipe.shape);
      const axes = recipe.shape.map((size, i) => ({ at: 0, size, stride: strides[i] ?? 0 }));
      return [{ tensor: recipe.name, source: 0, halves: recipe.dtype === "f16", axes }];
    }
    case "slice":
      return boxesOf(recipe.of).map((box) => sliced(box, recipe.axis, recipe.start, recipe.length));
    case "transpose":
      return boxesOf(recipe.of).map((box) => ({
        ...box,
        axes: recipe.perm.map((axis) => box.axes[axis] ?? unreachable(`a perm names axis ${axis}`)),
      }));
    case "cast": {
      const halves = recipe.to === "f16";
      return boxesOf(recipe.of).map((box) => ({ ...box, halves: box.halves || halves }));
    }
    case "concat": {
      let start = 0;
      return recipe.of.flatMap((part) => {
        const boxes = boxesOf(part);
        const moved = boxes.map((box) => ({
          ...box,
          axes: box.axes.map((axis, i) => (i === recipe.axis ? { ...axis, at: axis.at + start } : axis)),
        }));
        start += recipeType(part).shape[recipe.axis] ?? 0;
        return moved;
      });
    }
    default:
      return recipe satisfies never;
  }
}

/** What a recipe makes on the way that is no float; a checkpoint's tensors become nothing else. */
export function otherThanFloat(recipe: WeightRecipe): DType | undefined {
  switch (recipe.kind) {
    case "concat":
      return recipe.of.map(otherThanFloat).find((dtype) => dtype !== undefined);
    case "tensor":
    case "cast": {
      const dtype = recipe.kind === "cast" ? recipe.to : recipe.dtype;
      if (dtype !== "f32" && dtype !== "f16") return dtype;
      return recipe.kind === "cast" ? otherThanFloat(recipe.of) : undefined;
    }
    default:
      return otherThanFloat(recipe.of);
  }
}

/** What of a box lies in [start, start + length) along an axis. */
function sliced(box: Box, axis: number, start: number, length: number): Box {
  let { source } = box;
  const axes = box.axes.map((a, i) => {
    if (i !== axis) return a;
    const from = Math.max(a.at, start);
    const end = Math.min(a.at + a.size, start + length);
    source += (from - a.at) * a.stride;
    return { ...a, at: Math.max(0, from - start), size: Math.max(0, end - from) };
  });
  return { ...box, source, axes };
}

const stridesOf = (shape: readonly number[]): readonly number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((n, d) => n * d, 1));

/** In the order of the tensor, those of length 1 left out, and those taken together that lie on end in both. */
function merged(axes: readonly PieceAxis[]): readonly PieceAxis[] {
  const out: PieceAxis[] = [];
  for (const inner of axes.filter((a) => a.size > 1).toSorted((a, b) => b.source - a.source)) {
    const outer = out.at(-1);
    const joins = outer?.source === inner.size * inner.source && outer.target === inner.size * inner.target;
    if (outer && joins) out[out.length - 1] = { ...inner, size: outer.size * inner.size };
    else out.push(inner);
  }
  return out.at(-1)?.source === 1 ? out : [...out, { size: 1, source: 1, target: 1 }];
}

/** Whether the elements come in the order in which they go, so that both can be read and written from front to back. */
export const isOrdered = ({ axes }: Piece): boolean =>
  axes.every((axis, i) => i === 0 || axis.size === 1 || axis.target < (axes[i - 1]?.target ?? 0));
