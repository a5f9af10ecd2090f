// The text of a weight's recipe, as `printRecipe` writes it: `cast(transpose(w: f32[3, 4], perm=[1, 0]), to=f16)`.
import { recipeProblem, type WeightRecipe } from "../base/recipe.ts";
import type { Lexer } from "./lex.ts";
import { DTYPES, type DType, printType, type TensorType } from "./type.ts";

const isDType = (word: string): word is DType => (DTYPES as readonly string[]).includes(word);

/**
 * Reads a recipe; `type` reads a type.
 * @throws CompileError with line and column, also for one that can't be carried out.
 */
export function parseRecipe(lexer: Lexer, type: () => TensorType): WeightRecipe {
  const { place } = lexer;
  const recipe = new RecipeParser(lexer, type).recipe();
  const problem = recipeProblem(recipe);
  return problem === undefined ? recipe : lexer.fail(problem, "a recipe takes what its tensors have", place);
}

class RecipeParser {
  readonly #lexer: Lexer;
  readonly #type: () => TensorType;

  constructor(lexer: Lexer, type: () => TensorType) {
    this.#lexer = lexer;
    this.#type = type;
  }

  recipe(): WeightRecipe {
    const l = this.#lexer;
    const { place } = l;
    const name = l.name();
    if (l.take(":")) return this.#tensor(name);
    if (!l.peek("("))
      l.fail(`${name} has no type`, "a recipe's tensor is written with the checkpoint's: `w: f32[3, 4]`", place);
    l.punct("(");
    const made = l.nested(() => this.#call(name, place));
    l.punct(")");
    return made;
  }

  #tensor(name: string): WeightRecipe {
    const { place } = this.#lexer;
    const type = this.#type();
    const shape = type.shape.filter((d) => typeof d === "number");
    if (shape.length < type.shape.length)
      this.#lexer.fail(`${name} is ${printType(type)}`, "a checkpoint's tensor has whole numbers", place);
    return { kind: "tensor", name, dtype: type.dtype, shape };
  }

  #call(name: string, place: number): WeightRecipe {
    switch (name) {
      case "slice": {
        const of = this.recipe();
        return {
          kind: "slice",
          of,
          axis: this.#number("axis"),
          start: this.#number("start"),
          length: this.#number("length"),
        };
      }
      case "transpose": {
        const of = this.recipe();
        return { kind: "transpose", of, perm: this.#numbers("perm") };
      }
      case "reshape": {
        const of = this.recipe();
        return { kind: "reshape", of, shape: this.#numbers("shape") };
      }
      case "cast": {
        const of = this.recipe();
        this.#key("to");
        const word = this.#lexer.name();
        if (!isDType(word)) return this.#lexer.fail(`${word} is no dtype`, `dtypes are ${DTYPES.join(", ")}`);
        return { kind: "cast", of, to: word };
      }
      case "concat": {
        const of = [this.recipe()];
        while (this.#lexer.peek(",") && !this.#lexer.peek("=", 2)) {
          this.#lexer.punct(",");
          of.push(this.recipe());
        }
        return { kind: "concat", of, axis: this.#number("axis") };
      }
      default:
        return this.#lexer.fail(
          `${name} is no part of a recipe`,
          "it has slice, transpose, reshape, cast and concat",
          place,
        );
    }
  }

  #number(key: string): number {
    this.#key(key);
    return this.#whole(key);
  }

  #numbers(key: string): readonly number[] {
    this.#key(key);
    this.#lexer.punct("[");
    return this.#lexer.listUntil("]", () => this.#whole(key));
  }

  #key(key: string): void {
    this.#lexer.punct(",");
    this.#lexer.word(key);
    this.#lexer.punct("=");
  }

  #whole(key: string): number {
    const { place } = this.#lexer;
    const value = this.#lexer.takeNumber()?.value;
    return value !== undefined && Number.isInteger(value) && value >= 0
      ? value
      : this.#lexer.fail(`${key} is no number`, "a recipe has whole numbers", place);
  }
}
