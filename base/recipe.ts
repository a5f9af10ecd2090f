// What a weight is made of: an expression over the tensors of a checkpoint. The compiler writes it into the plan, and whoever
// loads the weights carries it out.
import type { Count } from "./counts.ts";
import type { DType } from "./dtype.ts";

/** A tensor of the checkpoint, by its name there. Whatever float it is stored as, it is converted to `dtype`. */
export interface TensorRecipe {
  /** Says which recipe it is. */
  readonly kind: "tensor";
  /** As the checkpoint calls it. */
  readonly name: string;
  /** What its elements are converted to. */
  readonly dtype: DType;
  /** The length of each axis. */
  readonly shape: readonly Count[];
}

/** `of`[start : start + length] along one axis. */
export interface SliceRecipe {
  /** Says which recipe it is. */
  readonly kind: "slice";
  /** What it is cut from. */
  readonly of: WeightRecipe;
  /** Along which. */
  readonly axis: Count;
  /** Where it begins. */
  readonly start: Count;
  /** How much of it. */
  readonly length: Count;
}

/** Axis i of the result is axis `perm[i]` of `of`. */
export interface TransposeRecipe {
  /** Says which recipe it is. */
  readonly kind: "transpose";
  /** What is turned. */
  readonly of: WeightRecipe;
  /** The axes in their new order. */
  readonly perm: readonly Count[];
}

/** The same elements in the same order, row by row, with other axes. */
export interface ReshapeRecipe {
  /** Says which recipe it is. */
  readonly kind: "reshape";
  /** What is given other axes. */
  readonly of: WeightRecipe;
  /** The length of each axis. */
  readonly shape: readonly Count[];
}

/** Each element rounded to the nearest that `to` has. */
export interface CastRecipe {
  /** Says which recipe it is. */
  readonly kind: "cast";
  /** What is converted. */
  readonly of: WeightRecipe;
  /** To which dtype. */
  readonly to: DType;
}

/** One after another along an axis. */
export interface ConcatRecipe {
  /** Says which recipe it is. */
  readonly kind: "concat";
  /** What is put together, in order. */
  readonly of: readonly WeightRecipe[];
  /** Along which. */
  readonly axis: Count;
}

/** How a weight is made from the checkpoint's tensors. Told apart by `kind`. */
export type WeightRecipe = TensorRecipe | SliceRecipe | TransposeRecipe | ReshapeRecipe | CastRecipe | ConcatRecipe;

/** What a recipe gives. */
export interface RecipeType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** A tensor of the checkpoint as it is. */
export const tensorRecipe = (name: string, shape: readonly number[], dtype: DType = "f32"): TensorRecipe => ({
  kind: "tensor",
  name,
  dtype,
  shape,
});

/** A range of one axis. A slice of a slice is one, a slice of all is none, and a cast is made of the slice. */
export function sliceRecipe(of: WeightRecipe, axis: number, start: number, length: number): WeightRecipe {
  if (of.kind === "cast") return castRecipe(sliceRecipe(of.of, axis, start, length), of.to);
  if (start === 0 && recipeType(of).shape[axis] === length) return of;
  if (of.kind === "slice" && of.axis === axis) return sliceRecipe(of.of, axis, of.start + start, length);
  return { kind: "slice", of, axis, start, length };
}

/** The axes in another order. A transpose of a transpose is one or none, and a cast is made of the transpose. */
export function transposeRecipe(of: WeightRecipe, perm: readonly number[]): WeightRecipe {
  if (of.kind === "cast") return castRecipe(transposeRecipe(of.of, perm), of.to);
  if (perm.every((axis, i) => axis === i)) return of;
  if (of.kind === "transpose")
    return transposeRecipe(
      of.of,
      perm.map((axis) => of.perm[axis] ?? Number.NaN),
    );
  return { kind: "transpose", of, perm };
}

/** With other axes. A reshape of a reshape is one or none, and a cast is made of the reshape. */
export function reshapeRecipe(of: WeightRecipe, shape: readonly number[]): WeightRecipe {
  if (of.kind === "cast") return castRecipe(reshapeRecipe(of.of, shape), of.to);
  if (of.kind === "reshape") return reshapeRecipe(of.of, shape);
  const now = recipeType(of).shape;
  return now.length === shape.length && now.every((d, i) => d === shape[i]) ? of : { kind: "reshape", of, shape };
}

/** In another dtype. A cast to what it is already is none, and neither is one to f32 and back. */
export function castRecipe(of: WeightRecipe, to: DType): WeightRecipe {
  if (recipeType(of).dtype === to) return of;
  if (of.kind === "cast" && of.to === "f32" && to === "f16" && recipeType(of.of).dtype === "f16") return of.of;
  return { kind: "cast", of, to };
}

/** One after another along an axis; of one, that one. */
export function concatRecipe(of: readonly WeightRecipe[], axis: number): WeightRecipe {
  const [first, ...others] = of;
  return first && others.length === 0 ? first : { kind: "concat", of, axis };
}

