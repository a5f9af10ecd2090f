import { suite } from "uvu";
import { fuseLinear } from "../../passes/fuse-linear.ts";
import { expectPass } from "../support/expect-pass.ts";
import { expectRefusal, expectSaysNo } from "./expect-report.ts";

const test = suite("fuse-linear");

const INPUTS = "x: f32[T, 4], w: f32[4, 6], b: f32[6]";
const graph = (statements: string, { inputs = INPUTS, results = "y" } = {}) =>
  `graph g[T, P>=0](${inputs}) {\n${statements}\nreturn ${results}\n}`;

test("adds a bias where the product is made", () => {
  expectPass(
    fuseLinear,
    graph("m = matmul(x, w)\ny = add(m, b)"),
    graph("y = fused matmul(x, w, b) {\nm = matmul(x, w)\ny = add(m, b)\nreturn y\n}"),
  );
});

test("takes the bias on either side", () => {
  expectPass(
    fuseLinear,
    graph("m = matmul(x, w)\ny = add(b, m)"),
    graph("y = fused matmul(x, w, b) {\nm = matmul(x, w)\ny = add(b, m)\nreturn y\n}"),
  );
});

test("reads a transposed weight row by row: the head that is tied to the embedding", () => {
  const inputs = "x: f32[T, 4], wte: f32[11, 4]";
  expectPass(
    fuseLinear,
    graph("t = transpose(wte, perm=[1, 0])\ny = matmul(x, t)", { inputs }),
    graph(
      `y = fused matmul(wte, x) {
        t = transpose(wte, perm=[1, 0])
        y = matmul(x, t)
        return y
      }`,
      { inputs },
    ),
  );
});

test("takes a transpose and a bias", () => {
  const inputs = "x: f32[T, 4], w: f32[6, 4], b: f32[6]";
  expectPass(
    fuseLinear,
    graph("t = transpose(w, perm=[1, 0])\nm = matmul(x, t)\ny = add(m, b)", { inputs }),
    graph(
      `y = fused matmul(w, x, b) {
        t = transpose(w, perm=[1, 0])
        m = matmul(x, t)
        y = add(m, b)
        return y
      }`,
      {
        inputs,
      },
    ),
  );
});

test("adds a row to every matrix of a batch", () => {
  const inputs = "x: f32[2, T, 4], w: f32[2, 4, 6], b: f32[6]";
  expectPass(
    fuseLinear,
    graph("m = matmul(x, w)\ny = add(m, b)", { inputs }),
    graph("y = fused matmul(x, w, b) {\nm = matmul(x, w)\ny = add(m, b)\nreturn y\n}", { inputs }),
  );
});

test("leaves a product alone that something else reads", () => {
  expectRefusal(fuseLinear, graph("m = matmul(x, w)\ny = add(m, b)\nz = tanh(m)", { results: "y, z" }), {
    site: "m",
    predicate: "product-has-one-reader",
    facts: "m is read by y, z",
  });
});

test("leaves a product alone that the graph returns", () => {
  expectRefusal(fuseLinear, graph("m = matmul(x, w)\ny = add(m, b)", { results: "y, m" }), {
    site: "m",
    predicate: "product-has-one-reader",
    facts: "m is read by y and returned by the graph",
  });
});

test("leaves a product alone that is not added to", () => {
  expectRefusal(fuseLinear, graph("m = matmul(x, w)\ny = mul(m, b)"), {
    site: "m",
    predicate: "reader-adds",
    facts: "m is read by mul",
  });
});

test("leaves a residual to the general fusion: it is no row", () => {
  expectRefusal(fuseLinear, graph("m = matmul(x, w)\ny = add(m, r)", { inputs: `${INPUTS}, r: f32[T, 6]` }), {
    site: "m",
    predicate: "bias-is-a-row",
    facts: "r is f32[T, 6], but a bias of the product is f32[6]",
  });
});

test("leaves a bias alone that is one number", () => {
  expectRefusal(fuseLinear, graph("m = matmul(x, w)\ny = add(m, s)", { inputs: `${INPUTS}, s: f32[1]` }), {
    site: "m",
    predicate: "bias-is-a-row",
    facts: "s is f32[1], but a bias of the product is f32[6]",
  });
  expectRefusal(fuseLinear, graph("m = matmul(x, w)\ny = add(m, 1.5)"), {
    site: "m",
    predicate: "bias-is-a-row",
    facts: "m gets 1.5 added",
  });
});

test("leaves a product alone that is added to itself", () => {
  expectRefusal(fuseLinear, graph("m = matmul(x, w)\ny = add(m, m)"), {
    site: "m",
    predicate: "bias-is-a-row",
    facts: "m gets itself added",
  });
});

test("leaves a transpose alone that two products read: each would do it again", () => {
  expectRefusal(
    fuseLinear,
    graph("t = transpose(w, perm=[1, 0])\nm = matmul(x, t)\nn = matmul(z, t)\ny = mul(m, n)", {
      inputs: "x: f32[T, 4], z: f32[T, 4], w: f32[6, 4]",
    }),
    { site: "n", predicate: "transpose-has-one-reader", facts: "t is read by m, n" },
  );
});

test("leaves a transposed left side alone, and says that the right one is an input", () => {
  expectRefusal(
    fuseLinear,
    graph("t = transpose(x, perm=[1, 0])\ny = matmul(t, w)", { inputs: "x: f32[4, T], w: f32[4, 6]" }),
    {
      site: "y",
      predicate: "weight-is-a-transpose",
      facts: "w is an input",
    },
  );
});

test("leaves transposed keys alone, head by head: they are no matrix", () => {
  expectSaysNo(
    fuseLinear,
    graph(
      `t = transpose(k, perm=[0, 2, 1])
      y = matmul(q, t)`,
      { inputs: "q: f32[2, T, 4], k: f32[2, P+T, 4]" },
    ),
    { site: "y", predicate: "weight-is-a-matrix", facts: "t is f32[2, 4, P+T]" },
  );
});

test("stops at one bias and leaves the next row to the general fusion", () => {
  expectPass(
    fuseLinear,
    graph("t = transpose(w, perm=[1, 0])\nm = matmul(x, t)\na = add(m, b)\ny = add(a, b)", {
      inputs: "x: f32[T, 4], w: f32[6, 4], b: f32[6]",
    }),
    graph(
      `a = fused matmul(w, x, b) {
          t = transpose(w, perm=[1, 0])
          m = matmul(x, t)
          a = add(m, b)
          return a
        }
        y = add(a, b)`,
      { inputs: "x: f32[T, 4], w: f32[6, 4], b: f32[6]" },
    ),
  );
});

test.run();
