// The graphs that the matmul kernels are tried on, as text. `rows` may be a symbol.

export const matmul = (rows: string, inner: number, columns: number) =>
  `graph matmul(x: f32[${rows}, ${inner}], w: f32[${inner}, ${columns}]) { y = matmul(x, w) return y }`;
export const transposed = (rows: string, inner: number, columns: number) =>
  `graph transposed(x: f32[${rows}, ${inner}], w: f32[${columns}, ${inner}]) {
    t = transpose(w, perm=[1, 0])
    y = matmul(x, t)
    return y
  }`;
/** A row that is normalised on the way into its matmul. */
export const normalized = (inner: number, columns: number) =>
  `graph normalized(x: f32[1, ${inner}], g: f32[${inner}], c: f32[${inner}], w: f32[${inner}, ${columns}]) {
    n = layer_norm(x, g, c)
    y = matmul(n, w)
    return y
  }`;
