// A plan beyond its target's limits is refused when it is compiled, whatever limit it is, with a way out that works.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bufferBytes, symbolMaxima } from "../../base/plan.ts";
import { type CompileOptions, compileEntries } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { compileModelBundle, type VariantName } from "../../codegen/emit/bundle.ts";
import { matmulBlocked } from "../../codegen/kernels/matmul-blocked.ts";
import { shaderNeeds } from "../../codegen/shader-needs.ts";
import { type TargetLimits, targetByName } from "../../codegen/target.ts";
import { BeyondTarget } from "../../codegen/target-limits.ts";
import { shortenContext } from "../../ir/family.ts";
import { type Gpt2Config, PRESETS, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { parseGraph } from "../../ir/parse.ts";
import { FUSING_PASSES } from "../support/fusing-passes.ts";
import { DISTINCT_TARGETS } from "../support/targets.ts";

const test = suite("target limits");

const SMALL = readGpt2Config({ n_layer: 1, n_head: 2, n_embd: 16, n_ctx: 64, vocab_size: 500 });
const GPT2: Gpt2Config = { ...(PRESETS["gpt2"] ?? SMALL), n_layer: 1 };

/** The default target with other limits. */
const limited = (limits: Partial<TargetLimits>) => {
  const target = targetByName("webgpu-default");
  return { ...target, limits: { ...target.limits, ...limits } };
};

function refusal(compile: () => unknown): BeyondTarget {
  try {
    compile();
  } catch (error) {
    if (error instanceof BeyondTarget) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** The configuration and the options that an error's `fix` asks for. */
function follow(config: Gpt2Config, options: CompileOptions, { fix }: BeyondTarget): [Gpt2Config, CompileOptions] {
  if (fix?.kind !== "options") throw new Error("there is no fix to follow");
  const [flag, value = ""] = fix.add;
  const dropped = (fix.drop ?? []).filter((word) => word !== "--disable-pass");
  const disable = (options.disable ?? []).filter((name) => !dropped.includes(name));
  switch (flag) {
    case undefined:
      return [config, { ...options, disable }];
    case "--dtype":
      return [config, { ...options, weights: "f16" }];
    case "--chunk":
      return [config, { ...options, chunk: Number(value) }];
    case "--context":
      return [shortenContext(config, Number(value)), options];
    case "--target":
      return [config, { ...options, target: targetByName(value) }];
    default:
      throw new Error(`an unknown flag ${flag}`);
  }
}

const BEYOND: Readonly<Record<string, readonly [Gpt2Config, CompileOptions, facts: RegExp, hint: RegExp]>> = {
  "a disabled pass": [
    GPT2,
    { disable: ["fuse-gelu", "fuse-pointwise"] },
    /^wte\.weight\.whole\.0, in temporary\.\d, takes 154389504 bytes, but webgpu-default binds 134217728 at most$/,
    /^it fits without --disable-pass fuse-pointwise$/,
  ],
  "a long chunk": [
    GPT2,
    { chunk: 1024 },
    /^logits takes 205852672 bytes, but webgpu-default binds 134217728 at most$/,
    /^--chunk 512 makes it fit$/,
  ],
  "long caches": [
    { ...SMALL, n_ctx: 1024 },
    { target: limited({ maxStorageBufferBindingSize: 40_000 }), chunk: 8 },
    /^h\.0\.attn\.kv takes 131072 bytes, but webgpu-default binds 40000 at most$/,
    /^--context 256 makes it fit$/,
  ],
  "a chunk that the command can't change": [
    SMALL,
    { target: limited({ maxStorageBufferBindingSize: 40_000 }), ways: ["disable", "weights", "context"] },
    /^logits takes 128000 bytes/,
    /^--context 16 makes it fit$/,
  ],
  "small buffers": [
    SMALL,
    { target: limited({ maxBufferSize: 100_000 }) },
    /^logits takes 128000 bytes, but webgpu-default binds 100000 at most$/,
    /^--chunk 32 makes it fit$/,
  ],
  "few storage buffers": [
    SMALL,
    { target: limited({ maxStorageBuffersPerShaderStage: 3 }) },
    /^needs \d storage buffers, but webgpu-default has 3$/,
    /^--target lavapipe makes it fit$/,
  ],
  "little workgroup memory": [
    SMALL,
    { target: limited({ maxComputeWorkgroupStorageSize: 1024 }) },
    /^needs \d{4} bytes of workgroup memory, but webgpu-default has 1024$/,
    /^--target lavapipe makes it fit$/,
  ],
};

for (const [name, [config, options, facts, hint]] of Object.entries(BEYOND))
  test(`refuses what goes beyond its target by ${name}, and what it suggests works`, () => {
    const error = refusal(() => compileGpt2(config, options));
    assert.match(error.facts, facts);
    assert.match(error.hint ?? "", hint);
    compileGpt2(...follow(config, options, error));
  });

test("keeps to workgroups as small as the target's", () => {
  const target = limited({ maxComputeInvocationsPerWorkgroup: 32, maxComputeWorkgroupStorageSize: 8191 });
  const { requiredLimits } = compileGpt2({ ...SMALL, n_embd: 64, n_inner: 256 }, { target }).plan;
  assert.is(requiredLimits["maxComputeInvocationsPerWorkgroup"], 32);
  assert.ok((requiredLimits["maxComputeWorkgroupStorageSize"] ?? 0) <= 8191);
});

test("refuses a bundle as it refuses the plan", () => {
  const [config, options, facts, hint] = BEYOND["small buffers"] ?? [];
  const error = refusal(() => compileModelBundle(gpt2, config ?? SMALL, options));
  assert.match(error.facts, facts ?? /^$/);
  assert.match(error.hint ?? "", hint ?? /^$/);
  assert.ok(compileModelBundle(gpt2, ...follow(config ?? SMALL, options ?? {}, error)).kernels.size > 0);
});

test("says so when no option alone helps", () => {
  const target = limited({ maxStorageBufferBindingSize: 40_000 });
  const error = refusal(() => compileGpt2(SMALL, { target, ways: ["weights"] }));
  assert.is(error.hint, "no option alone makes it fit");
  assert.is(error.fix, undefined);
});

test("refuses a bundle for the limits of any of its variants", () => {
  const target = limited({ maxComputeWorkgroupStorageSize: 4095 });
  const config = { ...SMALL, n_embd: 64, n_inner: 256 };
  const bundle = (...variants: readonly VariantName[]) =>
    compileModelBundle(gpt2, config, { target, ways: [], variants });
  assert.is(bundle("base").plan.variants.length, 1);
  assert.match(
    refusal(() => bundle("subgroup-matrix", "base")).message,
    /matmul_subgroup_matrix.*: needs 6144 bytes of workgroup memory, but webgpu-default has 4095/,
  );
});

test("refuses a dispatch of more workgroups than an axis has", () => {
  const graph = parseGraph("graph g(x: f32[T, 4], weight w: f32[4, 4]) { y = matmul(x, w) return y }");
  // Another kernel than this one would be chosen.
  const kernelFor = () => matmulBlocked;
  const compile = (T: number) => compileEntries("g", [{ name: "run", graph, maxima: { T } }], { kernelFor });
  assert.match(
    refusal(() => compile(8 * 65535 + 1)).message,
    /^plan g run y: needs 1 × 65536 × 1 workgroups, but webgpu-default has 65535 on an axis$/,
  );
  compile(8 * 65535);
});

test("compiles beyond the target where that is asked for, and says so", () => {
  const { plan, excess } = compileGpt2(GPT2, { disable: ["fuse-pointwise"], allowExcess: true });
  assert.match(excess?.facts ?? "", /^wte\.weight\.whole\.0/);
  assert.ok(plan.buffers.some((b) => bufferBytes(b, symbolMaxima(plan)) > 2 ** 27));
  assert.is(compileGpt2(GPT2).excess, undefined);
});

test("a model without any of the fusing passes keeps to its target, or is refused with a way out that works", () => {
  let refused = 0;
  for (const config of [GPT2, { ...(PRESETS["gpt2-xl-overview"] ?? GPT2), n_layer: 1 }])
    for (const name of FUSING_PASSES)
      for (const weights of ["f32", "f16"] as const) {
        const options: CompileOptions = { disable: [name], weights, entries: ["decode"] };
        try {
          const { plan } = compileGpt2(config, options);
          for (const b of plan.buffers) assert.ok(bufferBytes(b, symbolMaxima(plan)) <= 2 ** 27, b.name);
        } catch (error) {
          if (!(error instanceof BeyondTarget)) throw error;
          refused++;
          compileGpt2(...follow(config, options, error));
        }
      }
  assert.ok(refused >= 4, `${refused} were refused`);
});

test("knows what each kernel of each target needs, and none needs more than there is", () => {
  for (const target of DISTINCT_TARGETS)
    for (const weights of ["f32", "f16"] as const) {
      const { limits } = target;
      for (const { name, wgsl } of compileGpt2(GPT2, { target, weights }).plan.kernels) {
        const needs = shaderNeeds(wgsl);
        if (!needs) throw new Error(`nothing is known of ${name}`);
        assert.ok(needs.invocations >= 1 && needs.invocations <= limits.maxComputeInvocationsPerWorkgroup, name);
        assert.ok(needs.sharedBytes <= limits.maxComputeWorkgroupStorageSize, name);
        assert.is(needs.sharedBytes > 0, wgsl.includes("var<workgroup>"), name);
      }
    }
});

const SHADERS: Readonly<
  Record<string, readonly [wgsl: string, size?: readonly [number, number, number], sharedBytes?: number]>
> = {
  "no workgroup memory": ["@compute @workgroup_size(64)\nfn main() {}", [64, 1, 1], 0],
  "three axes": ["const N = 4u;\n@compute @workgroup_size(N, N * 2u, 3) fn main() {}", [4, 8, 3], 0],
  "a variable of less than a vector": [
    "var<workgroup> n: u32;\n@compute @workgroup_size(1) fn main() {}",
    [1, 1, 1],
    16,
  ],
  "vectors of three": [
    "var<workgroup> a: array<vec3<f32>, 5>;\nvar<workgroup> b: vec3f;\n@compute @workgroup_size(1) fn main() {}",
    [1, 1, 1],
    80 + 16,
  ],
  "matrices of halves": [
    "var<workgroup> m: array<mat2x4h, 3>;\n@compute @workgroup_size(1) fn main() {}",
    [1, 1, 1],
    48,
  ],
  "arrays of arrays by other names": [
    "alias V = vec4h;\nconst A: u32 = 7u;\nconst B = (A + 5u) / 5u - 1u;\nvar<workgroup> a: array<array<V, A>, B>;\nvar<workgroup> c: atomic<u32>;\n@compute @workgroup_size(B) fn main() {}",
    [1, 1, 1],
    64 + 16,
  ],
  "a size that it does not understand": ["const N = max(3u, 4u);\n@compute @workgroup_size(N) fn main() {}"],
  "a type that it does not understand": ["var<workgroup> s: Mine;\n@compute @workgroup_size(1) fn main() {}"],
};
for (const [name, [wgsl, size, sharedBytes]] of Object.entries(SHADERS))
  test(`reads off a shader with ${name} what it needs`, () =>
    assert.equal(shaderNeeds(wgsl), size && { invocations: size.reduce((n, d) => n * d, 1), size, sharedBytes }));

test.run();
