// Halves: as the f16 of the feature `shader-f16`, where a machine reads those faster, or else as pairs in words, on any adapter.
import { cast } from "../../ir/ops/index.ts";
import type { BufferFormat } from "../buffer-format.ts";
import type { Storage, VectorSize } from "../storage.ts";
import type { Target } from "../target.ts";

const FEATURE = "shader-f16";
const NATIVE: Readonly<Record<number, string>> = { 1: "f16", 4: "vec4h", 8: "mat2x4h" };
const PAIRS: Readonly<Record<number, string>> = { 1: "u32", 4: "vec2u", 8: "vec4u" };

const features = ({ features: offered, machine }: Target): readonly string[] =>
  offered.includes(FEATURE) && machine.nativeHalves ? [FEATURE] : [];
const isNative = (enabled: readonly string[]): boolean => enabled.includes(FEATURE);

/** Buffers of f16. */
export const halves: BufferFormat = {
  name: "f16",
  unpacks: 1,
  features,
  type: (width, enabled) => (isNative(enabled) ? NATIVE : PAIRS)[width] ?? "u32",
  element(binding, place, scope, enabled) {
    if (isNative(enabled)) return scope.let(`${binding}_at`, `f32(${binding}[${place}])`);
    const i = scope.let("half", place);
    return scope.let(`${binding}_at`, `unpack2x16float(${binding}[${i} >> 1u])[${i} & 1u]`);
  },
  // Two invocations that store half of a word each would undo each other's.
  together: (enabled) => (isNative(enabled) ? 1 : 2),
  store: (binding, place, elements, enabled) =>
    isNative(enabled)
      ? `${binding}[${place}] = f16(${elements.join()});`
      : `${binding}[${place}] = pack2x16float(vec2f(${elements.join(", ")}));`,
};

/** A tensor of f16 that is widened as it is read, whether a cast says so or not. */
export const f16: Storage = {
  name: "f16",
  summary: "halves, widened as they are read",
  op: cast,
  parts(v, producer) {
    if (producer === undefined) return v.type.dtype === "f16" ? [v] : undefined;
    const isHalf = producer.op === cast && v.type.dtype === "f32" && producer.operands[0]?.type.dtype === "f16";
    return isHalf ? producer.operands : undefined;
  },
  sizes: [8, 4],
  widths: (size) => [size],
  load: (size, [part], enabled) => [`let halves = ${part?.name}[i];`, `return ${widened(size, isNative(enabled))};`],
  features,
};

/** `halves` as floats. */
function widened(size: VectorSize, native: boolean): string {
  if (native) return size === 8 ? "mat2x4f(vec4f(halves[0]), vec4f(halves[1]))" : "vec4f(halves)";
  const four = (a: string, b: string) => `vec4f(unpack2x16float(halves.${a}), unpack2x16float(halves.${b}))`;
  return size === 8 ? `mat2x4f(${four("x", "y")}, ${four("z", "w")})` : four("x", "y");
}
