// Literals and their text: the dtype shows in the spelling, as in WGSL.
import { type DType, printType, type TensorType } from "./type.ts";
import type { Value } from "./value.ts";

/** A scalar constant as an operand. */
export function literal(value: number, dtype: DType): Value {
  return { name: printNumber(value, dtype), type: { dtype, shape: [] }, literal: value };
}

/** 1 → `1.0` (f32), `1` (i32), `1u` (u32), `1.0h` (f16), `true` (bool). */
export function printNumber(value: number, dtype: DType): string {
  switch (dtype) {
    case "f32":
      return printFloat(value);
    case "f16":
      return `${printFloat(value)}h`;
    case "i32":
      return String(value);
    case "u32":
      return `${value}u`;
    case "bool":
      return value === 0 ? "false" : "true";
    default:
      return dtype satisfies never;
  }
}

function printFloat(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  const text = Object.is(x, -0) ? "-0" : String(x);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Types as text, with commas between them. */
export const printTypes = (types: readonly TensorType[]): string => types.map(printType).join(", ");
