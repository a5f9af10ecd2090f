// Elements that lie as they are computed with: f32, and integers and bools for kernels that take those.
import type { BufferFormat } from "../buffer-format.ts";
import type { Storage } from "../storage.ts";

/** Buffers of a scalar type of WGSL. */
export const scalars = (type: "f32" | "i32" | "u32"): BufferFormat => ({
  name: type,
  unpacks: 0,
  type: (width) => (width === 1 ? type : `vec${width}${type.slice(0, 1)}`),
  element: (binding, place, scope) => scope.let(`${binding}_at`, `${binding}[${place}]`),
  together: () => 1,
  store: (binding, place, [element]) => `${binding}[${place}] = ${element};`,
});

/** A bool has no place in a buffer; it lies there as a u32. */
export const bools: BufferFormat = {
  ...scalars("u32"),
  name: "bool",
  element: (binding, place, scope) => scope.let(`${binding}_at`, `${binding}[${place}] != 0u`),
  store: (binding, place, [element]) => `${binding}[${place}] = select(0u, 1u, ${element});`,
};

/** A tensor in one buffer, as its kernels compute with it. */
export const f32: Storage = {
  name: "f32",
  summary: "elements as they are",
  parts: (v, producer) => (producer === undefined ? [v] : undefined),
  sizes: [4],
  widths: (size) => [size],
  load: (_size, [part]) => [`return ${part?.name}[i];`],
};
