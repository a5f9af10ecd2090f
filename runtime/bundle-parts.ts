// Whether the parts of a bundle fit together: names that lead to something, sizes that can be, buffers that hold what is put into
// them. The schema has seen to the types; what an adapter can't do, WebGPU says.
import type { BundlePlan, BundleVariant, BundleWeights } from "../base/bundle.ts";
import { DRAW_SETTINGS, suppressedWords } from "../base/draw.ts";
import { DTYPE_BYTES } from "../base/dtype.ts";
import { own } from "../base/own.ts";
import {
  bufferBytes,
  evalPlanCount,
  evalPlanDim,
  type PlanBuffer,
  type PlanCount,
  type PlanDim,
  type PlanEntry,
  type PlanModel,
  type PlanSymbol,
  type PlanSymbolValues,
  type PlanWeight,
  printPlanDim,
  recipeOf,
  storageBytes,
  symbolMaxima,
} from "../base/plan.ts";
import { printRecipeType, recipeProblem, recipeType } from "../base/recipe.ts";
import { shortName } from "../base/short-json.ts";
import { bundleError, type RuntimeError } from "./errors.ts";

/**
 * @throws RuntimeError for the first part of plan.json or weights.json that does not fit the others, by its place.
 */
export function checkBundleParts(place: string, { symbols, variants, model }: BundlePlan, map: BundleWeights): void {
  const plan = new Part(`${place}/plan.json`);
  plan.checkNames("symbols", symbols);
  for (const { name, min, max } of symbols)
    if (max < min) throw plan.problem(`symbols ${name}`, `its values go from ${min} to ${max}`);
  plan.checkNames("variants", variants);
  const weights = new Part(`${place}/weights.json`);
  checkWeights(weights, map.tensors);
  for (const [i, variant] of variants.entries()) checkVariant(plan.at(`variants[${i}]`), variant, symbols, map, model);
}

/** A place in a file, and what is wrong there. */
class Part {
  readonly #place: string;

  constructor(place: string) {
    this.#place = place;
  }

  at(where: string): Part {
    return new Part(`${this.#place}${this.#place.endsWith("json") ? " " : "."}${where}`);
  }

  problem(where: string, facts: string): RuntimeError {
    return bundleError(`${this.#place} ${shortName(where)}`, shortName(facts), "compile it again");
  }

  /** Refuses two of one name. */
  checkNames(what: string, parts: readonly { readonly name: string }[]): void {
    const seen = new Set<string>();
    for (const { name } of parts) {
      if (seen.has(name)) throw this.problem(what, `two of them are called ${name}`);
      seen.add(name);
    }
  }
}

function checkWeights(part: Part, tensors: readonly PlanWeight[]): void {
  part.checkNames("tensors", tensors);
  part.checkNames(
    "tensors",
    tensors.map(({ buffer }) => ({ name: buffer })),
  );
  for (const weight of tensors) {
    const { name, dtype, shape } = weight;
    const recipe = recipeOf(weight);
    const problem = recipeProblem(recipe);
    if (problem !== undefined) throw part.problem(`tensors ${name}`, problem);
    const [made, kept] = [printRecipeType(recipeType(recipe)), printRecipeType({ dtype, shape })];
    if (made !== kept) throw part.problem(`tensors ${name}`, `it is ${kept}, but its recipe makes ${made}`);
    if (!Number.isSafeInteger(weightBytes(weight)))
      throw part.problem(`tensors ${name}`, `${kept} has too many elements`);
  }
}

const weightBytes = ({ dtype, shape }: PlanWeight): number => shape.reduce((n, d) => n * d, DTYPE_BYTES[dtype]);

