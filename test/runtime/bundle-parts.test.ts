// A bundle whose parts do not fit together is refused when it is read, by the place of the first that does not.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { BundlePlan, BundleVariant, BundleWeights } from "../../base/bundle.ts";
import type { PlanEntry, PlanStep } from "../../base/plan.ts";
import { bundleTexts } from "../../codegen/emit/bundle.ts";
import { at } from "../../ir/errors.ts";
import { type BundleFiles, readBundle } from "../../runtime/bundle.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { tinyBundle } from "../codegen/emit/tiny-bundle.ts";
import { sealPlan } from "../support/seal-bundle.ts";

const test = suite("bundle parts");

const texts = await bundleTexts(tinyBundle());
const jsonOf = <T>(file: string): T => JSON.parse(texts.get(file) ?? "");

/** As its types are, but to be changed. */
type Open<T> = T extends readonly (infer U)[]
  ? Open<U>[]
  : T extends object
    ? { -readonly [K in keyof T]: Open<T[K]> }
    : T;
type Change = (plan: Open<BundlePlan>, weights: Open<BundleWeights>) => void;

/** Reads the tiny bundle, changed on purpose: its hashes are those of what it is now. */
async function read(change: Change): Promise<unknown> {
  const plan = jsonOf<Open<BundlePlan>>("plan.json");
  const weights = jsonOf<Open<BundleWeights>>("weights.json");
  change(plan, weights);
  const changed = new Map([...texts, ["weights.json", JSON.stringify(weights)]]);
  changed.set("plan.json", await sealPlan(JSON.stringify(plan), (file) => changed.get(file)));
  const files: BundleFiles = {
    place: "b",
    text: async (file) => changed.get(file) ?? "",
    bytes: () => Promise.reject(new Error("nothing is packed")),
    close: async () => {},
  };
  return readBundle(files);
}

const variant = (plan: Open<BundlePlan>): Open<BundleVariant> => at(plan.variants, 0);
const decode = (plan: Open<BundlePlan>): Open<PlanEntry> =>
  variant(plan).entries.find((e) => e.name === "decode") as Open<PlanEntry>;
const step = (plan: Open<BundlePlan>): Open<PlanStep> => at(decode(plan).steps, 0);

