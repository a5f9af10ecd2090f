// What the module of a bundle of graphs offers: a function for each entry point, with the types of its inputs and results.
import type { MethodSignatureStructure, OptionalKind } from "ts-morph";
import type { BundleWeights, UnhashedPlan } from "../../base/bundle.ts";
import { bareSymbol, type PlanEntry, type PlanTensor, printPlanDim, symbolsToGive } from "../../base/plan.ts";
import { type ModuleParts, matrixDType, reader } from "./module-parts.ts";

/** The parts of the module that printModule puts together. */
export function graphParts(plan: UnhashedPlan, weights: BundleWeights): ModuleParts {
  const entries = plan.variants[0]?.entries ?? [];
  const hasStates = plan.variants.some((v) => v.buffers.some((b) => b.kind === "state"));
  return {
    types: ["Tensor"],
    loader: "loadGraphBundle",
    facts: {
      name: plan.name,
      target: plan.target,
      symbols: Object.fromEntries(plan.symbols.map(({ name, min, max }) => [name, { min, max }])),
      weights: matrixDType(weights),
      variants: plan.variants.map((v) => v.name),
    },
    docs: `The graphs, loaded${hasStates ? ", with one set of states, which begin as zeros" : ""}. Calls run in the order in which they are made.`,
    properties: [
      reader("facts", "typeof facts", "What is known of the graphs before they are loaded."),
      reader("variant", "(typeof facts.variants)[number]", "Which of the bundle's variants runs."),
      reader("adapter", "AdapterReport", "What it runs on."),
      reader("bufferBytes", "number", "Bytes of all its GPU buffers."),
    ],
    methods: [
      ...entries.map((entry) => methodOf(entry, plan)),
      { name: "reset", returnType: "Promise<void>", docs: ["Makes zeros of all states."] },
      {
        name: "close",
        returnType: "Promise<void>",
        docs: ["Frees what it holds on the GPU, and the device unless it was given to `load`."],
      },
    ],
    members: [
      "facts",
      "variant: model.variantIn(facts.variants)",
      "adapter: model.adapter",
      "get bufferBytes() { return model.bufferBytes; }",
      ...entries.map(memberOf),
      "reset: () => model.reset()",
      "close: () => model.close()",
    ],
  };
}

function methodOf(entry: PlanEntry, { symbols }: UnhashedPlan): OptionalKind<MethodSignatureStructure> {
  const given = symbolsToGive(entry);
  const ranges = symbols
    .filter((s) => entry.symbols.includes(s.name))
    .map(({ name, min, max }) => `${name} is ${min} to ${max}`);
  const signature = `(${entry.inputs.map(printTensor).join(", ")}) → ${entry.outputs.map(printTensor).join(", ") || "nothing but its states"}`;
  return {
    name: key(entry.name),
    parameters: [
      { name: "inputs", type: objectType(entry.inputs.map((i) => [i.name, tensorType(i)])) },
      ...(given.length === 0 ? [] : [{ name: "symbols", type: objectType(given.map((name) => [name, "number"])) }]),
    ],
    returnType: `Promise<${objectType(entry.outputs.map((o) => [o.name, tensorType(o)]))}>`,
    docs: [
      `\`${signature}\`${ranges.length === 0 ? "" : `, where ${ranges.join(", ")}`}.\n@throws RuntimeError for an input of another shape${ranges.length === 0 ? "" : ", and a symbol out of its range"}.`,
    ],
  };
}

function memberOf(entry: PlanEntry): string {
  const results = entry.outputs.map(
    ({ name, dtype, shape }) =>
      `${member(name)}: { dtype: ${JSON.stringify(dtype)}, shape: [${shape.map((d) => (typeof d === "number" ? d : "null")).join(", ")}] }`,
  );
  const symbols = symbolsToGive(entry).length > 0;
  const call = `model.call(${JSON.stringify(entry.name)}, inputs, ${symbols ? "symbols" : "{}"}, { ${results.join(", ")} })`;
  return `${member(entry.name)}: (inputs${symbols ? ", symbols" : ""}) => ${call}`;
}

/** `{ readonly x: number }` */
const objectType = (members: readonly (readonly [name: string, type: string])[]): string =>
  members.length === 0
    ? "Readonly<Record<string, never>>"
    : `{ ${members.map(([name, type]) => `readonly ${key(name)}: ${type}`).join("; ")} }`;

/** `Tensor<"f32", readonly [T: number, 1600]>`: a length is called by its symbol where it is one. */
function tensorType({ dtype, shape }: PlanTensor): string {
  const lengths = shape.map((dim) => {
    if (typeof dim === "number") return String(dim);
    const symbol = bareSymbol(dim);
    return symbol === undefined ? "number" : `${symbol}: number`;
  });
  return `Tensor<${JSON.stringify(dtype)}, readonly [${lengths.join(", ")}]>`;
}

const printTensor = ({ name, dtype, shape }: PlanTensor): string =>
  `${name}: ${dtype}[${shape.map(printPlanDim).join(", ")}]`;

const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** The name as a literal's key: `__proto__` alone would be no member, but the object's prototype. */
const member = (name: string): string => (name === "__proto__" ? '["__proto__"]' : key(name));
