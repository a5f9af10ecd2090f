// Recipes carried out on the way to the GPU: each element where the reference has it, in memory that is bounded.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PlanWeight } from "../../base/plan.ts";
import {
  castRecipe,
  concatRecipe,
  recipeType,
  reshapeRecipe,
  tensorRecipe,
  transposeRecipe,
  type WeightRecipe,
} from "../../base/recipe.ts";
import { compileEntries } from "../../codegen/compile.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import { interpret } from "../../ir/interpret.ts";
import { matmul } from "../../ir/ops/index.ts";
import { evaluateRecipe } from "../../ir/recipe.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import { tensorType } from "../../ir/type.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { LoadedPlan } from "../../runtime/loaded-plan.ts";
import { toBf16Bits, toF16Bits, toF32 } from "../../runtime/weights/convert.ts";
import { matchWeights } from "../../runtime/weights/match.ts";
import { piecesOf } from "../../runtime/weights/pieces.ts";
import { BAND_BYTES, bandBytes, CHUNK_BYTES } from "../../runtime/weights/reads.ts";
import { readMemory, type StoredTensor, type WeightSource } from "../../runtime/weights/source.ts";
import { sourcesOf, storageKey } from "../../runtime/weights/storage.ts";
import { streamWeights } from "../../runtime/weights/stream-weights.ts";
import { uploadWeights } from "../../runtime/weights/upload-weights.ts";
import { gpuDevice, onGpu } from "../support/gpu.ts";
import { recipes, tensorsOf } from "../support/random-recipe.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("recipes at run time");
const gpuTest = onGpu(test);

const STORED = ["F32", "F16", "BF16", "F64"] as const;

/** Every tensor's elements are numbers that all dtypes but bf16 have; those of one tensor are no other's. */
function checkpoint(tensors: ReadonlyMap<string, readonly number[]>, dtypes: readonly (typeof STORED)[number][]) {
  const values = new Map<string, HostTensor>();
  const bytes = new Map<string, Uint8Array<ArrayBuffer>>();
  const stored = new Map<string, StoredTensor>();
  const count = { reads: 0, longest: 0, bytes: 0 };
  for (const [i, [name, shape]] of [...tensors].entries()) {
    const dtype = dtypes[i % dtypes.length] ?? "F32";
    const numbers = Float32Array.from(
      { length: shape.reduce((n, d) => n * d, 1) },
      (_, k) => (((k * 31 + i * 7) % 509) - 250) / 8,
    );
    const view =
      dtype === "F32"
        ? numbers
        : dtype === "F64"
          ? new Float64Array(numbers)
          : dtype === "F16"
            ? toF16Bits(numbers)
            : toBf16Bits(numbers);
    const data = new Uint8Array(view.buffer, view.byteOffset, view.byteLength) as Uint8Array<ArrayBuffer>;
    bytes.set(name, data);
    values.set(name, hostTensor("f32", shape, toF32(data.slice(), dtype)));
    stored.set(name, { name, dtype, shape, byteLength: data.byteLength });
  }
  const source: WeightSource = {
    place: "a test",
    tensors: stored,
    async read(name, byteOffset, byteLength, into) {
      count.reads++;
      count.bytes += byteLength;
      count.longest = Math.max(count.longest, byteLength);
      const memory = readMemory(byteLength, into);
      memory.set(bytes.get(name)?.subarray(byteOffset, byteOffset + byteLength) ?? []);
      return memory;
    },
    async close() {},
  };
  return { source, values, count };
}

async function stream(weight: PlanWeight, source: WeightSource): Promise<Float32Array> {
  const item = weight.dtype === "f16" ? 2 : 4;
  const elements = weight.shape.reduce((n, d) => n * d, 1);
  const buffer = new Uint8Array(4 * Math.ceil((elements * item) / 4));
  let end = 0;
  const target = {
    write(_: string, data: Uint8Array<ArrayBuffer>, offset: number) {
      assert.is(offset, end, "from front to back");
      assert.is(data.byteLength % 4, 0);
      buffer.set(data, offset);
      end = offset + data.byteLength;
    },
    async finish() {},
  };
  const { found } = matchWeights(sourcesOf([weight]), source);
  await streamWeights(target, [weight], source, found);
  assert.is(end, buffer.byteLength);
  return toF32(buffer.subarray(0, elements * item), item === 2 ? "F16" : "F32");
}

