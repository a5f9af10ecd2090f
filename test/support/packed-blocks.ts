// A storage of a user's in one buffer: blocks of a scale and 32 codes of eight bits, nine words each. No vector of words lies where a block's
// codes begin, so that a load of several elements takes the words one by one.
import { definePlugin, extend, standard } from "../../codegen/compile.ts";
import type { Storage, VectorSize } from "../../codegen/storage.ts";
import { addIndex, divIndex, type Index, indexOf, modIndex, mulIndex } from "../../codegen/wgsl-index.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { defineOp } from "../../ir/op.ts";
import { countElements, type HostTensor } from "../../ir/tensor.ts";
import { printType, tensorType } from "../../ir/type.ts";
import { codesFor } from "./packed-codes.ts";

const CODES = 32;
const WORDS = 9;

const dequantizeBlocks = defineOp({
  name: "dequantize_blocks",
  summary: "codes of blocks times the scale of each",
  operands: ["blocks"],
  traits: { widens: true },
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
  reference([blocks]) {
    const shape = [...blocks.shape.slice(0, -1), (at(blocks.shape, -1) / WORDS) * CODES];
    const words = Uint32Array.from(blocks.data);
    const scales = new Float32Array(words.buffer);
    const codes = new Int8Array(words.buffer);
    const data = Float64Array.from({ length: countElements(shape) }, (_, i) => {
      const block = WORDS * Math.floor(i / CODES);
      return (codes[4 * (block + 1) + (i % CODES)] ?? 0) * (scales[block] ?? 0);
    });
    return { dtype: "f32", shape, data };
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
  element(index: readonly Index[], { load, text }) {
    const [outer, j] = [index.slice(0, -1), at(index, -1)];
    const block = mulIndex(indexOf(WORDS), divIndex(j, indexOf(CODES)));
    const word = addIndex(addIndex(block, indexOf(1)), divIndex(modIndex(j, indexOf(CODES)), indexOf(4)));
    const code = `extractBits(bitcast<i32>(${load(0, [...outer, word])}), 8u * (${text(modIndex(j, indexOf(4)))}), 8u)`;
    return `bitcast<f32>(${load(0, [...outer, block])}) * f32(${code})`;
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
