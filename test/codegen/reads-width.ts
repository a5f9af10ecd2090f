// Whether a shader's results may depend on how many invocations a subgroup has.
import { tokenize } from "../../codegen/wgsl/tokens.ts";

/** Quads are four invocations in subgroups of any width, and a matrix has its sizes in its type. */
const ANY_WIDTH =
  /^(?:quad(?:Broadcast|SwapX|SwapY|SwapDiagonal)|subgroupMatrix(?:Load|Store|Multiply|MultiplyAccumulate)|subgroup_matrix_(?:left|right|result)|subgroups)$/;
const OF_SUBGROUPS = /^(?:quad[A-Z]|subgroup|num_subgroups$)/;
const PLACE = "subgroup_invocation_id";

/**
 * The words by which a text reads the width of its subgroups, or does what depends on it, in their order. An invocation's place among the
 * four of its quad, `place % 4u`, is none.
 */
export function readsWidth(wgsl: string): readonly string[] {
  const words = tokenize(wgsl).map((t) => t.text);
  return words.filter((word, i) => {
    if (!OF_SUBGROUPS.test(word) || ANY_WIDTH.test(word)) return false;
    return word !== PLACE || !isPlaceInQuad(words, words[i + 2]);
  });
}

/** Whether each use of the name is `name % 4u`; its declaration is `name: u32`. */
const isPlaceInQuad = (words: readonly string[], name: string | undefined): boolean =>
  words.every((word, i) => {
    if (word !== name || (words[i + 1] === ":" && words[i + 2] === "u32")) return true;
    return words[i + 1] === "%" && words[i + 2] === "4u";
  });
