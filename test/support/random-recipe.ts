// Random recipes that can be carried out, over tensors of two dtypes; and the tensors that they read, as seeded numbers.
import * as fc from "fast-check";
import {
  castRecipe,
  concatRecipe,
  recipeTensors,
  recipeType,
  reshapeRecipe,
  sliceRecipe,
  tensorRecipe,
  transposeRecipe,
  type WeightRecipe,
} from "../../base/recipe.ts";

/** Four numbers from 0 on decide a move; they are taken modulo what there is. */
type Move = readonly [kind: number, a: number, b: number, c: number];

/** One of the numbers that divide `n`. */
function divisor(n: number, choice: number): number {
  const all = Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
  return all[choice % all.length] ?? 1;
}

const made = (shape: readonly number[], moves: readonly Move[], simplify: boolean): WeightRecipe =>
  moves.reduce<WeightRecipe>(
    (of, [kind, a, b, c], i) => {
      const { shape: now, dtype } = recipeType(of);
      const axis = a % now.length;
      const size = now[axis] ?? 1;
      const start = b % size;
      const length = 1 + (c % (size - start));
      const perm = now.map((_, k) => (k + 1 + (b % now.length)) % now.length);
      const to = c % 2 === 0 ? "f16" : "f32";
      const beside = tensorRecipe(
        `t.${i}`,
        now.map((d, k) => (k === axis ? 1 + (c % 5) : d)),
        dtype,
      );
      const members = b % 2 === 0 ? [of, beside] : [beside, of];
      switch (kind % 5) {
        case 0:
          return simplify ? sliceRecipe(of, axis, start, length) : { kind: "slice", of, axis, start, length };
        case 1:
          return simplify ? transposeRecipe(of, perm) : { kind: "transpose", of, perm };
        case 2:
          return simplify ? castRecipe(of, to) : { kind: "cast", of, to };
        case 3: {
          const count = now.reduce((n, d) => n * d, 1);
          const outer = divisor(count, a);
          const middle = divisor(count / outer, b);
          const other = c % 2 === 0 ? [outer, count / outer] : [outer, middle, count / outer / middle];
          return simplify ? reshapeRecipe(of, other) : { kind: "reshape", of, shape: other };
        }
        default:
          return simplify ? concatRecipe(members, axis) : { kind: "concat", of: members, axis };
      }
    },
    tensorRecipe("t", shape),
  );

/** The same recipe as the constructors make it, and as it was spelled. */
export const recipes: fc.Arbitrary<{ readonly simple: WeightRecipe; readonly spelled: WeightRecipe }> = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
    moves: fc.array(fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99)), { maxLength: 6 }),
  })
  .map(({ shape, moves }) => ({ simple: made(shape, moves, true), spelled: made(shape, moves, false) }));

/** The shapes of the tensors that a recipe reads, by name. */
export const tensorsOf = (recipe: WeightRecipe): ReadonlyMap<string, readonly number[]> =>
  new Map(recipeTensors(recipe).map(({ name, shape }) => [name, shape]));
