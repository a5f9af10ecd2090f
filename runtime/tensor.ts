// What a model takes and returns: numbers with their dtype and shape in the type.

/** How the host holds the elements of each dtype; a bool is 0 or 1. */
export interface TensorArrays {
  readonly f32: Float32Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly bool: Uint32Array;
}

/** Row-major. `S` is a tuple of lengths, such as `readonly [1, 50257]`. */
export interface Tensor<D extends keyof TensorArrays, S extends readonly number[]> {
  readonly dtype: D;
  readonly shape: S;
  readonly data: TensorArrays[D];
}

/** A tensor of any dtype and shape. */
export type AnyTensor = { readonly [D in keyof TensorArrays]: Tensor<D, readonly number[]> }[keyof TensorArrays];
