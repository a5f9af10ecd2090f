// The spellings that are layer norm. What only looks like it is in fuse-layer-norm-look-alikes.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { canonicalize } from "../../passes/canonicalize.ts";
import { fuseLayerNorm } from "../../passes/fuse-layer-norm.ts";
import { expectPass } from "../support/expect-pass.ts";
import { verdicts } from "./expect-report.ts";
import { fusedLayerNormGraph, layerNormGraph, type Steps } from "./layer-norm-text.ts";

const test = suite("fuse-layer-norm");

const fuses = (steps: Steps, statement?: string): void => {
  expectPass(fuseLayerNorm, layerNormGraph(steps), fusedLayerNormGraph(statement === undefined ? {} : { statement }));
};

test("fuses the formula as GPT-2 writes it", () => {
  fuses({});
  assert.equal(verdicts(fuseLayerNorm, layerNormGraph()), { rstd: "fired" });
});

test("keeps the epsilon", () => {
  fuses({ epsilon: "ve = add(variance, 0.5)" }, "y = layer_norm(x, gain, shift, eps=0.5)");
});

test("takes the operands of sums and products in any order", () => {
  fuses({
    epsilon: "ve = add(0.00001, variance)",
    normalized: "n = mul(rstd, d)",
    scaled: "s = mul(gain, n)",
    shifted: "y = add(shift, s)",
  });
});

test("takes a power for the square", () => {
  fuses({ squares: "squares = pow(d, 2.0)" });
});

test("takes a gain that is multiplied before the root", () => {
  fuses({ normalized: "n = mul(d, gain)", scaled: "s = mul(n, rstd)" });
  fuses({ normalized: "n = mul(gain, rstd)", scaled: "s = mul(n, d)" });
});

test("takes a division by the root", () => {
  fuses({ rstd: "rstd = sqrt(ve)", normalized: "n = div(d, rstd)" });
});

test("takes a product with one over the root", () => {
  fuses({ rstd: "std = sqrt(ve)\nrstd = div(1.0, std)" });
});

test("takes the negative mean added", () => {
  fuses({ centered: "minus = neg(mean)\nd = add(x, minus)" });
  fuses({ centered: "minus = neg(mean)\nd = add(minus, x)" });
});

test("takes axes counted from the front", () => {
  fuses({ mean: "mean = reduce_mean(x, axis=1)", variance: "variance = reduce_mean(squares, axis=1)" });
});

test("works with any number of axes", () => {
  for (const x of ["x: f32[4]", "x: f32[2, T, 4]"]) {
    const options = { inputs: `${x}, gain: f32[4], shift: f32[4]` };
    expectPass(fuseLayerNorm, layerNormGraph({}, options), fusedLayerNormGraph({}, options));
  }
});

test("takes a gain that is computed", () => {
  expectPass(
    fuseLayerNorm,
    layerNormGraph({ scaled: "g1 = add(gain, 1.0)\ns = mul(n, g1)" }),
    fusedLayerNormGraph({ before: "g1 = add(gain, 1.0)", statement: "y = layer_norm(x, g1, shift)" }),
  );
});

test("takes a gain and a shift that other nodes read too", () => {
  const results = "y, z";
  const after = "z = add(gain, shift)";
  expectPass(
    fuseLayerNorm,
    layerNormGraph({ shifted: `y = add(s, shift)\n${after}` }, { results }),
    fusedLayerNormGraph({ after }, { results }),
  );
});

test("takes an x that other nodes read too: the residual", () => {
  const results = "z";
  const after = "z = add(x, y)";
  expectPass(
    fuseLayerNorm,
    layerNormGraph({ shifted: `y = add(s, shift)\n${after}` }, { results }),
    fusedLayerNormGraph({ after }, { results }),
  );
});

test("fuses one after the other in one run", () => {
  const inputs = "x: f32[T, 4], gain: f32[4], shift: f32[4]";
  const second = layerNormGraph()
    .split("\n")
    .slice(1, -2)
    .join("\n")
    .replaceAll(/\b(mean|d|squares|variance|ve|rstd|n|s|y) =/g, "$1.b =")
    .replaceAll(/\b(mean|d|squares|variance|ve|rstd|n|s)\b(?=[,)])/g, "$1.b")
    .replaceAll(/\bx\b/g, "y");
  expectPass(
    fuseLayerNorm,
    layerNormGraph({ shifted: `y = add(s, shift)\n${second}` }, { inputs, results: "y.b" }),
    fusedLayerNormGraph({ after: "y.b = layer_norm(y, gain, shift)" }, { inputs, results: "y.b" }),
  );
});

test("fuses what canonicalize has respelled", () => {
  const graph = layerNormGraph({
    mean: "sum = reduce_sum(x)\nmean = div(sum, 4.0)",
    centered: "minus = neg(mean)\nd = add(minus, x)",
    squares: "squares = pow(d, 2.0)",
    rstd: "std = sqrt(ve)\nrstd = div(1.0, std)",
  });
  const both = {
    ...fuseLayerNorm,
    run: (g: Parameters<typeof fuseLayerNorm.run>[0]) => fuseLayerNorm.run(canonicalize.run(g)),
  };
  expectPass(both, graph, fusedLayerNormGraph());
});

test.run();
