// The spellings that are RMS norm. What only looks like it is in fuse-rms-norm-look-alikes.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { canonicalize } from "../../passes/canonicalize.ts";
import { fuseLayerNorm } from "../../passes/fuse-layer-norm.ts";
import { fuseRmsNorm } from "../../passes/fuse-rms-norm.ts";
import type { Pass } from "../../passes/pass.ts";
import { expectPass } from "../support/expect-pass.ts";
import { verdicts } from "./expect-report.ts";
import { fusedLayerNormGraph, layerNormGraph } from "./layer-norm-text.ts";
import { fusedRmsNormGraph, rmsNormGraph, type Steps } from "./rms-norm-text.ts";

const test = suite("fuse-rms-norm");

const fuses = (steps: Steps, statement?: string): void => {
  expectPass(fuseRmsNorm, rmsNormGraph(steps), fusedRmsNormGraph(statement === undefined ? {} : { statement }));
};
/** The pass behind another. */
const after = (first: Pass): Pass => ({
  ...fuseRmsNorm,
  run: (g, report) => fuseRmsNorm.run(first.run(g), report),
});

test("fuses the formula as Llama's implementations write it", () => {
  fuses({});
  assert.equal(verdicts(fuseRmsNorm, rmsNormGraph()), { rstd: "fired" });
});

test("keeps the epsilon", () => {
  fuses({ epsilon: "pe = add(power, 0.5)" }, "y = rms_norm(x, gain, eps=0.5)");
});

test("takes the operands of sums and products in any order", () => {
  fuses({ epsilon: "pe = add(0.00001, power)", normalized: "n = mul(rstd, x)", scaled: "y = mul(gain, n)" });
});

test("takes a power for the square", () => {
  fuses({ squares: "squares = pow(x, 2.0)" });
});

test("takes a gain that is multiplied before the root", () => {
  fuses({ normalized: "n = mul(x, gain)", scaled: "y = mul(n, rstd)" });
  fuses({ normalized: "n = mul(gain, rstd)", scaled: "y = mul(n, x)" });
});

test("takes a division by the root", () => {
  fuses({ rstd: "rstd = sqrt(pe)", normalized: "n = div(x, rstd)" });
  fuses({ rstd: "rms = sqrt(pe)\nrstd = div(1.0, rms)" });
});

test("takes axes counted from the front", () => {
  fuses({ mean: "power = reduce_mean(squares, axis=1)" });
});

test("works with any number of axes", () => {
  for (const x of ["x: f32[4]", "x: f32[2, T, 4]"]) {
    const options = { inputs: `${x}, gain: f32[4]` };
    expectPass(fuseRmsNorm, rmsNormGraph({}, options), fusedRmsNormGraph({}, options));
    const steps = { normalized: "n = mul(x, gain)", scaled: "y = mul(n, rstd)" };
    expectPass(fuseRmsNorm, rmsNormGraph(steps, options), fusedRmsNormGraph({}, options));
  }
});

test("takes a gain that is computed, as one plus a weight", () => {
  expectPass(
    fuseRmsNorm,
    rmsNormGraph({ scaled: "g1 = add(gain, 1.0)\ny = mul(n, g1)" }),
    fusedRmsNormGraph({ before: "g1 = add(gain, 1.0)", statement: "y = rms_norm(x, g1, eps=0.00001)" }),
  );
});

test("takes an x and a gain that other nodes read too", () => {
  const results = "z";
  const more = "g1 = tanh(gain)\nr = add(x, y)\nz = mul(r, g1)";
  expectPass(
    fuseRmsNorm,
    rmsNormGraph({ scaled: `y = mul(n, gain)\n${more}` }, { results }),
    fusedRmsNormGraph({ after: more }, { results }),
  );
});

test("fuses what canonicalize has respelled", () => {
  const graph = rmsNormGraph({
    squares: "squares = pow(x, 2.0)",
    mean: "sum = reduce_sum(squares)\npower = div(sum, 4.0)",
    rstd: "rms = sqrt(pe)\nrstd = div(1.0, rms)",
  });
  expectPass(after(canonicalize), graph, fusedRmsNormGraph());
});

test("leaves a layer norm to the pass before it", () => {
  expectPass(after(fuseLayerNorm), layerNormGraph(), fusedLayerNormGraph());
});

test("takes a layer norm without shift as the RMS norm of the deviations, which it is", () => {
  expectPass(
    after(fuseLayerNorm),
    layerNormGraph({ scaled: "y = mul(n, gain)", shifted: "" }),
    fusedLayerNormGraph({
      before: "mean = reduce_mean(x)\nd = sub(x, mean)",
      statement: "y = rms_norm(d, gain, eps=0.00001)",
    }),
  );
});

test.run();
