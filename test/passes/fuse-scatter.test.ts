// A scatter that stands alone takes in what makes its elements, and what it must leave alone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries } from "../../codegen/compile.ts";
import { parseGraph } from "../../ir/parse.ts";
import { fusePointwise } from "../../passes/fuse-pointwise.ts";
import { fuseScatter } from "../../passes/fuse-scatter.ts";
import { checkKernels } from "../codegen/kernel-check.ts";
import { expectPass } from "../support/expect-pass.ts";
import { onGpu } from "../support/gpu.ts";
import { expectRefusal, expectSaysNo } from "./expect-report.ts";

const test = suite("fuse-scatter");
const gpuTest = onGpu(test);

const graph = (lines: string, inputs = "x: f32[T, 4], z: f32[T, 4], state c: f32[9, 4]", results = "u"): string =>
  `graph g[T, P>=0](${inputs}) {\n${lines}\nreturn ${results}\n}`;

test("takes in one op", () => {
  expectPass(
    fuseScatter(),
    graph("r = tanh(x)\nu = cache_update(c, r, start=P)"),
    graph(`u = fused cache_update(x, c) {
      r = tanh(x)
      u = cache_update(c, r, start=P)
      return u
    }`),
  );
});

test("takes in a region of pointwise ops, and rows that are moved by data", () => {
  const both = {
    ...fuseScatter(),
    run: (g: Parameters<ReturnType<typeof fuseScatter>["run"]>[0]) => fuseScatter().run(fusePointwise().run(g)),
  };
  const inputs = "x: f32[T, 4], z: f32[T, 4], slots: i32[T], state c: f32[9, 4]";
  expectPass(
    both,
    graph("s = add(x, z)\nr = tanh(s)\nu = cache_write(c, r, slots)", inputs),
    graph(
      `u = fused cache_write(x, z, c, slots) {
      s = add(x, z)
      r = tanh(s)
      u = cache_write(c, r, slots)
      return u
    }`,
      inputs,
    ),
  );
});

test("leaves rows alone that are given, or that something else reads", () => {
  const no = (lines: string, predicate: string, facts: string, results = "u") =>
    expectRefusal(fuseScatter(), graph(lines, undefined, results), { site: "u", predicate, facts });
  no("u = cache_update(c, x, start=P)", "elements-are-computed-one-by-one", "x is an input");
  no(
    "m = reduce_max(x)\nu0 = expand(m, shape=[T, 4])\nr = reduce_sum(z, axis=0, keepdims=true)\nu = cache_update(c, r, start=P)",
    "elements-are-computed-one-by-one",
    "r is made by reduce_sum",
    "u, u0",
  );
  no(
    "r = tanh(x)\nu = cache_update(c, r, start=P)\ny = neg(r)",
    "elements-have-one-reader",
    "r is read by u, y",
    "u, y",
  );
});

test("leaves rows alone that are made of what they overwrite", () => {
  const lines = "p = slice(c, length=T)\nr = add(p, x)\nu = cache_update(c, r, start=P)";
  const pointwise = `r = fused pointwise(c, x) {
      p = slice(c, length=T)
      r = add(p, x)
      return r
    }
    u = cache_update(c, r, start=P)`;
  expectSaysNo(fuseScatter(), graph(pointwise), {
    site: "u",
    predicate: "reads-nothing-that-it-overwrites",
    facts: "p reads c",
  });
  const { plan } = compileEntries("g", [{ name: "run", graph: parseGraph(graph(lines)), maxima: { T: 3, P: 6 } }]);
  assert.is(plan.entries[0]?.steps.length, 2);
});

gpuTest("the kernel gives the interpreter's numbers", (gpu) =>
  checkKernels(
    gpu,
    graph(
      `p = reshape(x, shape=[T, 2, 2])
      a = slice(p, axis=2, length=1)
      b = slice(p, axis=2, start=1, length=1)
      d = sub(a, b)
      s = add(a, b)
      q = concat(d, s, axis=2)
      r = reshape(q, shape=[T, 4])
      u = cache_update(c, r, start=P)`,
      "x: f32[T, 4], state c: f32[9, 4]",
    ),
    {
      runs: [
        { T: 1, P: 0 },
        { T: 4, P: 5 },
      ],
    },
  ),
);

test.run();
