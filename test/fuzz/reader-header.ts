// Headers of safetensors files made wrong: the length before them, their JSON, their size against the file's.
import { parseSafetensorsHeader, safetensorsHeaderSize } from "../../runtime/weights/safetensors.ts";
import { rawSafetensors } from "../support/make-safetensors.ts";
import { pick, type Random } from "./mutate.ts";
import { mutateJson } from "./mutate-text.ts";

const tensor = (dtype: string, shape: readonly number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const HEADERS: readonly (readonly [json: object, dataBytes: number])[] = [
  [{ a: tensor("F32", [2, 3], 0, 24), b: tensor("F16", [4], 24, 32) }, 32],
  [{ __metadata__: { format: "pt", "lm_head.weight": "wte.weight" }, "wte.weight": tensor("BF16", [1, 4], 0, 8) }, 8],
  [{ e: tensor("I64", [0], 0, 0), s: tensor("F64", [], 0, 8) }, 8],
  [{}, 0],
];

/** A file of weights, a few things in it changed. */
export function mutateSafetensors(random: Random): Uint8Array<ArrayBuffer> {
  const [json, size] = pick(random, HEADERS);
  const bytes = rawSafetensors(random() < 0.1 ? json : mutateJson(json, random), random() < 0.9 ? size : size + 1);
  const way = random();
  if (way < 0.1) return bytes.slice(0, Math.floor(random() * (bytes.length + 1)));
  const changed = bytes.slice();
  if (way < 0.2) {
    const length = pick(random, [0n, 1n, 7n, 99_999_999n, 100_000_001n, 2n ** 63n, BigInt(bytes.length)]);
    new DataView(changed.buffer).setBigUint64(0, length, true);
  } else if (way < 0.3) changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
  return changed;
}

export function fuzzHeader(random: Random): void {
  const bytes = mutateSafetensors(random);
  const size = pick(random, [...Array<number>(8).fill(bytes.length), bytes.length + 1, 2 ** 40]);
  const needed = safetensorsHeaderSize("f", bytes.subarray(0, 8), size);
  parseSafetensorsHeader("f", bytes.subarray(0, needed), size);
}
