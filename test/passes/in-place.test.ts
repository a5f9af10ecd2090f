// What no pass may do to a value that a later node overwrites: read it too late, return it, or overwrite it while reading.
import { suite } from "uvu";
import { canonicalize } from "../../passes/canonicalize.ts";
import { eliminateCommonSubexpressions } from "../../passes/eliminate-common-subexpressions.ts";
import { fusePointwise } from "../../passes/fuse-pointwise.ts";
import { expectPass, expectUnchanged } from "../support/expect-pass.ts";
import { expectRefusal, expectSaysNo } from "./expect-report.ts";

const test = suite("in place");

const graph = (statements: string, results: string, inputs = "state c: f32[9, 2], x: f32[T, 4], w: f32[4, 2]") =>
  `graph g[T, P>=0](${inputs}) {\n${statements}\nreturn ${results}\n}`;

test("a copy of a cache stays a copy where the graph returns it", () => {
  expectRefusal(
    canonicalize,
    graph(
      `y = add(c, 0.0)
    m = matmul(x, w)
    d = cache_update(c, m, start=P)`,
      "y, d",
    ),
    {
      site: "y",
      predicate: "leaves-a-valid-graph",
      facts: "d would overwrite c, which the graph would return",
    },
  );
});

test("a copy of a cache stays a copy where it is read beside the update", () => {
  expectRefusal(
    canonicalize,
    graph(
      `y = reshape(c, shape=[9, 2])
      m = matmul(x, w)
      d = cache_update(c, m, start=P)
      z = sub(d, y)`,
      "z",
    ),
    { site: "y", predicate: "leaves-a-valid-graph", facts: "computed before itself" },
  );
});

test("a copy of a cache goes where its reader can stand before the update", () => {
  expectPass(
    canonicalize,
    graph("y = add(c, 0.0)\nm = matmul(x, w)\nd = cache_update(c, m, start=P)\nz = tanh(y)", "z, d"),
    graph("m = matmul(x, w)\nz = tanh(c)\nd = cache_update(c, m, start=P)", "z, d"),
  );
});

test("equal reads of a cache before its update become one", () => {
  expectPass(
    eliminateCommonSubexpressions,
    graph(
      "a = neg(c)\nb = neg(c)\nm = matmul(x, w)\nd = cache_update(c, m, start=P)\ny = sub(a, d)\nz = add(b, y)",
      "z",
    ),
    graph("a = neg(c)\nm = matmul(x, w)\nd = cache_update(c, m, start=P)\ny = sub(a, d)\nz = add(a, y)", "z"),
  );
});

test("what reads the old cache does not move into a kernel that needs the new one", () => {
  expectRefusal(
    fusePointwise(),
    graph(
      `o = neg(c)
      d = cache_update(c, r, start=P)
      y = sub(d, o)`,
      "y",
      "state c: f32[9, 2], r: f32[T, 2]",
    ),
    { site: "o", predicate: "leaves-a-valid-graph", facts: "computed before itself" },
  );
});

test("an update moves into the matmul's kernel, behind the readers of the old cache", () => {
  expectPass(
    fusePointwise(),
    graph("m = matmul(x, w)\no = reduce_sum(c)\nd = cache_update(c, m, start=P)", "o, d"),
    graph(
      `o = reduce_sum(c)
        d = fused matmul(x, w, c) {
          m = matmul(x, w)
          d = cache_update(c, m, start=P)
          return d
        }`,
      "o, d",
    ),
  );
});

test("an update stays out of a kernel that a reader of the old cache waits for", () => {
  const inputs = "state c: f32[9, 2], x: f32[T, 4], w: f32[4, 4]";
  const before = graph(
    `m = matmul(x, w)
      a, b = split(m, sizes=[2, 2])
      t = reduce_max(b, axis=0)
      u = mul(c, t)
      d = cache_update(c, a, start=P)`,
    "u, d",
    inputs,
  );
  expectSaysNo(fusePointwise(), before, {
    site: "a",
    predicate: "leaves-a-valid-graph",
    facts: "computed before itself",
  });
});

test("no kernel overwrites what its other invocations still read", () => {
  const inputs = "state c: f32[4, 2], x: f32[4, 4], w: f32[4, 2]";
  const before = graph("m = matmul(x, w)\ny = add(m, c)\nd = cache_update(c, y, start=0)", "d", inputs);
  expectSaysNo(fusePointwise(), before, {
    site: "y",
    predicate: "overwrites-nothing-it-reads",
    facts: "y reads c, which the same kernel would overwrite",
  });
  expectPass(
    fusePointwise(),
    before,
    graph(
      `y = fused matmul(x, w, c) {
          m = matmul(x, w)
          y = add(m, c)
          return y
        }
        d = cache_update(c, y, start=0)`,
      "d",
      inputs,
    ),
  );
});

test("what reads a whole cache stays out of the kernel that makes some of its rows", () => {
  const before = graph("m = matmul(x, w)\nd = cache_update(c, m, start=P)\ny = tanh(d)", "y");
  expectSaysNo(fusePointwise(), before, {
    site: "d",
    predicate: "makes-every-element",
    facts: "d keeps elements that its kernel does not make",
  });
});

test("two updates of two caches stay two, though rows and start are the same", () => {
  expectUnchanged(
    eliminateCommonSubexpressions,
    graph(
      "a = cache_update(k, r, start=P)\nb = cache_update(v, r, start=P)",
      "a, b",
      "state k: f32[9, 2], state v: f32[9, 2], r: f32[T, 2]",
    ),
  );
});

test.run();
