// What a call of an entry point with tensors says of the plan's symbols: an axis that is one symbol gives its value, and every
// other length must then be what the symbols make of it. Host arithmetic only.

import { listNames } from "../base/index.ts";
import { own } from "../base/own.ts";
import {
  bareSymbol,
  evalPlanDim,
  type PlanEntry,
  type PlanSymbolValues,
  type PlanTensor,
  printPlanDim,
} from "../base/plan.ts";
import { optionError } from "./errors.ts";
import type { AnyTensor } from "./tensor.ts";

const ARRAYS = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, bool: Uint32Array } as const;

/**
 * The values of the entry point's symbols, from its inputs' shapes and from what the caller gives besides. `place` is what
 * errors call the call.
 * @throws RuntimeError for an input that is missing, or that the entry point does not have; for another dtype, rank, length, or number of
 * elements than it says; for a symbol that nothing gives, and one that is given twice with different values.
 */
export function callSymbols(
  place: string,
  entry: PlanEntry,
  inputs: Readonly<Record<string, AnyTensor>>,
  given: PlanSymbolValues,
): PlanSymbolValues {
  const extra = Object.keys(inputs).find((name) => !entry.inputs.some((i) => i.name === name));
  if (extra !== undefined)
    throw optionError(place, `is given ${extra}, which is no input of it`, `its inputs: ${namesOf(entry.inputs)}`);
  const unknown = Object.keys(given).find((name) => !entry.symbols.includes(name));
  if (unknown !== undefined)
    throw optionError(
      place,
      `is given a value for ${unknown}, which is no symbol of it`,
      `its symbols: ${listNames(entry.symbols) || "none"}`,
    );
  const symbols = new Map<string, { readonly value: number; readonly by: string }>(
    Object.entries(given).map(([name, value]) => [name, { value: value ?? Number.NaN, by: "the call" }]),
  );
  const tensors = entry.inputs.map((input) => [input, tensorOf(place, input, inputs)] as const);
  for (const [input, { shape }] of tensors)
    for (const [axis, dim] of input.shape.entries()) {
      const name = bareSymbol(dim);
      const value = shape[axis];
      if (name === undefined || value === undefined || own(entry.fixed, name) !== undefined) continue;
      const known = symbols.get(name);
      if (known && known.value !== value)
        throw optionError(
          `${place} ${input.name}`,
          `${name} is ${value} by the shape of ${input.name}, but ${known.value} by ${known.by}`,
          "one call has one value for each symbol",
        );
      symbols.set(name, { value, by: `the shape of ${input.name}` });
    }
  const missing = entry.symbols.find((name) => !symbols.has(name));
  if (missing !== undefined)
    throw optionError(place, `${missing} is not given, and no input's shape says it`, `give \`{ ${missing}: … }\``);
  const values = Object.fromEntries([...symbols].map(([name, { value }]) => [name, value]));
  for (const [input, tensor] of tensors) checkShape(place, input, tensor, { ...values, ...entry.fixed });
  return values;
}

function tensorOf(place: string, input: PlanTensor, inputs: Readonly<Record<string, AnyTensor>>): AnyTensor {
  const tensor = Object.hasOwn(inputs, input.name) ? inputs[input.name] : undefined;
  const at = `${place} ${input.name}`;
  if (!tensor) throw optionError(at, "is not given", `it is ${printTensor(input)}`);
  if (tensor.dtype !== input.dtype)
    throw optionError(at, `is ${tensor.dtype}, but the graph has ${printTensor(input)}`);
  const array = ARRAYS[tensor.dtype];
  if (!(tensor.data instanceof array))
    throw optionError(at, `is ${tensor.dtype}, but its data is no ${array.name}`, `give a ${array.name}`);
  if (tensor.shape.length !== input.shape.length)
    throw optionError(at, `has the shape [${tensor.shape.join(", ")}], but the graph has ${printTensor(input)}`);
  return tensor;
}

function checkShape(place: string, input: PlanTensor, { shape, data }: AnyTensor, symbols: PlanSymbolValues): void {
  const at = `${place} ${input.name}`;
  const wanted = input.shape.map((d) => evalPlanDim(d, symbols));
  if (wanted.some((length, axis) => length !== shape[axis]))
    throw optionError(
      at,
      `has the shape [${shape.join(", ")}], but the graph has ${printTensor(input)}${printValues(symbols)}`,
    );
  const elements = wanted.reduce((n, d) => n * d, 1);
  if (data.length !== elements)
    throw optionError(at, `has ${data.length} elements, but its shape [${shape.join(", ")}] has ${elements}`);
}

const namesOf = (tensors: readonly PlanTensor[]): string => listNames(tensors.map(({ name }) => name)) || "none";

/** `f32[T, 1600]` */
export const printTensor = ({ dtype, shape }: PlanTensor): string => `${dtype}[${shape.map(printPlanDim).join(", ")}]`;

/** `, where T = 3 and P = 1` */
export const printValues = (symbols: PlanSymbolValues): string => {
  const values = Object.entries(symbols).map(([name, value]) => `${name} = ${value}`);
  return values.length === 0 ? "" : `, where ${values.join(" and ")}`;
};
