// The graphs that the matmul kernels are tried on, as text. `rows` may be a symbol.

export const matmul = (rows: string, inner: number, columns: number) =>
  `graph matmul(x: f32[${rows}, ${inner}], w: f32[${inner}, ${columns}]) { y = matmul(x, w) return y }`;
export const transposed = (rows: string, inner: number, columns: number) =>
  `graph transposed(x: f32[${rows}, ${inner}], w: f32[${columns}, ${inner}]) {
    t = transpose(w, perm=[1, 0])
    y = matmul(x, t)
    return y
  }`;
/** Rows that are normalised on the way into their matmul. */
export const normalized = (inner: number, columns: number, rows = 1, parts = 0) =>
  `graph normalized(x: f32[${rows}, ${inner}], g: f32[${inner}], c: f32[${inner}], w: f32[${inner}, ${columns}]) {
    n = layer_norm(x, g, c)
    y = ${parts === 0 ? "matmul(n, w)" : `matmul_parts(n, w, parts=${parts})`}
    return y
  }`;