/** The dtype and shape of what a recipe gives; without meaning for one that has a `recipeProblem`. */
export function recipeType(recipe: WeightRecipe): RecipeType {
  switch (recipe.kind) {
    case "tensor":
      return { dtype: recipe.dtype, shape: recipe.shape };
    case "slice": {
      const { dtype, shape } = recipeType(recipe.of);
      return { dtype, shape: shape.map((d, i) => (i === recipe.axis ? recipe.length : d)) };
    }
    case "transpose": {
      const { dtype, shape } = recipeType(recipe.of);
      return { dtype, shape: recipe.perm.map((axis) => shape[axis] ?? Number.NaN) };
    }
    case "reshape":
      return { dtype: recipeType(recipe.of).dtype, shape: recipe.shape };
    case "cast":
      return { dtype: recipe.to, shape: recipeType(recipe.of).shape };
    case "concat": {
      const [first = { dtype: "f32", shape: [] }, ...others] = recipe.of.map(recipeType);
      const length = others.reduce((n, { shape }) => n + (shape[recipe.axis] ?? 0), first.shape[recipe.axis] ?? 0);
      return { dtype: first.dtype, shape: first.shape.map((d, i) => (i === recipe.axis ? length : d)) };
    }
    default:
      return recipe satisfies never;
  }
}

/** Why a recipe can't be carried out, as two facts that disagree; undefined when it can. */
export function recipeProblem(recipe: WeightRecipe): string | undefined {
  switch (recipe.kind) {
    case "tensor":
      return recipe.shape.every(isLength) ? undefined : `${recipe.name} is ${printRecipeType(recipe)}`;
    case "slice":
      return recipeProblem(recipe.of) ?? sliceProblem(recipe);
    case "transpose": {
      const inner = recipeProblem(recipe.of);
      if (inner !== undefined) return inner;
      const { perm, of } = recipe;
      const type = recipeType(of);
      const complete = perm.length === type.shape.length && type.shape.every((_, axis) => perm.includes(axis));
      return complete ? undefined : `perm is [${perm.join(", ")}], but what it orders is ${printRecipeType(type)}`;
    }
    case "reshape":
      return recipeProblem(recipe.of) ?? reshapeProblem(recipe);
    case "cast":
      return recipeProblem(recipe.of);
    case "concat":
      return recipe.of.reduce<string | undefined>((p, r) => p ?? recipeProblem(r), undefined) ?? concatProblem(recipe);
    default:
      return recipe satisfies never;
  }
}

const isLength = (d: number): boolean => Number.isInteger(d) && d >= 0;

function sliceProblem({ of, axis, start, length }: SliceRecipe): string | undefined {
  const type = recipeType(of);
  const size = type.shape[axis];
  return size !== undefined && isLength(start) && isLength(length) && start + length <= size
    ? undefined
    : `a slice takes ${start} to ${start + length} of axis ${axis}, but is of ${printRecipeType(type)}`;
}

function reshapeProblem({ of, shape }: ReshapeRecipe): string | undefined {
  const type = recipeType(of);
  const count = (lengths: readonly number[]): number => lengths.reduce((n, d) => n * d, 1);
  return shape.every(isLength) && count(shape) === count(type.shape)
    ? undefined
    : `a reshape makes [${shape.join(", ")}], but is of ${printRecipeType(type)}`;
}

function concatProblem({ of, axis }: ConcatRecipe): string | undefined {
  const [first, ...others] = of.map(recipeType);
  if (!first) return "a concat has nothing to put together";
  if (first.shape[axis] === undefined)
    return `a concat is along axis ${axis}, but its first is ${printRecipeType(first)}`;
  const strange = others.find(
    ({ dtype, shape }) =>
      dtype !== first.dtype ||
      shape.length !== first.shape.length ||
      !shape.every((d, i) => i === axis || d === first.shape[i]),
  );
  return strange && `a concat along axis ${axis} is of ${printRecipeType(first)} and ${printRecipeType(strange)}`;
}

/** The checkpoint's tensors that a recipe reads, in order, each as often as it is read. */
export function recipeTensors(recipe: WeightRecipe): readonly TensorRecipe[] {
  switch (recipe.kind) {
    case "tensor":
      return [recipe];
    case "concat":
      return recipe.of.flatMap(recipeTensors);
    default:
      return recipeTensors(recipe.of);
  }
}

/** `f32[50257, 768]` */
export const printRecipeType = ({ dtype, shape }: RecipeType): string => `${dtype}[${shape.join(", ")}]`;

/** `cast(slice(wte.weight: f32[50257, 768], axis=0, start=0, length=43690), to=f16)` */
export function printRecipe(recipe: WeightRecipe): string {
  switch (recipe.kind) {
    case "tensor":
      return `${recipe.name}: ${printRecipeType(recipe)}`;
    case "slice":
      return `slice(${printRecipe(recipe.of)}, axis=${recipe.axis}, start=${recipe.start}, length=${recipe.length})`;
    case "transpose":
      return `transpose(${printRecipe(recipe.of)}, perm=[${recipe.perm.join(", ")}])`;
    case "reshape":
      return `reshape(${printRecipe(recipe.of)}, shape=[${recipe.shape.join(", ")}])`;
    case "cast":
      return `cast(${printRecipe(recipe.of)}, to=${recipe.to})`;
    case "concat":
      return `concat(${recipe.of.map(printRecipe).join(", ")}, axis=${recipe.axis})`;
    default:
      return recipe satisfies never;
  }
}
