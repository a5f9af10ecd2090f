// The instrument itself: it finds what is planted, follows what our templates and a little more write, and refuses what it
// can't follow.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Compilation, compileEntries } from "../../codegen/compile.ts";
import { initialChecks, instrumentPlan, instrumentWgsl, violationsOf } from "../../codegen/instrument.ts";
import { findAccesses } from "../../codegen/wgsl/accesses.ts";
import { CompileError } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { SymbolValues } from "../../ir/type.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { Executor } from "../../runtime/executor.ts";
import { onGpu } from "../support/gpu.ts";
import { assertValidWgsl } from "../support/tint.ts";

const test = suite("instrument");
const gpuTest = onGpu(test);

const same = (wgsl: string) => wgsl;

/** What one run of a graph finds when its kernel's text is changed. */
async function found(
  gpu: OpenDevice,
  text: string,
  change: (wgsl: string) => string,
  symbols: SymbolValues = { T: 1 },
) {
  const compiled = compileEntries("planted", [{ name: "run", graph: parseGraph(text), maxima: { T: 64 } }]);
  const kernels = compiled.plan.kernels.map((k) => ({ ...k, wgsl: change(k.wgsl) }));
  if (change !== same)
    assert.ok(
      kernels.some((k, n) => k.wgsl !== compiled.plan.kernels[n]?.wgsl),
      "nothing changed",
    );
  const planted: Compilation = { ...compiled, plan: { ...compiled.plan, kernels } };
  const { plan, steps } = instrumentPlan(planted);
  const executor = await Executor.create(gpu, plan);
  try {
    for (const step of steps) executor.write(step.buffer, initialChecks(step, symbols));
    executor.run("run", symbols);
    const all = [];
    for (const step of steps) {
      const bytes = await executor.readBytes(step.buffer, initialChecks(step, symbols).byteLength);
      all.push(...violationsOf(step, new Uint32Array(bytes)));
    }
    return all.map(({ variable, space, kind, times, index }) => ({ variable, space, kind, times, index }));
  } finally {
    executor.destroy();
  }
}

const ADD = "graph g(x: f32[T, 4], b: f32[4]) { y = add(x, b) return y }";
const NORM = "graph g(x: f32[2, 65], w: f32[65], b: f32[65]) { y = layer_norm(x, w, b) return y }";

gpuTest("a kernel as it is has no violation", async (gpu) => {
  assert.equal(await found(gpu, ADD, same, { T: 3 }), []);
  assert.equal(await found(gpu, NORM, same), []);
});

gpuTest(
  "a read beyond a tensor is found, also where the buffer goes on: it is made for 64 rows and holds 3",
  async (gpu) => {
    const change = (wgsl: string) => wgsl.replace(/= add_a\[(.*)\];/, "= add_a[$1 + 1u];");
    assert.equal(await found(gpu, ADD, change, { T: 3 }), [
      { variable: "add_a", space: "storage", kind: "read", times: 1, index: 12 },
    ]);
  },
);

gpuTest("a write beyond a tensor is found", async (gpu) => {
  const change = (wgsl: string) => wgsl.replace("if (index >= symbols.T * 4u)", "if (index > symbols.T * 4u)");
  const all = await found(gpu, ADD, change, { T: 3 });
  assert.equal(
    all.filter((v) => v.kind === "write"),
    [{ variable: "y", space: "storage", kind: "write", times: 1, index: 12 }],
  );
});

gpuTest("an index beyond workgroup memory is found", async (gpu) => {
  // Two rows, two sums each, 64 invocations that each read one place too far.
  const change = (wgsl: string) => wgsl.replace("total += partial[i];", "total += partial[i + 1u];");
  assert.equal(await found(gpu, NORM, change), [
    { variable: "partial", space: "workgroup", kind: "read", times: 256, index: 64 },
  ]);
});

gpuTest("an index below 0 is found", async (gpu) => {
  const change = (wgsl: string) => wgsl.replace(/= add_b\[(.*)\];/, "= add_b[i32($1) - 1];");
  const [first] = await found(gpu, ADD, change, { T: 3 });
  assert.equal(first, { variable: "add_b", space: "storage", kind: "read", times: 3, index: 2 ** 32 - 1 });
});

const HEAD = `
alias Pair = array<vec4<f32>, 2>;
struct Symbols { x: u32, a: u32 }
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(1) @binding(0) var<uniform> symbols: Symbols;
const N = 4u;
var<workgroup> a: array<Pair, N * 2u>;
var<workgroup> m: array<mat2x4f, 3>;
var<workgroup> n: array<atomic<u32>, 5>;
var<workgroup> one: u32;
`;
const main = (body: string) => `${HEAD}@compute @workgroup_size(1) fn main() { ${body} }`;