const REFUSED: Readonly<Record<string, readonly [Change, RegExp]>> = {
  "two symbols of a name": [(p) => p.symbols.push(at(p.symbols, 0)), /plan\.json symbols: two of them are called \w/],
  "a symbol without a value": [
    (p) => Object.assign(at(p.symbols, 0), { min: 1, max: 0 }),
    /plan\.json symbols \w: its values go from 1 to 0$/,
  ],
  "two variants of a name": [(p) => p.variants.push(variant(p)), /plan\.json variants: two of them are called base/],
  "two buffers of a name": [
    (p) => variant(p).buffers.push(at(variant(p).buffers, 0)),
    /variants\[0\] buffers: two of them/,
  ],
  "two kernels of a name": [(p) => variant(p).kernels.push(at(variant(p).kernels, 0)), /kernels: two of them/],
  "two entry points of a name": [(p) => variant(p).entries.push(decode(p)), /entries: two of them are called decode/],
  "a buffer of more bytes than there are numbers": [
    (p) => Object.assign(at(variant(p).buffers, 0), { bytes: [[2 ** 30, 2 ** 30]] }),
    /buffers \S+: 1073741824 × 1073741824 is no number of bytes/,
  ],
  "a buffer of an unknown symbol": [
    (p) => Object.assign(at(variant(p).buffers, 0), { bytes: [[[[4, "Q"]]]] }),
    /buffers \S+: 4Q is no number of bytes/,
  ],
  "a result of fewer rows than none": [
    (p) => Object.assign(at(decode(p).outputs, 0), { shape: [-1, 4] }),
    /outputs \S+: its length -1 is below 0$/m,
  ],
  "a weight in a buffer that is none": [
    (_, w) => Object.assign(at(w.tensors, 0), { buffer: "nowhere" }),
    /variants\[0\] buffers: none of the kind weight is called nowhere/,
  ],
  "a weight in a state": [
    (p) => Object.assign(variant(p).buffers.find((b) => b.kind === "weight") ?? {}, { kind: "state" }),
    /buffers: none of the kind weight is called/,
  ],
  "a weight that nothing fills": [
    (p) => variant(p).buffers.push({ name: "more", kind: "weight", bytes: [[4]] }),
    /buffers more: is a weight, but weights\.json does not say what it holds/,
  ],
  "a weight longer than its buffer": [
    (_, w) => at(w.tensors, 0).shape.push(2),
    /buffers \S+: it has \d+ bytes, but its weight in weights\.json \d+/,
  ],
  "two weights of a name": [
    (_, w) => w.tensors.push(at(w.tensors, 0)),
    /weights\.json tensors: two of them are called/,
  ],
  "two weights in a buffer": [
    (_, w) => w.tensors.push({ ...at(w.tensors, 0), name: "another" }),
    /weights\.json tensors: two of them/,
  ],
  "a recipe for something else": [
    (_, w) => Object.assign(at(w.tensors, 0), { recipe: { kind: "tensor", name: "w", dtype: "f32", shape: [1] } }),
    /tensors \S+: it is f32\[.*\], but its recipe makes f32\[1\]/,
  ],
  "a slice beyond its end": [
    (_, w) => {
      const { name, dtype, shape } = at(w.tensors, 0);
      const of = { kind: "tensor", name, dtype, shape } as const;
      Object.assign(at(w.tensors, 0), { recipe: { kind: "slice", of, axis: 0, start: 1, length: shape[0] } });
    },
    /tensors \S+: a slice takes 1 to \d+ of axis 0/,
  ],
  "a fixed symbol that is none": [(p) => Object.assign(decode(p).fixed, { Q: 1 }), /fixed: Q is no symbol of the plan/],
  "a fixed symbol out of its range": [
    (p) => Object.assign(decode(p).fixed, { T: 10_000 }),
    /fixed: T is 10000, but it goes from 1 to \d+/,
  ],
  "a symbol that is fixed and given": [(p) => decode(p).symbols.push("T"), /symbols: T is there twice, or fixed/],
  "a symbol that no plan has": [(p) => decode(p).symbols.push("Q"), /symbols: Q is no symbol of the plan/],
  "an input in a buffer that is none": [
    (p) => Object.assign(at(decode(p).inputs, 0), { buffer: "nowhere" }),
    /inputs \S+: lies in the buffer nowhere, which is none/,
  ],
  "a result longer than its buffer": [
    (p) => Object.assign(at(decode(p).outputs, 0), { shape: [1, 10_000] }),
    /outputs \S+: takes 40000 bytes, but its buffer \S+ has \d+/,
  ],
  "an axis of an unknown symbol": [
    (p) => Object.assign(at(decode(p).outputs, 0), { shape: [[[1, "Q"]], 4] }),
    /outputs \S+: Q is no whole number/,
  ],
  "a step of a kernel that is none": [
    (p) => Object.assign(step(p), { kernel: "k" }),
    /entries\[\d\]\.steps\[0\]: runs the kernel k, which is none|steps\[0\]: runs the kernel k/,
  ],
  "a step that binds too few": [
    (p) => step(p).bindings.pop(),
    /steps\[0\]: binds \d+ buffers, but \S+ has \d+ bindings/,
  ],
  "a step that binds what is none": [
    (p) => Object.assign(step(p).bindings, ["nowhere"]),
    /steps\[0\]: binds the buffer nowhere, which is none/,
  ],
  "a step that writes to a weight": [
    (p) => {
      const weight = variant(p).buffers.find((b) => b.kind === "weight")?.name ?? "";
      step(p).bindings[step(p).bindings.length - 1] = weight;
    },
    /steps\[0\]: writes to \S+, a weight/,
  ],
  "a step that reads what it writes": [
    (p) => {
      step(p).bindings[0] = step(p).bindings.at(-1) ?? "";
    },
    /steps\[0\]: binds \S+ twice, and writes to it/,
  ],
  "workgroups of an unknown symbol": [
    (p) => {
      step(p).workgroups[0] = [{ dim: [[1, "Q"]], per: 1 }];
    },
    /steps\[0\]: its workgroups are no number/,
  ],
  "a constraint of an unknown symbol": [
    (p) => decode(p).constraints.push({ value: [[1, "Q"]], most: 4, of: "k" }),
    /constraints of k: Q is no whole number/,
  ],
  "tokens that are no state": [
    (p) => Object.assign(decode(p).roles ?? {}, { tokens: "nowhere" }),
    /roles tokens: nowhere is no state/,
  ],
  "fewer tokens than the context": [
    (p) => Object.assign(p.model ?? {}, { n_ctx: 4096 }),
    /roles tokens: \S+ has \d+ bytes, but the context takes 16388/,
  ],
  "logits of another vocabulary": [
    (p) => Object.assign(p.model ?? {}, { n_vocab: 7 }),
    /roles logits: \S+ is no result of 7 numbers a row/,
  ],
  "settings that are none": [
    (p) => Object.assign(decode(p).roles?.draw ?? {}, { settings: "nowhere" }),
    /roles draw\.settings: nowhere is no input of 5 numbers/,
  ],
  "a role of a symbol that is none": [
    (p) => Object.assign(decode(p).roles ?? {}, { newTokens: "Q" }),
    /roles newTokens: Q is no symbol/,
  ],
  "roles without a model": [
    (p) => {
      Reflect.deleteProperty(p, "model");
    },
    /roles: are there, but plan\.json has no model/,
  ],
};

test("reads the bundle as it is", async () => {
  await read(() => undefined);
});

for (const [name, [change, says]] of Object.entries(REFUSED))
  test(`refuses ${name}`, async () => {
    const error = await read(change).then(
      () => undefined,
      (e: unknown) => e,
    );
    assert.instance(error, RuntimeError);
    if (!(error instanceof RuntimeError)) return;
    assert.is(error.code, "bad-bundle");
    assert.match(`${error.place}: ${error.facts}`, says);
  });

test.run();
