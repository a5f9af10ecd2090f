// Calls of what a family's author has written: a config or a graph that is none is said of the family, and before anything is
// made of it.
import { shortValue } from "../base/short-json.ts";
import { CompileError, configError } from "./errors.ts";
import { type EntryName, type Family, MODEL_ROLES, type ModelConfig, type ReadConfigOptions } from "./family.ts";
import type { Graph } from "./graph.ts";
import { callMember } from "./member.ts";
import { graphSymbols } from "./symbols.ts";
import { printType, symbol, type TensorType, typeEquals } from "./type.ts";

const placeOf = (family: Pick<Family, "name">): string => `family ${family.name}`;

/**
 * What the family reads in a config.json.
 * @throws CompileError as its `readConfig` does, and for whatever that gives that is no config.
 */
export function readFamilyConfig<C extends ModelConfig>(
  family: Family<C>,
  json: unknown,
  place: string,
  options?: ReadConfigOptions,
): C {
  const config = callMember(placeOf(family), "readConfig", () => family.readConfig(json, place, options));
  checkConfig(config, placeOf(family), "its readConfig gives");
  return config;
}

/** @throws CompileError for a configuration of the family's own that is none. */
export const checkPreset = (family: Family, name: string): void =>
  checkConfig(family.presets[name], placeOf(family), `its preset ${name} is`);

function checkConfig(config: Partial<ModelConfig> | undefined | null, place: string, what: string): void {
  const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && Number(n) >= 1;
  const wrong = (["n_layer", "n_ctx", "n_vocab"] as const).find((key) => !isCount(config?.[key]));
  const ends: unknown = config?.eos_token_ids;
  const problem =
    wrong !== undefined
      ? `${wrong} is ${shortValue(config?.[wrong])}`
      : Array.isArray(ends) && ends.every((id) => Number.isInteger(id))
        ? undefined
        : `eos_token_ids is ${shortValue(ends)}`;
  if (problem === undefined) return;
  throw configError(
    place,
    `${what} ${shortValue(config)}, where ${problem}`,
    "n_layer, n_ctx and n_vocab are whole numbers of 1 or more, eos_token_ids a list of ids",
  );
}

/**
 * The graph of an entry point of the family's model.
 * @throws CompileError for whatever its `graph` throws, and where that gives no graph of a language model.
 */
export function familyGraph<C extends ModelConfig>(family: Family<C>, config: C, entry: EntryName): Graph {
  const place = placeOf(family);
  const graph: Partial<Graph> | undefined | null = callMember(place, "graph", () => family.graph(config, entry));
  const isGraph = typeof graph?.name === "string" && [graph.inputs, graph.nodes, graph.results].every(Array.isArray);
  if (!isGraph) throw new CompileError(place, `its graph gives ${shortValue(graph)}`, "`GraphBuilder.build` gives one");
  checkTypes(family, config, entry, graph as Graph);
  return graph as Graph;
}

/** The runtime writes the tokens, and reads the logits, as these types lie in memory. */
function checkTypes(family: Pick<Family, "name" | "roles">, config: ModelConfig, entry: EntryName, graph: Graph): void {
  const { inputs, results } = graph;
  const { tokens, newTokens } = family.roles ?? MODEL_ROLES;
  // Roles that name what is not there are told of as roles, when the entry points are compiled.
  if (entry === "logits" && !graphSymbols(graph).some(({ name }) => name === newTokens)) return;
  const rows = entry === "logits" ? symbol(newTokens) : 1;
  const [logits] = results;
  const state = inputs.find((i) => i.kind === "state" && i.value.name === tokens)?.value;
  const wanted: readonly (readonly [typeof logits, TensorType])[] = [
    [logits, { dtype: "f32", shape: [rows, config.n_vocab] }],
    [state, { dtype: "i32", shape: [config.n_ctx + 1] }],
  ];
  for (const [value, type] of wanted)
    if (value && !typeEquals(value.type, type))
      throw new CompileError(
        placeOf(family),
        `its graph of ${entry} has ${value.name}: ${printType(value.type)}, which is to be ${printType(type)}`,
        "see `Family.graph`: the first result are the logits, and the state holds one token more than the context",
      );
}
