// What a weight buffer holds, and how: by which recipe it is made of a checkpoint's tensors, and in which dtype. Two plans whose
// weights agree in this can read the same buffer, whatever each of them calls it.
import { printRecipe, printRecipeType, recipeTensors } from "../../base/index.ts";
import { type PlanWeight, recipeOf } from "../../base/plan.ts";
import { printShape } from "./source.ts";

/** A tensor of a checkpoint, as the checkpoint calls it. */
interface SourceTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The tensors that weights are made of, each once; two that agree in the name alone are two. */
export const sourcesOf = (weights: readonly PlanWeight[]): readonly SourceTensor[] => [
  ...new Map(
    weights
      .flatMap((w) => recipeTensors(recipeOf(w)))
      .map(({ name, shape }) => [`${name} ${printShape(shape)}`, { name, shape }]),
  ).values(),
];

/** Equal for two weights if one buffer serves both. */
export const storageKey = (weight: PlanWeight): string =>
  `${printRecipeType(weight)} = ${printRecipe(recipeOf(weight))}`;

/** `f16[768, 2304]`, or with its recipe behind it where it is more than one tensor, converted. */
export function printStorage(weight: PlanWeight): string {
  const { recipe } = weight;
  const moves = recipe && (recipe.kind === "cast" ? recipe.of : recipe).kind !== "tensor";
  return moves ? storageKey(weight) : printRecipeType(weight);
}
