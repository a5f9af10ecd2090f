// An error for who reads the page: where it happened, the facts, and the way out.
import { RuntimeError } from "wgpt/runtime";
import { show, write } from "./elements.ts";

/** `canReload`: loading again may help. */
export function showProblem(error: unknown, canReload: boolean): void {
  const { place, facts, hint } = partsOf(error);
  write("problem-title", place);
  write("problem-facts", facts);
  write("problem-hint", hint ?? "");
  show("problem-hint", hint !== undefined);
  show("retry", canReload);
  show("problem", true);
}

function partsOf(error: unknown): Pick<RuntimeError, "place" | "facts" | "hint"> {
  if (error instanceof RuntimeError) return error;
  const facts = error instanceof Error ? error.message : String(error);
  return { place: "Unexpected error", facts, hint: "the browser's console tells more" };
}
