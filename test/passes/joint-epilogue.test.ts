// What reads several values of a region joins it at once, or not at all.
import { suite } from "uvu";
import { fusePointwise } from "../../passes/fuse-pointwise.ts";
import { expectPass } from "../support/expect-pass.ts";
import { expectSaysNo } from "./expect-report.ts";

const test = suite("fuse-pointwise: joint epilogues");

const graph = (statements: string, results = "y") =>
  `graph g[T](x: f32[T, 4], w: f32[4, 6], c: f32[T, 3, 1], r: f32[T, 6], v: f32[6, 5]) {\n${statements}\nreturn ${results}\n}`;
const fused = (operands: string, statements: string, results = "y") =>
  graph(`${results} = fused matmul(${operands}) {\n${statements}\nreturn ${results}\n}`, results);

/** Of kernels that take whatever they are asked about. */
const anyPlace = fusePointwise({ refuses: () => undefined, combinesPlaces: true });

const PAIRS = "m = matmul(x, w)\np = reshape(m, shape=[T, 3, 2])\na, b = split(p, axis=2, sizes=[1, 1])\n";

test("a value and what is made of it, which two readers combine", () => {
  const silu = "m = matmul(x, w)\nn = neg(m)\ne = exp(n)\nd = add(e, 1.0)\ny = div(m, d)";
  expectPass(fusePointwise(), graph(silu), fused("x, w", silu));
});

test("both halves of each pair", () => {
  const gate = `${PAIRS}g = tanh(a)\nh = mul(g, b)\ny = reshape(h, shape=[T, 3])`;
  expectPass(anyPlace, graph(gate), fused("x, w", gate));
});

test("what is put together again", () => {
  const turned = `${PAIRS}ac = mul(a, c)\nf = sub(ac, b)\nbc = mul(b, c)\ns = add(bc, a)\nj = concat(f, s, axis=2)\ny = reshape(j, shape=[T, 6])`;
  expectPass(anyPlace, graph(turned), fused("x, w, c", turned));
});

test("a concat with a part that comes from elsewhere stays outside", () => {
  const text = `${PAIRS}g = mul(a, b)\ny = concat(g, c, axis=2)`;
  expectPass(
    anyPlace,
    graph(text),
    graph(`g = fused matmul(x, w) {\n${PAIRS}g = mul(a, b)\nreturn g\n}\ny = concat(g, c, axis=2)`),
  );
});

test("a reader that needs another product of the region stays outside, and so does what reads it", () => {
  const text = "m = matmul(x, w)\nt = tanh(m)\nu = mul(t, m)\nz = matmul(m, v)\ny = add(z, 1.0)";
  expectPass(
    fusePointwise(),
    graph(text, "u, y"),
    graph(
      `u, m = fused matmul(x, w) {\nm = matmul(x, w)\nt = tanh(m)\nu = mul(t, m)\nreturn m, u\n}
      y = fused matmul(m, v) {\nz = matmul(m, v)\ny = add(z, 1.0)\nreturn y\n}`.replace("u, m = fused", "m, u = fused"),
      "u, y",
    ),
  );
});

test("elements of several places are combined only where kernels were asked", () => {
  expectPass(
    fusePointwise(),
    graph(`${PAIRS}h = mul(a, b)\ny = reshape(h, shape=[T, 3])`),
    graph(`a, b = fused matmul(x, w) {\n${PAIRS}return a, b\n}
      y = fused pointwise(a, b) {\nh = mul(a, b)\ny = reshape(h, shape=[T, 3])\nreturn y\n}`),
  );
});

test("more buffers than a kernel binds keep all of them outside", () => {
  const vectors = [..."abcdefg"];
  const inputs = `x: f32[T, 4], w: f32[4, 6], ${vectors.map((v) => `${v}: f32[6]`).join(", ")}`;
  const sums = vectors.map((v, i) => `s${i + 1} = add(s${i}, ${v})`).join("\n");
  expectSaysNo(
    fusePointwise(),
    `graph g[T](${inputs}) {\nm = matmul(x, w)\nt = tanh(m)\ns0 = mul(t, m)\n${sums}\nreturn s7\n}`,
    { site: "m", predicate: "kernel-takes-it", facts: "10 storage buffers" },
  );
});

test.run();
