// Storages of a user's that are like none of wgpt's own: whole numbers of eight or four bits, packed in words, and a scale for each group of
// neighbours on the last axis. Two buffers hold a tensor, and where a code has four bits, a word is more than the shortest load.
import { definePlugin, extend, standard } from "../../codegen/compile.ts";
import type { BoundPart, Storage, VectorSize } from "../../codegen/storage.ts";
import { defineElement } from "../../ir/define-element.ts";
import type { ScalarFunction } from "../../ir/element.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Op } from "../../ir/op.ts";
import { countElements, type HostTensor, hostTensor } from "../../ir/tensor.ts";
import { printType, type TensorType, tensorType } from "../../ir/type.ts";

type Bits = 8 | 4;

const perWord = (bits: Bits): number => 32 / bits;

/** The length of a row, and of a group of it that has one scale. */
function rowOf(bits: Bits, [codes, scales]: readonly TensorType[]): { readonly row: number; readonly group: number } {
  const row = Number(codes?.shape.at(-1)) * perWord(bits);
  return { row, group: row / Number(scales?.shape.at(-1)) };
}

/** A code of a word, as a number; codes are signed, the first in a word's lowest bits. */
export const codeOf = (bits: Bits): ScalarFunction => ({
  scalar: ([word = 0, place = 0]) => (word << (32 - bits * (place + 1))) >> (32 - bits),
  wgsl: ([word, place]) => `f32(extractBits(bitcast<i32>(${word}), ${bits}u * ${place}, ${bits}u))`,
  result: () => "f32",
});

/** y[…, j] = the scale of its group times code j of row …. */
const dequantize = (bits: Bits): Op =>
  defineElement({
    name: `dequantize_int${bits}`,
    summary: `codes of ${bits} bits times the scales of their groups`,
    operands: ["codes", "scales"],
    cases: [],
    infer([codes, scales]) {
      const { row, group } = rowOf(bits, [codes, scales]);
      if (codes.dtype !== "u32" || scales.dtype !== "f32" || !Number.isInteger(group))
        throw new CompileError(
          `dequantize_int${bits}`,
          `codes are ${printType(codes)}, and scales ${printType(scales)}`,
          "codes are words, and each row of them has as many scales as it has whole groups",
        );
      return tensorType("f32", [...codes.shape.slice(0, -1), row]);
    },
    element(place, m, { types }) {
      const [outer, j] = [place.slice(0, -1), at(place, -1)];
      const [codes, group] = [m.dim(perWord(bits)), m.dim(rowOf(bits, types).group)];
      const word = m.load(0, [...outer, m.div(j, codes)]);
      const code = m.scalar.call(codeOf(bits), [word, m.toElement(m.mod(j, codes), "u32")]);
      return m.scalar.mul(m.load(1, [...outer, m.div(j, group)]), code);
    },
  });

/** Four codes of a word, from the `first` on, as floats. */
const four = (bits: Bits, word: string, first = 0): string => {
  const shifts = [0, 1, 2, 3].map((i) => `${32 - bits * (first + i + 1)}u`).join(", ");
  return `vec4f((vec4i(bitcast<i32>(${word})) << vec4u(${shifts})) >> vec4u(${32 - bits}u))`;
};

const packedCodes = (bits: Bits, op: Op): Storage => ({
  name: `int${bits}`,
  summary: `codes of ${bits} bits in words, and a scale for each group`,
  op,
  parts: (_, producer) => (producer?.op === op ? producer.operands : undefined),
  sizes: [16, 8, 4],
  refuses(size, parts) {
    const { group } = rowOf(bits, parts);
    return group % size === 0 ? undefined : `a scale is for ${group} elements, which is no multiple of ${size}`;
  },
  widths: (size) => [Math.max(1, size / perWord(bits)), 1],
  load: bits === 8 ? loadBytes : loadNibbles,
  helpers:
    bits === 8
      ? [`fn codes_of(word: u32) -> vec4f { return ${four(8, "word")}; }`]
      : [
          `fn low_codes(word: u32) -> vec4f { return ${four(4, "word")}; }`,
          `fn high_codes(word: u32) -> vec4f { return ${four(4, "word", 4)}; }`,
        ],
  unpacks: [perWord(bits), 0],
});

const scaleOf = (bits: Bits, size: VectorSize, [codes, scales]: readonly BoundPart[]): string => {
  const { group } = rowOf(bits, codes && scales ? [codes.type, scales.type] : []);
  return `${scales?.name}[i / ${group / size}u]`;
};

function loadBytes(size: VectorSize, parts: readonly BoundPart[]): readonly string[] {
  const all = ["x", "y", "z", "w"].slice(0, size / 4).map((c) => `codes_of(words.${c})`);
  const made = size === 4 ? "codes_of(words)" : `mat${size / 4}x4f(${all.join(", ")})`;
  return [`let words = ${parts[0]?.name}[i];`, `return ${scaleOf(8, size, parts)} * ${made};`];
}

function loadNibbles(size: VectorSize, parts: readonly BoundPart[]): readonly string[] {
  const name = parts[0]?.name;
  const scale = scaleOf(4, size, parts);
  if (size === 4)
    return [
      `let word = ${name}[i / 2u];`,
      `return ${scale} * select(low_codes(word), high_codes(word), i % 2u == 1u);`,
    ];
  const words = size === 8 ? ["words"] : ["words.x", "words.y"];
  const made = words.flatMap((w) => [`low_codes(${w})`, `high_codes(${w})`]).join(", ");
  return [`let words = ${name}[i];`, `return ${scale} * mat${size / 4}x4f(${made});`];
}

const ops = { 8: dequantize(8), 4: dequantize(4) } as const;
/** The op of eight bits, and its storage. */
export const dequantizeInt8 = ops[8];
export const int8 = packedCodes(8, ops[8]);

/** wgpt's own, with both storages. */
export const withPackedCodes = extend(
  standard,
  definePlugin({
    name: "packed-codes",
    ops: [ops[8], ops[4]],
    storages: [int8, packedCodes(4, ops[4])],
  }),
);

/** A graph's text whose matrix `w` lies as codes, with a scale for `group` of them; for a whole row when absent. */
export function withCodes(text: string, bits: Bits, group?: number): string {
  const [declared = "", rows = "", columns = ""] = /w: f32\[(\d+), (\d+)\]/.exec(text) ?? [];
  const row = Number(columns);
  const parts = `weight codes: u32[${rows}, ${row / perWord(bits)}], weight scales: f32[${rows}, ${row / (group ?? row)}]`;
  return text.replace(declared, parts).replace("{", `{ w = dequantize_int${bits}(codes, scales)`);
}

/** Words of every bit, for the codes of such a graph; the same for the same shape. */
export function codesFor({ inputs }: Graph): ReadonlyMap<string, HostTensor> {
  return new Map(
    inputs
      .filter((i) => i.value.type.dtype === "u32")
      .map(({ value: { name, type } }) => {
        const shape = type.shape.map(Number);
        const words = Float64Array.from({ length: countElements(shape) }, (_, i) => {
          const mixed = Math.imul(i + 1, 0x9e3779b1);
          return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 0;
        });
        return [name, hostTensor("u32", shape, words)];
      }),
  );
}
