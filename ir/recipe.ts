// What a weight's recipe means, on host tensors: the reference that loading is held against.
import { recipeTensors, tensorRecipe, type WeightRecipe } from "../base/recipe.ts";
import { at, CompileError } from "./errors.ts";
import type { Input } from "./graph.ts";
import type { Op } from "./op.ts";
import { cast } from "./ops/cast.ts";
import { concat } from "./ops/concat.ts";
import { reshape } from "./ops/reshape.ts";
import { slice } from "./ops/slice.ts";
import { transpose } from "./ops/transpose.ts";
import type { HostTensor } from "./tensor.ts";
import { printType } from "./type.ts";
import type { Value } from "./value.ts";

/**
 * What a recipe makes of the checkpoint's tensors, given by name.
 * @throws CompileError for a tensor that is missing, or has another type than the recipe says.
 */
export function evaluateRecipe(recipe: WeightRecipe, tensors: ReadonlyMap<string, HostTensor>): HostTensor {
  switch (recipe.kind) {
    case "tensor": {
      const tensor = tensors.get(recipe.name);
      const given = tensor ? `is ${printType(tensor)}` : "is missing";
      if (!tensor || printType(tensor) !== printType(recipe))
        throw new CompileError(`recipe ${recipe.name}`, `${given}, but the recipe reads ${printType(recipe)}`);
      return tensor;
    }
    case "slice": {
      const { axis, start, length } = recipe;
      return apply(slice, [evaluateRecipe(recipe.of, tensors)], { axis, start, length });
    }
    case "transpose":
      return apply(transpose, [evaluateRecipe(recipe.of, tensors)], { perm: recipe.perm });
    case "reshape":
      return apply(reshape, [evaluateRecipe(recipe.of, tensors)], { shape: recipe.shape });
    case "cast":
      return apply(cast, [evaluateRecipe(recipe.of, tensors)], { to: recipe.to });
    case "concat":
      return apply(
        concat,
        recipe.of.map((r) => evaluateRecipe(r, tensors)),
        { axis: recipe.axis },
      );
    default:
      return recipe satisfies never;
  }
}

/** The recipe of a weight that has none of its own; undefined where its shape has symbols, which no checkpoint knows. */
export function wholeTensor({ name, type }: Value): WeightRecipe | undefined {
  const shape = type.shape.filter((d) => typeof d === "number");
  return shape.length === type.shape.length ? tensorRecipe(name, shape, type.dtype) : undefined;
}

/**
 * What an input of a graph is, for tensors given by name: a weight with a recipe is made of the checkpoint's tensors where they
 * are given; else, and for every other input, it is the tensor of its own name. Undefined where that is not given either.
 * @throws CompileError as `evaluateRecipe` does.
 */
export function inputTensor(
  { value, recipe }: Input,
  tensors: ReadonlyMap<string, HostTensor>,
): HostTensor | undefined {
  return recipe && recipeTensors(recipe).every(({ name }) => tensors.has(name))
    ? evaluateRecipe(recipe, tensors)
    : tensors.get(value.name);
}

const apply = (op: Op, operands: readonly HostTensor[], attrs: Parameters<NonNullable<Op["reference"]>>[1]) =>
  at(op.reference?.(operands, attrs) ?? [], 0);
