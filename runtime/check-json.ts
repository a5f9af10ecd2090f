// Whether JSON is what its schema says, and where it is not. The schemas are made from the types; see base/bundle-schemas.ts.

import { type ValidationResult, Validator } from "@cfworker/json-schema";
import { shortName } from "../base/index.ts";

/** Where JSON is not what its schema says. */
export interface Problem {
  /** ` variants[0].name`, to be put behind a file's name; empty for the whole. */
  readonly where: string;
  readonly facts: string;
}

/** A key that is no text, as half a surrogate pair, has no place in a path. */
function validate(json: unknown, schema: object): ValidationResult {
  try {
    return new Validator(schema, "7").validate(json);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return { valid: false, errors: [{ ...NO_TEXT, error: "has a key that is no text" }] };
  }
}
const NO_TEXT = { keyword: "", keywordLocation: "#", instanceLocation: "#" };

/** The first and innermost of what is wrong; undefined where nothing is. */
export function findProblem(json: unknown, schema: object): Problem | undefined {
  const { valid, errors } = validate(json, schema);
  if (valid) return undefined;
  // Each error but the last says only which of its parts has one.
  const { instanceLocation = "#", error = "is not what it should be" } = errors.at(-1) ?? {};
  const names = instanceLocation
    .split("/")
    .slice(1)
    .map((name) => decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~"));
  const path = names.map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${shortName(name)}`)).join("");
  return { where: path === "" ? "" : ` ${path.replace(/^\./, "")}`, facts: shortName(error.replace(/\.$/, "")) };
}
