// What no kernel takes is computed as what it is made of: a region as the nodes of its body, an op as its `decompose`.
import { shortValue } from "../base/short-json.ts";
import {
  at,
  CompileError,
  callMember,
  type Emit,
  type Node,
  type Op,
  POINTWISE_ANCHOR,
  printTypes,
  typeEquals,
  type Value,
} from "../ir/index.ts";
import { Emitter } from "./emit.ts";
import type { RegionPolicy } from "./fuse-pointwise.ts";
import type { Pass } from "./pass.ts";
import type { Replacement } from "./rebuild.ts";
import { anchorOf, unfold } from "./region.ts";
import { applyRules, type Match, predicate, type Rule } from "./rule.ts";

/** What works element by element is computed by a kernel for any such op, and needs no asking. */
const isElementwise = (node: Node): boolean =>
  node.op.traits.element !== undefined || anchorOf(node) === POINTWISE_ANCHOR;

const expand = (refusal: (node: Node) => string | undefined): Rule => ({
  name: "expand",
  summary: "what no kernel takes becomes what it is made of",
  sites: (node) => (isElementwise(node) || refusal(node) === undefined ? [] : node.results.slice(0, 1)),
  predicates: [
    predicate("is-made-of-others", ({ node }) => {
      if (node.body || node.op.decompose) return true;
      return `${node.op.name} has no decompose, and no kernel computes it (${refusal(node)})`;
    }),
  ],
  replace: (m) => (m.node.body ? withoutRegion(m) : decomposed(m)),
});

function withoutRegion({ index, node }: Match): Replacement {
  const emitter = new Emitter(index, at(node.results, 0));
  const { nodes, results } = unfold(node, new Map());
  const renamed = new Map<Value, Value>();
  for (const inner of nodes) {
    const made = emitter.add({ ...inner, operands: inner.operands.map((v) => renamed.get(v) ?? v) });
    inner.results.forEach((r, i) => {
      renamed.set(r, at(made, i));
    });
  }
  return emitter.replaceEach(
    [node],
    new Map([...results].map(([outer, inner]) => [outer, renamed.get(inner) ?? inner])),
  );
}

function decomposed({ index, node }: Match): Replacement {
  const { op, operands, attrs } = node;
  const place = `${op.name} ${at(node.results, 0).name}`;
  const emitter = new Emitter(index, at(node.results, 0));
  const emit: Emit = (inner, values, given = {}) => {
    if (inner === op)
      throw new CompileError(place, "its decompose is made of the op itself", "an op is made of other ops");
    if (typeof (inner as Partial<Op> | undefined)?.infer !== "function")
      throw new CompileError(
        place,
        `its decompose is made of ${shortValue(inner)}, which is no op`,
        "an op is made of other ops, themselves and not their names",
      );
    return emitter.many(inner, values, given);
  };
  const results: unknown = callMember(place, "decompose", () => op.decompose?.(emit, operands, attrs) ?? []);
  if (fits(results, node)) return emitter.replaceEach([node], new Map(node.results.map((r, i) => [r, at(results, i)])));
  const given = Array.isArray(results) && results.every(isValue) ? printTypes(results.map((r) => r.type)) : undefined;
  throw new CompileError(
    place,
    `its decompose gives ${given ?? shortValue(results)}, but its infer says ${printTypes(node.results.map((r) => r.type))}`,
    "it gives a value for each result: mend decompose or infer",
  );
}

const isValue = (v: Value | undefined | null): v is Value => v?.type !== undefined;

const fits = (results: unknown, node: Node): results is readonly Value[] =>
  Array.isArray(results) &&
  results.length === node.results.length &&
  node.results.every((r, i) => isValue(results[i]) && typeEquals(results[i].type, r.type));

/**
 * Expands what the policy says that no kernel computes, again and again, so that what remains is computed or is made of
 * nothing. It stands before the general fusion, which then takes the pieces together as far as kernels accept them.
 */
export const expandUntaken = (refusal: NonNullable<RegionPolicy["refusesNode"]>): Pass => ({
  name: "expand-untaken",
  summary: "what no kernel takes becomes what it is made of",
  role: "required",
  run: (graph, report) => applyRules(graph, [expand(refusal)], report),
});
