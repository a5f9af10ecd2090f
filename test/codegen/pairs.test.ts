// Epilogues that combine neighbouring columns: every kernel and configuration that stores pairs, against the interpreter.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries } from "../../codegen/compile.ts";
import { candidates } from "../../codegen/select-kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import { onGpu } from "../support/gpu.ts";
import { checkKernels, type KernelCheck } from "./kernel-check.ts";

const test = suite("kernels: pairs");
const gpuTest = onGpu(test);

/** What a graph multiplies: m = x · w, f32[rows, columns]. */
interface Product {
  readonly inputs: string;
  readonly nodes: string;
}

const plain = (rows: string, columns: number): Product => ({
  inputs: `x: f32[${rows}, 68], weight w: f32[68, ${columns}]`,
  nodes: "m = matmul(x, w)",
});
const transposed = (rows: string, columns: number): Product => ({
  inputs: `x: f32[${rows}, 68], weight w: f32[${columns}, 68]`,
  nodes: "t = transpose(w, perm=[1, 0])\nm = matmul(x, t)",
});
const normalized = (rows: string, columns: number): Product => ({
  inputs: `x: f32[${rows}, 68], g: f32[68], c: f32[68], weight w: f32[68, ${columns}]`,
  nodes: "n = layer_norm(x, g, c)\nm = matmul(n, w)",
});

/** silu(gate) · up, gates and what they open side by side. */
const swiglu = (rows: string, product: Product) => `graph swiglu(${product.inputs}, b: f32[44]) {
  ${product.nodes}
  s = add(m, b)
  v = reshape(s, shape=[${rows}, 22, 2])
  gate, up = split(v, axis=2, sizes=[1, 1])
  e = exp(neg(gate))
  d = add(e, 1.0)
  o = div(gate, d)
  a = mul(o, up)
  y = reshape(a, shape=[${rows}, 22])
  return y
}`;

/** 2 heads of 8 columns turned in pairs, of which the second half goes to a cache, beside 4 columns that are left alone. */
const rotary = (rows: string, product: Product) => `graph rotary[P>=0](
  ${product.inputs}, cos: f32[${rows}, 1, 4, 1], sin: f32[${rows}, 1, 4, 1], state k: f32[40, 8]
) {
  ${product.nodes}
  q, rest = split(m, axis=1, sizes=[16, 4])
  p = reshape(q, shape=[${rows}, 2, 4, 2])
  a, b = split(p, axis=3, sizes=[1, 1])
  ac = mul(a, cos)
  bs = mul(b, sin)
  first = sub(ac, bs)
  bc = mul(b, cos)
  as = mul(a, sin)
  second = add(bc, as)
  j = concat(first, second, axis=3)
  r = reshape(j, shape=[${rows}, 16])
  turned, new = split(r, axis=1, sizes=[8, 8])
  k2 = cache_update(k, new, start=P)
  return rest, turned, k2
}`;

const nested = (text: string) => text.replace("e = exp(neg(gate))", "f = neg(gate)\ne = exp(f)");

for (const [name, product] of Object.entries({ plain, transposed, normalized })) {
  const check: KernelCheck = { terms: 68, ulps: 16 };
  const [rowRuns, runs] = [
    [{ P: 0 }, { P: 39 }],
    [
      { T: 1, P: 0 },
      { T: 9, P: 31 },
    ],
  ];
  gpuTest(`a gate, ${name}`, async (gpu) => {
    await checkKernels(gpu, nested(swiglu("1", product("1", 44))), check);
    await checkKernels(gpu, nested(swiglu("T", product("T", 44))), { ...check, runs: [{ T: 1 }, { T: 9 }] });
  });
  gpuTest(`a rotation, ${name}`, async (gpu) => {
    await checkKernels(gpu, rotary("1", product("1", 20)), { ...check, runs: rowRuns });
    await checkKernels(gpu, rotary("T", product("T", 20)), { ...check, runs });
  });
}

const target = targetByName("lavapipe");
const stepsOf = (text: string) =>
  at(compileEntries("g", [{ name: "run", graph: parseGraph(text), maxima: { T: 9, P: 39 } }], { target }).entries, 0)
    .computed;

test("each is one kernel, in every kernel that is made for its shape", () => {
  const all = new Set<string>();
  for (const rows of ["1", "T"])
    for (const product of [plain, transposed])
      for (const text of [nested(swiglu(rows, product(rows, 44))), rotary(rows, product(rows, 20))]) {
        const steps = stepsOf(text);
        assert.is(steps.length, 1, text);
        const { kernel, node } = at(steps, 0);
        assert.ok(kernel.storesPairs, kernel.name);
        for (const c of candidates(node, target).filter(({ configs }) => configs.length > 0)) all.add(c.kernel.name);
      }
  assert.equal([...all].sort(), [
    "matmul_blocked",
    "matmul_blocked_quads",
    "matmul_blocked_rows",
    "matmul_gemv",
    "matmul_gemv_rows",
    "matmul_gemv_vectorized",
  ]);
  assert.is(at(stepsOf(nested(swiglu("1", normalized("1", 44)))), 0).kernel.name, "matmul_gemv_normalized");
});

test("pairs that an odd width cuts, or that lie apart, stay outside", () => {
  const halves = `graph g(x: f32[1, 68], weight w: f32[68, 8]) {
    m = matmul(x, w)
    a, b = split(m, axis=1, sizes=[4, 4])
    y = mul(a, b)
    return y
  }`;
  assert.is(stepsOf(halves).length, 2);
  const odd = `graph g(x: f32[2, 68], weight w: f32[68, 5]) {
    m = matmul(x, w)
    v = reshape(m, shape=[5, 2])
    a, b = split(v, axis=1, sizes=[1, 1])
    y = mul(a, b)
    return y
  }`;
  assert.is(stepsOf(odd).length, 2);
});

test.run();
