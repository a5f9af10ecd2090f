// Loads of several elements in the matmul kernels: which operands are bound as vectors, and the WGSL functions that read
// them. The fewer loads, the better, above all where a driver executes a load invocation by invocation.
import type { Value } from "../../ir/index.ts";
import { constantDim } from "../kernel.ts";
import type { Region } from "../region.ts";
import { VECTOR_TYPES, type VectorSize, vectorSizes } from "../storage.ts";
import { matmulOf, refusesLeftVectors } from "./matmul.ts";

/** The weight four elements at a time, for kernels that take blocks of it. */
export function weightVectors(region: Region): ReadonlyMap<Value, VectorSize> {
  const { weight } = matmulOf(region);
  return new Map(weight ? [[weight.value, 4]] : []);
}

/** `load_b4(i)`: four neighbouring elements of the weight. */
export function weightFunction(region: Region): string {
  const { weight, b } = matmulOf(region);
  return region.vectorFunction("load_b4", weight?.value ?? b, 4);
}

/** The weight in vectors as long as its storage gives, for kernels that stream it once. */
export function longWeightVectors(region: Region): ReadonlyMap<Value, VectorSize> {
  const { weight } = matmulOf(region);
  return new Map(weight ? [[weight.value, longVector(region).size]] : []);
}

/** What a template needs to know about such a vector. */
export function longVector(region: Region): { readonly size: VectorSize; readonly vector: string } {
  const { weight } = matmulOf(region);
  const stored = weight && region.stored(weight.value);
  const row = weight?.value.type.shape.at(-1);
  const size = (stored && typeof row === "number" ? vectorSizes(stored, row)[0] : undefined) ?? 4;
  return { size, vector: VECTOR_TYPES[size] };
}

/** `load_b(i)`: the weight's i-th vector. */
export function longWeightFunction(region: Region): string {
  const { weight, b } = matmulOf(region);
  return region.vectorFunction("load_b", weight?.value ?? b, longVector(region).size);
}

/** `element_of(v, i)`: one element of such a vector. */
export function elementFunction(region: Region): string {
  const element = longVector(region).size === 4 ? "v[i]" : "v[i / 4u][i % 4u]";
  return `fn element_of(v: Vector, i: u32) -> f32 { return ${element}; }`;
}

/** `load_x(row, k)`: what stands in a row of the left operand beside the weight's k-th vector, and `product(x, w)` of the two. */
export function rowFunctions(region: Region): readonly string[] {
  const { size, vector } = longVector(region);
  const fours = Array.from({ length: size / 4 }, (_, i) => i);
  const place = (i: number) => `${fours.length}u * k${i === 0 ? "" : ` + ${i}u`}`;
  const [x, product] =
    size === 4
      ? ["load_a4(row, k)", "dot(x, w)"]
      : [
          `${vector}(${fours.map((i) => `load_a4(row, ${place(i)})`).join(", ")})`,
          fours.map((i) => `dot(x[${i}], w[${i}])`).join(" + "),
        ];
  return [
    `fn load_x(row: u32, k: u32) -> Vector { return ${x}; }`,
    `fn product(x: Vector, w: Vector) -> f32 { return ${product}; }`,
  ];
}

/** The left operand, where it can be bound as vectors of four. */
export function leftVectors(region: Region): ReadonlyMap<Value, VectorSize> {
  const view = matmulOf(region);
  return new Map(refusesLeftVectors(view, region) === undefined ? [[view.a, 4]] : []);
}

/** `load_a4(row, k)`: the k-th four elements of a row of the left operand, whether that is bound as vectors or not. */
export function leftFunctions(region: Region): readonly string[] {
  const { a, inner } = matmulOf(region);
  const head = "fn load_a4(row: u32, k: u32) -> vec4f";
  if (leftVectors(region).size > 0)
    return [`${head} { return ${region.nameOf(a)}[row * ${constantDim(inner) / 4}u + k]; }`];
  const four = [0, 1, 2, 3].map((i) => `load_a(row, 4u * k + ${i}u)`).join(", ");
  return [region.loadFunction("load_a", a, ["row", "k"]), `${head} {\n  return vec4f(${four});\n}`];
}
