// Rules of a user's, which may be written in JavaScript: what is no rule, and what a rule gives that is none of what it should.
import { shortValue } from "../base/short-json.ts";
import { CompileError, type Node, type Value } from "../ir/index.ts";
import type { Replacement } from "./rebuild.ts";

/** A rule as JavaScript may have it. */
type GivenRule = Readonly<Partial<Record<"name" | "sites" | "predicates" | "replace", unknown>>>;

/** @throws CompileError for what is no list of rules, or lacks a member. */
export function checkRules(rules: readonly GivenRule[]): void {
  if (!Array.isArray(rules))
    throw new CompileError("rules", `are ${shortValue(rules)}`, "a pass that applies rules has a list of them");
  rules.forEach(checkRule);
}

function checkRule(rule: GivenRule): void {
  const { name, sites, predicates, replace } = rule;
  const isPredicate = (p: Readonly<Partial<Record<"name" | "test", unknown>>> | undefined | null): boolean =>
    typeof p?.name === "string" && typeof p.test === "function";
  const problem =
    typeof name !== "string"
      ? "has no name"
      : typeof sites !== "function"
        ? "has no function sites"
        : !Array.isArray(predicates) || !predicates.every(isPredicate)
          ? `has ${shortValue(predicates)} for predicates`
          : typeof replace !== "function"
            ? "has no function replace"
            : undefined;
  if (problem !== undefined)
    throw new CompileError(
      `rule ${typeof name === "string" ? name : "without a name"}`,
      problem,
      "a rule is { name, summary, sites, predicates, replace }; `predicate` makes a predicate",
    );
}

const isNode = (n: Partial<Node> | undefined | null): boolean =>
  Array.isArray(n?.operands) && Array.isArray(n.results) && n.results.length > 0;

/** What its `replace` gives, if that is a replacement. */
export function checkedReplacement(replacement: Partial<Replacement> | undefined | null): Replacement {
  const { remove, insert, values } = replacement ?? {};
  if (![remove, insert].every((list) => Array.isArray(list) && list.every(isNode)) || !(values instanceof Map))
    throw new TypeError(`a replacement is { remove, insert, values }, not ${shortValue(replacement)}`);
  return replacement as Replacement;
}

/** What its `sites` gives, if those are values. */
export function checkedSites(sites: readonly Value[]): readonly Value[] {
  const isValue = (v: Partial<Value> | undefined | null): boolean =>
    typeof v?.name === "string" && v.type !== undefined;
  if (Array.isArray(sites) && sites.every(isValue)) return sites;
  throw new TypeError(`${shortValue(sites)} is no list of values`);
}