const weightOf = (recipe: WeightRecipe): PlanWeight => {
  const { dtype, shape } = recipeType(recipe);
  return { name: "made", buffer: "made", dtype, shape, recipe };
};

/** A recipe's leaves read the checkpoint as f32 here. */
const asF32 = (tensors: ReadonlyMap<string, HostTensor>, recipe: WeightRecipe): ReadonlyMap<string, HostTensor> => {
  const dtypes = new Map<string, HostTensor>();
  const visit = (r: WeightRecipe): void => {
    if (r.kind === "tensor") {
      const tensor = tensors.get(r.name);
      if (tensor) dtypes.set(r.name, evaluateRecipe(castRecipe(tensorRecipe(r.name, r.shape), r.dtype), tensors));
    } else if (r.kind === "concat") r.of.forEach(visit);
    else visit(r.of);
  };
  visit(recipe);
  return dtypes;
};

test("any recipe gives what the reference gives, whatever the checkpoint stores", async () => {
  await fc.assert(
    fc.asyncProperty(
      recipes,
      fc.shuffledSubarray([...STORED], { minLength: 1 }),
      async ({ simple, spelled }, dtypes) => {
        for (const recipe of [simple, spelled]) {
          const { source, values } = checkpoint(tensorsOf(recipe), dtypes);
          const want = evaluateRecipe(recipe, asF32(values, recipe));
          const got = await stream(weightOf(recipe), source);
          assert.equal([...got], [...want.data]);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a transpose reads its source once for each band of 32 MiB, and nothing longer than 1 MiB", async () => {
  const [rows, columns] = [2100, 4099];
  const recipe = transposeRecipe(tensorRecipe("t", [rows, columns]), [1, 0]);
  const { source, values, count } = checkpoint(new Map([["t", [rows, columns]]]), ["F32"]);
  const got = await stream(weightOf(recipe), source);
  const whole = values.get("t")?.data ?? new Float64Array();
  let wrong = 0;
  for (let i = 0; i < got.length; i++) if (got[i] !== whole[(i % rows) * columns + Math.floor(i / rows)]) wrong++;
  assert.is(wrong, 0);
  const bands = Math.ceil((4 * rows * columns) / BAND_BYTES);
  assert.is(bands, 2);
  assert.ok(count.longest <= CHUNK_BYTES, `${count.longest} bytes in one read`);
  assert.ok(count.bytes <= bands * 4 * rows * columns, `${count.bytes} bytes read`);
});

test("what keeps the order of its tensors is read once", async () => {
  const shape = [700, 513];
  const parts = ["q", "k", "v"];
  const recipe = castRecipe(
    concatRecipe(
      parts.map((n) => tensorRecipe(n, shape)),
      1,
    ),
    "f16",
  );
  const { source, values, count } = checkpoint(new Map(parts.map((n) => [n, shape])), ["F32", "BF16", "F16"]);
  const got = await stream(weightOf(recipe), source);
  assert.equal([...got], [...evaluateRecipe(recipe, values).data]);
  assert.is(count.bytes, 700 * 513 * (4 + 2 + 2));
});

test("a matrix that the checkpoint stores the other way round is still refused with its way out", async () => {
  const recipe = transposeRecipe(tensorRecipe("t", [3, 2]), [1, 0]);
  const { source } = checkpoint(new Map([["t", [2, 3]]]), ["F32"]);
  await rejects(
    stream(weightOf(recipe), source),
    /a test t: has the shape \[2, 3\], but the model wants \[3, 2\] for t\nhint: this is exactly the transpose/,
  );
});

test("what puts a weight into order counts as memory, and is no more than a band", () => {
  const weight = (recipe: WeightRecipe) => weightOf(recipe);
  assert.is(bandBytes(weight(transposeRecipe(tensorRecipe("t", [30, 20]), [1, 0]))), 4 * 600);
  assert.is(bandBytes(weight(transposeRecipe(tensorRecipe("t", [3000, 20000]), [1, 0]))), BAND_BYTES);
  assert.is(bandBytes(weight(transposeRecipe(tensorRecipe("t", [1, 20000]), [1, 0]))), 0);
  assert.is(bandBytes(weight(concatRecipe([tensorRecipe("q", [30, 20]), tensorRecipe("k", [30, 20])], 1))), 0);
});

test("a matrix whose columns are interleaved is a few pieces, whatever its size", () => {
  const [heads, half, inner] = [32, 32, 2048];
  const stored = tensorRecipe("q", [2 * heads * half, inner]);
  const pairs = transposeRecipe(reshapeRecipe(stored, [heads, 2, half, inner]), [3, 0, 2, 1]);
  assert.is(piecesOf(weightOf(reshapeRecipe(pairs, [inner, 2 * heads * half]))).length, 1);
  const both = concatRecipe([tensorRecipe("gate", [5632, inner]), tensorRecipe("up", [5632, inner])], 0);
  const columns = transposeRecipe(reshapeRecipe(both, [2, 5632, inner]), [2, 1, 0]);
  assert.is(piecesOf(weightOf(reshapeRecipe(columns, [inner, 2 * 5632]))).length, 2);
});

test("a recipe that would take its tensors to pieces is refused", () => {
  const [rows, columns] = [40009, 40013];
  const turned = transposeRecipe(tensorRecipe("t", [rows, columns]), [1, 0]);
  const cut = transposeRecipe(reshapeRecipe(turned, [rows, columns]), [1, 0]);
  assert.throws(
    () => piecesOf(weightOf(cut)),
    (e: Error) => e instanceof RuntimeError && /cuts its tensors into more than 65536 pieces/.test(e.message),
  );
});

test("a checkpoint's tensors become floats and nothing else", async () => {
  const { source } = checkpoint(new Map([["t", [4]]]), ["F32"]);
  await rejects(stream(weightOf(castRecipe(tensorRecipe("t", [4]), "i32")), source), /made: is made as i32, but/);
});

gpuTest("q, k and v stored apart, and the other way round, multiply as one matrix", async () => {
  const linear = (name: string) => transposeRecipe(tensorRecipe(name, [8, 12]), [1, 0]);
  const builder = new GraphBuilder("g");
  const x = builder.input("x", tensorType("f32", [3, 12]));
  const qkv = builder.weight("qkv", concatRecipe(["q", "k", "v"].map(linear), 1));
  const graph = builder.build([builder.op(matmul, [x, qkv], {}, "y")]);
  const { source, values } = checkpoint(new Map(["q", "k", "v"].map((n) => [n, [8, 12]])), ["F32", "F16"]);
  const rows = hostTensor(
    "f32",
    [3, 12],
    Float64Array.from({ length: 36 }, (_, i) => (i % 7) - 3),
  );
  const [want] = interpret(graph, new Map([...values, ["x", rows]]));
  const { plan } = compileEntries("g", [{ name: "run", graph }], { weights: "f16" });
  const weights = await uploadWeights(await gpuDevice(), plan, source);
  const loaded = await LoadedPlan.load(plan, weights);
  weights.close();
  const sequence = await loaded.sequence();
  sequence.write("x", Float32Array.from(rows.data));
  sequence.run("run", {});
  const [output] = sequence.entry("run").outputs;
  const got = output ? [...(await sequence.read(output, {}))] : [];
  loaded.close();
  // Every number and every partial sum is one that f32 has, and the weights are ones that f16 has.
  assert.equal(got, [...(want?.data ?? [])]);
});

test("two weights are one where their recipes are", () => {
  const a = weightOf(transposeRecipe(tensorRecipe("t", [2, 2]), [1, 0]));
  assert.is(storageKey(a), storageKey({ ...a, name: "other", buffer: "elsewhere" }));
  const { recipe: _, ...plain } = a;
  assert.is.not(storageKey(a), storageKey({ ...plain, name: "t" }));
});

test.run();
