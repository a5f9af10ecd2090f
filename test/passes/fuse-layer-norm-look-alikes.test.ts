// What is almost layer norm and stays as it is. Each says which predicate is the one that said no.
import { suite } from "uvu";
import { fuseLayerNorm } from "../../passes/fuse-layer-norm.ts";
import { expectRefusal } from "./expect-report.ts";
import { layerNormGraph, type Steps } from "./layer-norm-text.ts";

const test = suite("fuse-layer-norm: look-alikes");

interface No {
  readonly predicate: string;
  readonly facts: string;
  readonly inputs?: string;
  readonly results?: string;
}

const refuses = (steps: Steps, { predicate, facts, ...options }: No): void => {
  expectRefusal(fuseLayerNorm, layerNormGraph(steps, options), { site: "rstd", predicate, facts });
};

test("no epsilon: a row of equal numbers would divide by zero", () => {
  refuses(
    { epsilon: "", rstd: "rstd = rsqrt(variance)" },
    {
      predicate: "root-of-variance-plus-epsilon",
      facts: "variance is reduce_mean(squares), not add(variance, epsilon)",
    },
  );
});

test("an epsilon that is a tensor", () => {
  refuses(
    { epsilon: "ve = add(variance, e)" },
    {
      predicate: "root-of-variance-plus-epsilon",
      facts: "ve is add(variance, e)",
      inputs: "x: f32[T, 4], gain: f32[4], shift: f32[4], e: f32[1]",
    },
  );
});

test("a variance that is a sum", () => {
  refuses(
    { variance: "variance = reduce_sum(squares)" },
    { predicate: "variance-is-a-mean-over-the-last-axis", facts: "variance is reduce_sum(squares)" },
  );
});

test("a variance over another axis", () => {
  refuses(
    { variance: "variance = reduce_mean(squares, axis=0)" },
    { predicate: "variance-is-a-mean-over-the-last-axis", facts: "not a mean over the last axis" },
  );
});

test("a variance that loses its axis, which broadcasts along the wrong one", () => {
  refuses(
    { variance: "variance = reduce_mean(squares, keepdims=false)" },
    {
      predicate: "variance-is-a-mean-over-the-last-axis",
      facts: "that keeps it",
      inputs: "x: f32[4, 4], gain: f32[4], shift: f32[4]",
    },
  );
});

test("a mean of cubes", () => {
  refuses(
    { squares: "squares = pow(d, 4.0)" },
    { predicate: "mean-of-squares", facts: "squares is pow(d, 4.0), not a square" },
  );
});

test("a product of two deviations, which is a covariance", () => {
  refuses(
    { squares: "d2 = sub(z, mean)\nsquares = mul(d, d2)" },
    {
      predicate: "mean-of-squares",
      facts: "squares is mul(d, d2)",
      inputs: "x: f32[T, 4], z: f32[T, 4], gain: f32[4], shift: f32[4]",
    },
  );
});

test("root mean square: the mean is not subtracted", () => {
  refuses(
    { mean: "", centered: "", squares: "squares = mul(x, x)", normalized: "n = mul(x, rstd)" },
    { predicate: "deviation", facts: "x is an input, not x − mean(x)" },
  );
});

test("a mean that is subtracted the other way round and added", () => {
  refuses({ centered: "d = add(x, mean)" }, { predicate: "deviation", facts: "d is add(x, mean)" });
});

test("the deviation from a row's maximum", () => {
  refuses(
    { mean: "mean = reduce_max(x)" },
    { predicate: "deviation-from-the-mean-over-the-last-axis", facts: "mean is reduce_max(x)" },
  );
});

test("the mean of another tensor", () => {
  refuses(
    { mean: "mean = reduce_mean(z)" },
    {
      predicate: "deviation-from-the-mean-over-the-last-axis",
      facts: "mean is reduce_mean(z), not the mean of the same x",
      inputs: "x: f32[T, 4], z: f32[T, 4], gain: f32[4], shift: f32[4]",
    },
  );
});

test("a mean over another axis", () => {
  refuses(
    { mean: "mean = reduce_mean(x, axis=0)" },
    { predicate: "deviation-from-the-mean-over-the-last-axis", facts: "over its last axis" },
  );
});

test("the variance of something else than what it divides", () => {
  refuses(
    { normalized: "n = mul(x, rstd)" },
    { predicate: "scaled-and-shifted", facts: "rstd is not multiplied into d" },
  );
});

test("a product with the standard deviation instead of a division by it", () => {
  refuses(
    { rstd: "rstd = sqrt(ve)" },
    { predicate: "scaled-and-shifted", facts: "y is 1·d·rstd·gain + 1·shift, not d·rstd^-1·gain + shift" },
  );
});

test("no shift", () => {
  refuses(
    { scaled: "y = mul(n, gain)", shifted: "" },
    { predicate: "scaled-and-shifted", facts: "y is 1·d·rstd·gain" },
  );
});

test("no gain", () => {
  refuses(
    { scaled: "", shifted: "y = add(n, shift)" },
    { predicate: "scaled-and-shifted", facts: "y is 1·d·rstd + 1·shift" },
  );
});

test("a shift that is multiplied along: (normalized + shift) · gain", () => {
  refuses(
    { scaled: "s = add(n, shift)", shifted: "y = mul(s, gain)" },
    { predicate: "scaled-and-shifted", facts: "1·d·rstd·gain + 1·shift·gain" },
  );
});

test("a gain of its own for every token", () => {
  refuses(
    {},
    { predicate: "scaled-and-shifted", facts: "n is 1·d·rstd", inputs: "x: f32[T, 4], gain: f32[T, 4], shift: f32[4]" },
  );
});

test("one gain for the whole row", () => {
  refuses(
    {},
    { predicate: "scaled-and-shifted", facts: "n is 1·d·rstd", inputs: "x: f32[T, 4], gain: f32[1], shift: f32[4]" },
  );
});

test("a half of it", () => {
  refuses(
    { shifted: "h = mul(s, 0.5)\ny = add(h, shift)" },
    { predicate: "scaled-and-shifted", facts: "y is 0.5·d·rstd·gain + 1·shift" },
  );
});

test("a mean that something else reads: it would be computed twice", () => {
  refuses(
    { shifted: "y = add(s, shift)\nz = tanh(mean)" },
    { predicate: "intermediates-are-private", facts: "mean is also read by z", results: "y, z" },
  );
});

test("a deviation that something else reads", () => {
  refuses(
    { shifted: "y = add(s, shift)\nz = tanh(d)" },
    { predicate: "intermediates-are-private", facts: "d is also read by z", results: "y, z" },
  );
});

test("a root that something else reads", () => {
  refuses(
    { shifted: "y = add(s, shift)\nz = tanh(rstd)" },
    { predicate: "intermediates-are-private", facts: "rstd is also read by z", results: "y, z" },
  );
});

test("a normalised row that the graph returns", () => {
  refuses({}, { predicate: "intermediates-are-private", facts: "n is also returned", results: "y, n" });
});

test("a mean that the graph returns", () => {
  refuses({}, { predicate: "intermediates-are-private", facts: "mean is also returned", results: "y, mean" });
});

test("a normalised row that two layers scale", () => {
  refuses(
    { shifted: "y = add(s, shift)\nt = mul(n, shift)\nz = add(t, gain)" },
    { predicate: "intermediates-are-private", facts: "n is also read by t", results: "y, z" },
  );
});

test.run();
