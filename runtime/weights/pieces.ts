// A weight's recipe as boxes of elements: which element of which tensor each element of the weight is. Slices, transposes, reshapes
// and concatenations move elements and no more, so that any nesting of them is a list of such boxes.
import { type DType, recipeType, type WeightRecipe } from "../../base/index.ts";
import { type PlanWeight, recipeOf } from "../../base/plan.ts";
import { fileError } from "../errors.ts";
import { type Box, clipped, MOST_BOXES, moved, type PlacedBox, stridesOf, withinAxes } from "./boxes.ts";

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

/**
 * The boxes that make up the weight, none of them empty; each of its elements is in one.
 * @throws RuntimeError for a recipe that takes the tensors into too many.
 */
export function piecesOf(weight: PlanWeight): readonly Piece[] {
  return boxesOf(recipeOf(weight), weight.name).map(({ tensor, source, target, halves, parts }) => ({
    tensor,
    source,
    halves,
    target,
    axes: merged(parts),
  }));
}

/** What a recipe makes of each of its tensors; no box is empty. */
function boxesOf(recipe: WeightRecipe, weight: string): readonly Box[] {
  switch (recipe.kind) {
    case "tensor": {
      const strides = stridesOf(recipe.shape);
      const parts = recipe.shape.map((size, i) => ({ size, source: strides[i] ?? 0, target: strides[i] ?? 0 }));
      const box: Box = { tensor: recipe.name, source: 0, target: 0, halves: recipe.dtype === "f16", parts };
      return recipe.shape.includes(0) ? [] : [box];
    }
    case "slice": {
      const { axis, start, length } = recipe;
      const { shape } = recipeType(recipe.of);
      const strides = stridesOf(recipeType(recipe).shape);
      return placed(recipe.of, weight).flatMap((box) =>
        clipped(box, axis, start, start + length).map((b) => moved(b, shape.keys(), strides, axis, -start)),
      );
    }
    case "transpose": {
      const strides = stridesOf(recipeType(recipe).shape);
      return placed(recipe.of, weight).map((box) => moved(box, recipe.perm, strides));
    }
    case "reshape":
      // Row by row, an element is where it was.
      return boxesOf(recipe.of, weight);
    case "cast": {
      const halves = recipe.to === "f16";
      return boxesOf(recipe.of, weight).map((box) => ({ ...box, halves: box.halves || halves }));
    }
    case "concat": {
      const { shape } = recipeType(recipe);
      const strides = stridesOf(shape);
      let start = 0;
      return recipe.of.flatMap((part) => {
        const from = start;
        start += recipeType(part).shape[recipe.axis] ?? 0;
        return placed(part, weight).map((box) => moved(box, shape.keys(), strides, recipe.axis, from));
      });
    }
    default:
      return recipe satisfies never;
  }
}

/** The boxes of a recipe, each of its parts along one axis. */
function placed(recipe: WeightRecipe, weight: string): readonly PlacedBox[] {
  const boxes = withinAxes(boxesOf(recipe, weight), recipeType(recipe).shape);
  if (boxes) return boxes;
  throw fileError(
    weight,
    `its recipe cuts its tensors into more than ${MOST_BOXES} pieces`,
    "reshape along whole axes",
  );
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
