// What a model returns: numbers with their dtype and shape in the type.

/** Row-major. `S` is a tuple of lengths, such as `readonly [1, 50257]`. */
export interface Tensor<D extends "f32" | "i32", S extends readonly number[]> {
  readonly dtype: D;
  readonly shape: S;
  readonly data: D extends "f32" ? Float32Array : Int32Array;
}