function checkVariant(
  part: Part,
  { buffers, kernels, entries }: BundleVariant,
  symbols: readonly PlanSymbol[],
  { tensors }: BundleWeights,
  model: PlanModel | undefined,
): void {
  const maxima = symbolMaxima({ symbols });
  part.checkNames("buffers", buffers);
  part.checkNames("kernels", kernels);
  part.checkNames("entries", entries);
  const byName = new Map(buffers.map((b) => [b.name, b]));
  for (const buffer of buffers) {
    const bytes = bufferBytes(buffer, maxima);
    if (!Number.isSafeInteger(bytes)) throw part.problem(`buffers ${buffer.name}`, sizeProblem(buffer, maxima));
  }
  const filled = new Set<string>();
  for (const weight of tensors) {
    const buffer = byName.get(weight.buffer);
    if (buffer?.kind !== "weight")
      throw part.problem("buffers", `none of the kind weight is called ${weight.buffer}, as one of weights.json is`);
    filled.add(buffer.name);
    const [has, needs] = [bufferBytes(buffer, maxima), storageBytes(weightBytes(weight))];
    if (has !== needs)
      throw part.problem(`buffers ${buffer.name}`, `it has ${has} bytes, but its weight in weights.json ${needs}`);
  }
  const empty = buffers.find((b) => b.kind === "weight" && !filled.has(b.name));
  if (empty) throw part.problem(`buffers ${empty.name}`, "is a weight, but weights.json does not say what it holds");
  const access = new Map(kernels.map((k) => [k.name, k.access]));
  for (const [i, entry] of entries.entries())
    checkEntry(part.at(`entries[${i}]`), entry, symbols, byName, access, model);
}

const sizeProblem = ({ bytes }: PlanBuffer, maxima: PlanSymbolValues): string => {
  const product = bytes.find(
    (dims) => !Number.isSafeInteger(dims.reduce<number>((n, d) => n * evalPlanDim(d, maxima), 1)),
  );
  return `${(product ?? []).map(printPlanDim).join(" × ") || "its size"} is no number of bytes, with the largest symbols`;
};

function checkEntry(
  part: Part,
  entry: PlanEntry,
  symbols: readonly PlanSymbol[],
  buffers: ReadonlyMap<string, PlanBuffer>,
  access: ReadonlyMap<string, readonly string[]>,
  model: PlanModel | undefined,
): void {
  const values = checkEntrySymbols(part, entry, symbols);
  const sized = (where: string, dim: PlanDim): void => {
    if (!Number.isSafeInteger(evalPlanDim(dim, values)))
      throw part.problem(where, `${printPlanDim(dim)} is no whole number, with the symbols that the entry point has`);
  };
  for (const { value, of } of entry.constraints) sized(`constraints of ${of}`, value);
  for (const product of entry.weightBytes) for (const dim of product) sized("weightBytes", dim);
  for (const list of ["inputs", "outputs"] as const) {
    part.checkNames(list, entry[list]);
    for (const { name, buffer, dtype, shape } of entry[list]) {
      const where = `${list} ${name}`;
      const found = buffers.get(buffer);
      if (!found) throw part.problem(where, `lies in the buffer ${buffer}, which is none`);
      for (const dim of shape) {
        sized(where, dim);
        if (evalPlanDim(dim, values) < 0) throw part.problem(where, `its length ${printPlanDim(dim)} is below 0`);
      }
      const needs = shape.reduce<number>((n, d) => n * evalPlanDim(d, values), DTYPE_BYTES[dtype]);
      const has = bufferBytes(found, symbolMaxima({ symbols }));
      if (!(needs <= has)) throw part.problem(where, `takes ${needs} bytes, but its buffer ${buffer} has ${has}`);
    }
  }
  for (const [i, { kernel, bindings, workgroups }] of entry.steps.entries()) {
    const where = `steps[${i}]`;
    const uses = access.get(kernel);
    if (!uses) throw part.problem(where, `runs the kernel ${kernel}, which is none`);
    if (uses.length !== bindings.length)
      throw part.problem(where, `binds ${bindings.length} buffers, but ${kernel} has ${uses.length} bindings`);
    for (const [b, name] of bindings.entries()) {
      const buffer = buffers.get(name);
      if (!buffer) throw part.problem(where, `binds the buffer ${name}, which is none`);
      if (uses[b] !== "read_write") continue;
      if (buffer.kind === "weight") throw part.problem(where, `writes to ${name}, a weight, which is not its own`);
      if (bindings.indexOf(name) !== b || bindings.lastIndexOf(name) !== b)
        throw part.problem(where, `binds ${name} twice, and writes to it`);
    }
    for (const count of workgroups) checkCount(part, where, count, values);
  }
  if (entry.roles) checkRoles(part, entry, entry.roles, buffers, symbols, model);
}

