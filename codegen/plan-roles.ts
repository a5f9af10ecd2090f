// What an entry point of a language model calls what its runtime writes and reads.
import type { PlanRoles } from "../base/plan.ts";
import {
  CompileError,
  type EntrySpec,
  type Graph,
  graphSymbols,
  type InputKind,
  type ModelRoles,
  type Value,
} from "../ir/index.ts";

/** The roles of an entry point's graph: it draws where it has the settings of a draw. */
export function rolesOf({ inputs, results: [logits] }: Graph, roles: ModelRoles): PlanRoles {
  const { tokens, settings, seed, suppressed, newTokens, pastTokens } = roles;
  const draws = inputs.some((i) => i.value.name === settings);
  return {
    tokens,
    logits: logits?.name ?? "",
    ...(draws && { draw: { settings, seed, suppressed } }),
    newTokens,
    pastTokens,
  };
}

/**
 * The runtime of language models finds inputs by their names.
 * @throws CompileError for one that lies in a buffer of another name.
 */
export function checkRolePlaces({ name, roles }: EntrySpec, fused: Graph, places: ReadonlyMap<Value, string>): void {
  const named = Object.values(roles?.draw ?? {});
  const moved = fused.inputs.find(({ value }) => named.includes(value.name) && places.get(value) !== value.name);
  if (moved)
    throw new CompileError(
      `entry ${name}`,
      `its input ${moved.value.name} is called as something else of another entry point`,
      "give one of them another name",
    );
}

/** @throws CompileError for a role that names what the graph does not have. */
export function checkRoles({ name, graph, roles }: EntrySpec): void {
  if (!roles) return;
  const has = (kind: InputKind, value: string) => graph.inputs.some((i) => i.kind === kind && i.value.name === value);
  const { tokens, logits, draw, newTokens, pastTokens } = roles;
  const symbols = graphSymbols(graph).map((s) => s.name);
  const missing = [
    ...(has("state", tokens) ? [] : [`a state ${tokens}`]),
    ...(graph.results.some((r) => r.name === logits) ? [] : [`a result ${logits}`]),
    ...Object.values(draw ?? {}).flatMap((input) => (has("input", input) ? [] : [`an input ${input}`])),
    ...[newTokens, pastTokens].flatMap((symbol) => (symbols.includes(symbol) ? [] : [`a symbol ${symbol}`])),
  ];
  if (missing.length === 0) return;
  throw new CompileError(
    `entry ${name}`,
    `its roles name ${missing.join(" and ")}, which graph ${graph.name} does not have`,
    "a family's `roles` are the names in its graphs",
  );
}
