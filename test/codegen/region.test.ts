// What regions print: the whole WGSL of small ones, to read and to compare with what it was. `UPDATE_GOLDEN=1 npm test --
// region` writes the files anew. Whether it computes the right numbers is for kernels.test.ts to say.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries } from "../../codegen/compile.ts";
import { renderShader } from "../../codegen/render-shader.ts";
import { selectKernel } from "../../codegen/select-kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import { at, CompileError } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";

const test = suite("region");
const FOLDER = fileURLToPath(new URL("../golden/", import.meta.url));
const UPDATE = process.env["UPDATE_GOLDEN"] === "1";

/** Each is one kernel. */
const REGIONS: Readonly<Record<string, string>> = {
  "pointwise-chain": "graph g(x: f32[T, 6], b: f32[6]) { s = add(x, b) m = mul(s, -0.5) y = tanh(m) return y }",
  "pointwise-moves": `graph g(x: f32[4, 6]) {
    t = transpose(x, perm=[1, 0])
    r = reshape(t, shape=[3, 8])
    u = transpose(r, perm=[1, 0])
    y = reshape(u, shape=[24])
    return y
  }`,
  "embedding-lookup": `graph g[T, P>=0](table: f32[9, 4], places: f32[16, 4], ids: i32[T]) {
    p = iota(start=P, length=T)
    a = gather(table, ids)
    b = gather(places, p)
    y = add(a, b)
    return y
  }`,
  "lookup-in-parts": `graph g(a: f32[5, 4], b: f32[3, 4], ids: i32[T]) {
    t = concat(a, b)
    y = gather(t, ids)
    return y
  }`,
  "mask-with-infinity":
    "graph g(x: f32[4, 4]) { c = greater(x, 0.0) s = select(c, x, -inf) y = reduce_max(s) return y }",
  "layer-norm-of-last-row": `graph g(x: f32[T, 8], g: f32[8], c: f32[8]) {
    l = slice(x, axis=0, start=T-1, length=1)
    y = layer_norm(l, g, c)
    return y
  }`,
  "matmul-to-caches": `graph g[P>=0](x: f32[1, 8], w: f32[8, 24], b: f32[24], state k: f32[32, 8], state v: f32[32, 8]) {
    m = matmul(x, w)
    s = add(m, b)
    q, k1, v1 = split(s, sizes=[8, 8, 8])
    k2 = cache_update(k, k1, start=P)
    v2 = cache_update(v, v1, start=P)
    return q, k2, v2
  }`,
  "matmul-gelu-residual": `graph g(h: f32[T, 8], x: f32[T, 4], w: f32[4, 8], b: f32[8]) {
    m = matmul(x, w)
    s = add(m, b)
    a = gelu(s)
    y = add(h, a)
    return y
  }`,
  "cache-update": "graph g[T, P>=0](state c: f32[8, 4], x: f32[T, 4]) { y = cache_update(c, x, start=P) return y }",
};

for (const [name, text] of Object.entries(REGIONS))
  test(`prints ${name} as it did`, () => {
    const { plan } = compileEntries(name, [{ name: "run", graph: parseGraph(text), maxima: { T: 4, P: 4 } }]);
    assert.is(plan.kernels.length, 1);
    const { wgsl } = at(plan.kernels, 0);
    const file = `${FOLDER}${name}.wgsl`;
    if (UPDATE) {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(file, wgsl);
    }
    assert.ok(existsSync(file), `no ${file}; UPDATE_GOLDEN=1 writes it`);
    assert.fixture(wgsl, readFileSync(file, "utf8"), `${name} prints otherwise; UPDATE_GOLDEN=1 accepts it`);
  });

test("no golden file is left over from a region that is gone", () => {
  const files = readdirSync(FOLDER).filter((f) => f.endsWith(".wgsl"));
  assert.equal(
    files.sort(),
    Object.keys(REGIONS)
      .map((n) => `${n}.wgsl`)
      .sort(),
  );
});

function refusal(text: string): string {
  const node = at(parseGraph(text).nodes, -1);
  const target = targetByName("webgpu-default");
  try {
    renderShader(selectKernel(node, target), node, target);
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
  return "it was printed";
}

test("refuses a region that returns what its anchor does not lead to", () => {
  const text = `graph g(x: f32[3, 4], w: f32[4, 5]) {
    y, z = fused matmul(x, w) { n = neg(x) m = matmul(n, w) return m, n }
    return y, z
  }`;
  assert.match(refusal(text), /returns n, which is not computed from m element by element/);
});

test("refuses an epilogue that combines elements of different places", () => {
  const text = `graph g(x: f32[3, 4], w: f32[4, 8]) {
    y = fused matmul(x, w) { m = matmul(x, w) a, b = split(m, sizes=[4, 4]) c = add(a, b) return c }
    return y
  }`;
  assert.match(refusal(text), /combines a and b, which the kernel makes at different places/);
});

test("refuses an epilogue that makes more elements than the anchor", () => {
  const text = `graph g(x: f32[3, 4], w: f32[4, 1], z: f32[3, 5]) {
    y = fused matmul(x, w, z) { m = matmul(x, w) c = add(m, z) return c }
    return y
  }`;
  assert.match(refusal(text), /add c: is f32\[3, 5\], but m, which .*, is f32\[3, 1\]/);
});

for (const [op, type] of [
  ["reduce_max(x)", "bool[3, 4]"],
  ["argmax(x)", "bool[3, 4]"],
  ["matmul(x, x)", "bool[4, 4]"],
  ["layer_norm(x, w, w)", "i32[3, 4]"],
] as const)
  test(`no kernel takes ${op} of ${type}, and the error says why`, () =>
    assert.match(refusal(`graph g(x: ${type}, w: i32[4]) { y = ${op} return y }`), /no kernel computes it \(.+: .+\)/));

test.run();