/** The largest value of each of the entry point's symbols, and those that it fixes. */
function checkEntrySymbols(part: Part, entry: PlanEntry, symbols: readonly PlanSymbol[]): PlanSymbolValues {
  const values: Record<string, number> = {};
  const rangeOf = new Map(symbols.map((s) => [s.name, s]));
  for (const [name, value] of Object.entries(entry.fixed)) {
    const range = rangeOf.get(name);
    if (!range) throw part.problem("fixed", `${name} is no symbol of the plan`);
    if (value === undefined || !(Number.isInteger(value) && value >= range.min && value <= range.max))
      throw part.problem("fixed", `${name} is ${value}, but it goes from ${range.min} to ${range.max}`);
    values[name] = value;
  }
  for (const name of entry.symbols) {
    const range = rangeOf.get(name);
    if (!range) throw part.problem("symbols", `${name} is no symbol of the plan`);
    if (own(values, name) !== undefined) throw part.problem("symbols", `${name} is there twice, or fixed`);
    values[name] = range.max;
  }
  return values;
}

function checkCount(part: Part, where: string, count: PlanCount, values: PlanSymbolValues): void {
  const groups = evalPlanCount(count, values);
  if (!Number.isSafeInteger(groups) || groups < 0)
    throw part.problem(where, "its workgroups are no number, with the symbols that the entry point has");
}

function checkRoles(
  part: Part,
  { inputs, outputs }: PlanEntry,
  roles: NonNullable<PlanEntry["roles"]>,
  buffers: ReadonlyMap<string, PlanBuffer>,
  symbols: readonly PlanSymbol[],
  model: PlanModel | undefined,
): void {
  if (!model) throw part.problem("roles", "are there, but plan.json has no model");
  for (const [role, name] of [
    ["newTokens", roles.newTokens],
    ["pastTokens", roles.pastTokens],
  ] as const)
    if (!symbols.some((s) => s.name === name)) throw part.problem(`roles ${role}`, `${name} is no symbol`);
  const maxima = symbolMaxima({ symbols });
  const tokens = buffers.get(roles.tokens);
  if (tokens?.kind !== "state") throw part.problem("roles tokens", `${roles.tokens} is no state`);
  const [has, needs] = [bufferBytes(tokens, maxima), 4 * (model.n_ctx + 1)];
  if (has < needs)
    throw part.problem("roles tokens", `${roles.tokens} has ${has} bytes, but the context takes ${needs}`);
  const logits = outputs.find((o) => o.name === roles.logits);
  const width = logits?.shape.at(-1);
  if (logits?.dtype !== "f32" || width !== model.n_vocab)
    throw part.problem("roles logits", `${roles.logits} is no result of ${model.n_vocab} numbers a row`);
  const draw =
    roles.draw &&
    ({
      settings: [roles.draw.settings, DRAW_SETTINGS.length],
      seed: [roles.draw.seed, 1],
      suppressed: [roles.draw.suppressed, suppressedWords(model.n_vocab)],
    } as const);
  for (const [role, [name, length]] of Object.entries(draw ?? {})) {
    const input = inputs.find((t) => t.name === name);
    if (input?.shape.length !== 1 || input.shape[0] !== length)
      throw part.problem(`roles draw.${role}`, `${name} is no input of ${length} numbers`);
  }
}