/** Variables in the order of the text, each with its kind and the lengths of its indices. */
const accesses = (body: string): readonly string[] =>
  findAccesses(main(body)).accesses.map(
    ({ variable, kind, indices }) => `${kind} ${variable.name}[${indices.map((i) => i.length ?? "?").join("][")}]`,
  );

for (const [body, wanted] of [
  ["y[0] = x[1].w;", ["write y[?]", "read x[?]"]],
  ["y[u32(x[i32(y[2])][3])] += 1.0;", ["read y[?]", "read x[?][4u]", "update y[?]"]],
  [
    "a[1][0] = x[0]; m[2][1][3] = a[1][1].z;",
    ["write a[N * 2u][2]", "read x[?]", "write m[3][2u][4u]", "read a[N * 2u][2]"],
  ],
  ["let k = atomicAdd(&n[2], 1u); y[k] = 0.0;", ["update n[5]", "write y[?]"]],
  ["one = 3u; y[one] = f32(symbols.x);", ["write one[]", "read one[]", "write y[?]"]],
  ["y[arrayLength(&y) - 1u] = 1.0;", ["write y[?]"]],
  ["let k = 1u & one; y[k] = 1.0;", ["read one[]", "write y[?]"]],
  // Names that hide the module's, for as long as they do.
  ["{ var x = array<f32, 2>(); x[1] = 2.0; } y[0] = x[0].x;", ["write y[?]", "read x[?]"]],
  ["let x = x[0]; y[0] = x[1];", ["read x[?]", "write y[?]"]],
  ["for (var y = 0u; y < 2u; y++) { one = y; } y[0] = 1.0;", ["write one[]", "write y[?]"]],
  [
    "if (x[0].x == x[1].x) { y[0] = 1.0; } else { let y = 2.0; one = u32(y); }",
    ["read x[?]", "read x[?]", "write y[?]", "write one[]"],
  ],
  ["y[0] += 1.0; one++; one >>= 1u; one <<= 1u;", ["update y[?]", "update one[]", "update one[]", "update one[]"]],
] as const)
  test(`follows ${body}`, async () => {
    assert.equal(accesses(body), wanted);
    await assertValidWgsl(instrumentWgsl(main(body)).wgsl, body);
  });

for (const [what, text, reason] of [
  ["a pointer to a buffer", main("let p = &y; (*p)[9] = 1.0;"), /takes the address of y/],
  ["a pointer to an element", main("let p = &a[1]; (*p)[9] = vec4f();"), /takes the address of a/],
  ["a pointer in parentheses", main("let p = &(y); (*p)[9] = 1.0;"), /takes the address of an expression/],
  [
    "a function of a pointer",
    `${HEAD}fn f(p: ptr<workgroup, Pair>) {} ${main("f(&a[0]);").slice(HEAD.length)}`,
    /takes a pointer/,
  ],
  ["a whole array", main("let copy = a; y[0] = copy[9][0].x;"), /a is touched as a whole array/],
  ["part of an array", main("let copy = a[0]; y[0] = copy[9].x;"), /a is touched as a whole array/],
  ["an array in parentheses", main("y[0] = (x)[9].x;"), /x is touched as a whole array/],
  ["an index of swizzled components", main("y[0] = x[0].xy[1];"), /components of x/],
  [
    "a struct in a buffer",
    `struct S { a: f32 } @group(0) @binding(0) var<storage> s: array<S>; ${main("")}`,
    /S is no array/,
  ],
  ["a buffer that is no array", `@group(0) @binding(2) var<storage> s: vec4f; ${main("")}`, /s is no array/],
  [
    "a buffer of another group",
    `@group(2) @binding(0) var<storage> s: array<f32>; ${main("")}`,
    /s is no array .* group 0/,
  ],
  ["vectors of three", `@group(0) @binding(2) var<storage> s: array<vec3f>; ${main("")}`, /vec3f is no array/],
  [
    "a gap in the bindings",
    `@group(0) @binding(3) var<storage> s: array<f32>; ${main("y[0] = s[0];")}`,
    /no binding 2/,
  ],
  ["its own output", instrumentWgsl(main("y[0] = 1.0;")).wgsl, /WgptChecks|wgpt_/],
  ["a block comment", main("/* y[9] = 1.0; */"), /begins nothing/],
  ["what is no WGSL", main("y[0] = 1.0; # no"), /begins nothing/],
  ["a bracket that is not closed", `${HEAD}fn main() { y[0 = 1.0; }`, /not closed/],
  ["an unknown declaration", `${HEAD}module m;`, /module begins no declaration/],
  ["a matrix of unknown shape", main("subgroupMatrixStore(&a, 0u, s, false, 8u);"), /moved in an unknown way/],
] as const)
  test(`refuses ${what}`, () =>
    assert.throws(
      () => instrumentWgsl(text),
      (e: unknown) => e instanceof CompileError && reason.test(e.message),
    ));

test.run();
