// A packed bundle with one bit of one of its files another than it was, loaded with `verify`: it is refused, or gives the same
// numbers. Half of the bits are in the texts, half in the weights, which are most of the bytes.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { WgptError } from "../../base/index.ts";
import { bundleTexts, compileModelBundle } from "../../codegen/emit/bundle.ts";
import { packWeights } from "../../engine/index.ts";
import { readGpt2Config } from "../../ir/index.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { loadBundle, type OpenDevice, openRandomWeights } from "../../runtime/index.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { TINY_CONFIG } from "../codegen/emit/tiny-bundle.ts";
import { pick, type Random, seededRandom } from "../fuzz/mutate.ts";
import { tokenizerJson } from "../support/checkpoint-folders.ts";

export interface FlipTally {
  readonly flips: number;
  readonly refused: number;
  /** Gave the same numbers. */
  readonly same: number;
  /** Bits by what they lie in: the file, or the folder of like ones. */
  readonly places: ReadonlyMap<string, { readonly refused: number; readonly same: number }>;
  /** What must not be: other numbers, and errors that are none of ours. */
  readonly faults: readonly string[];
}

/** Writes a packed bundle, small enough to be loaded thousands of times, with a tokenizer. */
export async function writeSmallBundle(folder: string): Promise<void> {
  const bundle = compileModelBundle(gpt2, readGpt2Config(TINY_CONFIG, "tiny"), {
    name: "tiny",
    chunk: 8,
    tokenizer: new Map([["tokenizer.json", `${JSON.stringify(tokenizerJson())}\n`]]),
  });
  const { tensors } = bundle.weights;
  const { shards } = await packWeights(folder, tensors, openRandomWeights(sourcesOf(tensors), 1, "F32"));
  for (const [file, text] of await bundleTexts({ ...bundle, weights: { ...bundle.weights, shards } })) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}

/** Flips bits of the bundle in `folder`, one at a time, and puts each back. */
export async function flipBits(folder: string, gpu: OpenDevice, first: number, count: number): Promise<FlipTally> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  const isWeights = (file: string): boolean => file.startsWith("weights/");
  const texts = files.filter((file) => !isWeights(file));
  const shards = files.filter(isWeights);
  const expected = await numbersOf(folder, gpu);
  const places = new Map<string, { refused: number; same: number }>();
  const faults: string[] = [];
  for (let seed = first; seed < first + count; seed++) {
    const random = seededRandom(seed);
    const file = bySize(folder, random() < 0.5 ? texts : shards, random);
    const path = join(folder, file);
    const bytes = readFileSync(path);
    const bit = Math.floor(random() * bytes.length * 8);
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    writeFileSync(path, changed);
    const outcome = await numbersOf(folder, gpu).catch((error: unknown) => error);
    writeFileSync(path, bytes);
    const place = placeOf(file);
    const sums = places.get(place) ?? { refused: 0, same: 0 };
    places.set(place, sums);
    if (outcome instanceof WgptError) sums.refused++;
    else if (typeof outcome !== "string") faults.push(`seed ${seed}, bit ${bit} of ${file}: a raw error: ${outcome}`);
    else if (outcome === expected) sums.same++;
    else faults.push(`seed ${seed}, bit ${bit} of ${file}: other numbers`);
  }
  const sum = (key: "refused" | "same") => [...places.values()].reduce((n, p) => n + p[key], 0);
  return { flips: count, refused: sum("refused"), same: sum("same"), places, faults };
}

const placeOf = (file: string): string => (file.includes("/") ? `${dirname(file)}/` : file);

/** One of the files, each as likely as it is long. */
function bySize(folder: string, files: readonly string[], random: Random): string {
  const sizes = files.map((file) => statSync(join(folder, file)).size);
  let at = random() * sizes.reduce((n, size) => n + size, 0);
  for (const [i, size] of sizes.entries()) {
    at -= size;
    if (at < 0) return files[i] ?? "";
  }
  return pick(random, files);
}

/** What the tokenizer makes of a text, and the logits of a prompt and of a token behind it, exactly. */
async function numbersOf(folder: string, gpu: OpenDevice): Promise<string> {
  const model = await loadBundle(folder, gpu, undefined, { verify: true });
  try {
    const { n_vocab } = model.facts;
    const ids = model.tokenizer?.encode("in the end").join();
    const logits = [await model.append([1, 2, 3], [1, n_vocab]), await model.append([4], [1, n_vocab])];
    return [
      ids,
      ...logits.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")),
    ].join();
  } finally {
    await model.close();
  }
}
