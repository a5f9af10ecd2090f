// Bundles whose plan.json or weights.json was made wrong on purpose, with the hashes of what they are now. What is read is loaded
// and run too, on a device that computes nothing: what WebGPU refuses has to come as an error of ours.
import { bundleTexts } from "../../codegen/emit/bundle.ts";
import type { BundleFiles } from "../../runtime/bundle.ts";
import { fileError, type OpenDevice, openDawn, openRandomWeights, type WeightSource } from "../../runtime/index.ts";
import { type Environment, loadBundleIn } from "../../runtime/load-bundle.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { tinyBundle } from "../codegen/emit/tiny-bundle.ts";
import { sealPlan } from "../support/seal-bundle.ts";
import type { Random } from "./mutate.ts";
import { mutateShape } from "./mutate-text.ts";

let made: Promise<ReadonlyMap<string, string>> | undefined;
/** Once for all cases: a device that is closed leaves threads behind. */
let gpu: Promise<OpenDevice> | undefined;
let source: WeightSource | undefined;

/** A bundle, a few things in one of its files changed. */
async function changed(file: string, random: Random): Promise<ReadonlyMap<string, string>> {
  made ??= bundleTexts(tinyBundle());
  const texts = new Map(await made);
  const { source: _, ...json } = JSON.parse(texts.get(file) ?? "");
  // What it was compiled from is long, and nothing that loading reads.
  const whole =
    file === "plan.json" ? { ...json, source: { graphs: [{ name: "decode", graph: "" }], options: {} } } : json;
  texts.set(file, mutateShape(whole, random));
  texts.set("plan.json", await sealPlan(texts.get("plan.json") ?? "", (name) => texts.get(name)));
  return texts;
}

async function load(texts: ReadonlyMap<string, string>): Promise<void> {
  gpu ??= openDawn({ backend: "null" });
  source ??= openRandomWeights(sourcesOf(tinyBundle().weights.tensors), 1, "F32");
  const files: BundleFiles = {
    place: "b",
    text: async (file) => texts.get(file) ?? Promise.reject(fileError(`b/${file}`, "is missing")),
    bytes: (file) => Promise.reject(new Error(`${file} was asked for`)),
    close: async () => {},
  };
  const environment: Environment<object> = {
    openFiles: async () => files,
    openGpu: () => Promise.reject(new Error("a device was asked for")),
    openWeights: () => Promise.reject(new Error("a checkpoint was asked for")),
    freeBytes: () => 2 ** 28,
    warn: () => undefined,
  };
  const model = await loadBundleIn(environment, "b", await gpu, source);
  try {
    const { n_vocab } = model.facts;
    await model.append([1, 2], [1, n_vocab]);
    await model.append([3], [1, n_vocab]);
  } finally {
    await model.close();
  }
}

export const fuzzPlan = async (random: Random): Promise<void> => load(await changed("plan.json", random));
export const fuzzWeights = async (random: Random): Promise<void> => load(await changed("weights.json", random));
