// A storage of a user's in one buffer: blocks of a scale and 32 codes of eight bits, nine words each. No vector of words lies where a block's
// codes begin, so that a load of several elements takes the words one by one.
import { definePlugin, extend, standard } from "../../codegen/compile.ts";
import type { Storage, VectorSize } from "../../codegen/storage.ts";
import { defineElement } from "../../ir/define-element.ts";
import type { ScalarFunction } from "../../ir/element.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import { printType, tensorType } from "../../ir/type.ts";
import { codeOf, codesFor } from "./packed-codes.ts";

const CODES = 32;
const WORDS = 9;

/** The f32 whose bits a word is. */
const floatOf: ScalarFunction = {
  scalar: ([word = 0]) => new Float32Array(Uint32Array.of(word).buffer)[0] ?? 0,
  wgsl: ([word]) => `bitcast<f32>(${word})`,
  result: () => "f32",
};

const dequantizeBlocks = defineElement({
  name: "dequantize_blocks",
  summary: "codes of blocks times the scale of each",
  operands: ["blocks"],
  cases: [],
  infer([blocks]) {
    const words = Number(blocks.shape.at(-1));
    if (blocks.dtype !== "u32" || words % WORDS !== 0)
      throw new CompileError(
        "dequantize_blocks",
        `blocks are ${printType(blocks)}`,
        "they are rows of nine words each",
      );
    return tensorType("f32", [...blocks.shape.slice(0, -1), (words / WORDS) * CODES]);
  },
  element(place, m) {
    const [outer, j] = [place.slice(0, -1), at(place, -1)];
    const [codes, four] = [m.dim(CODES), m.dim(4)];
    const block = m.mul(m.div(j, codes), m.dim(WORDS));
    const word = m.add(m.add(block, m.dim(1)), m.div(m.mod(j, codes), four));
    const code = m.scalar.call(codeOf(8), [m.load(0, [...outer, word]), m.toElement(m.mod(j, four), "u32")]);
    return m.scalar.mul(m.scalar.call(floatOf, [m.load(0, [...outer, block])]), code);
  },
});

const blocks: Storage = {
  name: "blocks",
  summary: "blocks of a scale and 32 codes of eight bits",
  op: dequantizeBlocks,
  parts: (_, producer) => (producer?.op === dequantizeBlocks ? producer.operands : undefined),
  sizes: [4, 8, 16],
  widths: () => [1],
  load(size: VectorSize, [part]) {
    const name = part?.name;
    const words = Array.from({ length: size / 4 }, (_, n) => `block_codes(${name}[first + ${n + 1}u])`);
    return [
      `let block = ${WORDS}u * (i / ${CODES / size}u);`,
      `let first = block + ${size / 4}u * (i % ${CODES / size}u);`,
      `return bitcast<f32>(${name}[block]) * ${size === 4 ? words[0] : `mat${size / 4}x4f(${words.join(", ")})`};`,
    ];
  },
  helpers: [
    "fn block_codes(word: u32) -> vec4f { return vec4f((vec4i(bitcast<i32>(word)) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)); }",
  ],
  unpacks: [CODES / WORDS],
};

/** wgpt's own, with that storage. */
export const withPackedBlocks = extend(
  standard,
  definePlugin({ name: "packed-blocks", ops: [dequantizeBlocks], storages: [blocks] }),
);

/** A graph's text whose matrix `w` lies in blocks. */
export function withBlocks(text: string): string {
  const [declared = "", rows = "", columns = ""] = /w: f32\[(\d+), (\d+)\]/.exec(text) ?? [];
  return text
    .replace(declared, `weight blocks: u32[${rows}, ${(Number(columns) / CODES) * WORDS}]`)
    .replace("{", "{ w = dequantize_blocks(blocks)");
}

/** Words of every bit for the blocks of such a graph, with a scale between 1 and 2 at the head of each. */
export const blocksFor = (graph: Graph): ReadonlyMap<string, HostTensor> =>
  new Map(
    [...codesFor(graph)].map(([name, words]) => {
      const data = words.data.map((word, i) => (i % WORDS === 0 ? 0x3f800000 | (word & 0x7fffff) : word));
      return [name, { ...words, data }];
    }),
  );
