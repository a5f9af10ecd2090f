// Storage buffers as shaders declare them: by elements, or by vectors of them, and how what is loaded is widened.
import type { PlanAccess } from "../base/plan.ts";
import type { DType, Value } from "../ir/index.ts";
import { type Halves, storageType } from "./wgsl-element.ts";

/** A storage buffer of a shader. */
export interface Binding {
  readonly name: string;
  readonly access: PlanAccess;
  /** The operand or result of the node. */
  readonly value: Value;
  readonly type: string;
}

/** Elements of a vector that a kernel loads at once; eight only of halves, which lie in pairs. */
export type VectorSize = 4 | 8;

/** Vectors of four as they lie in a buffer. */
const VECTORS: Readonly<Record<DType, string>> = {
  f32: "vec4f",
  f16: "vec4h",
  i32: "vec4i",
  u32: "vec4u",
  bool: "vec4u",
};

/** The type of what a binding is an array of. */
export function bufferType(dtype: DType, vector: VectorSize | undefined, halves: Halves): string {
  if (vector === undefined) return storageType(dtype, halves);
  if (dtype !== "f16") return VECTORS[dtype];
  if (halves === "packed") return vector === 8 ? "vec4u" : "vec2u";
  return vector === 8 ? "mat2x4h" : "vec4h";
}

/** `halves` of such a type, as floats. */
export function widenHalves(size: VectorSize, halves: Halves): string {
  if (halves === "native") return size === 8 ? "mat2x4f(vec4f(halves[0]), vec4f(halves[1]))" : "vec4f(halves)";
  const four = (a: string, b: string) => `vec4f(unpack2x16float(halves.${a}), unpack2x16float(halves.${b}))`;
  return size === 8 ? `mat2x4f(${four("x", "y")}, ${four("z", "w")})` : four("x", "y");
}
