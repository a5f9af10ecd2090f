// What is almost RMS norm and stays as it is. Each says which predicate is the one that said no.
import { suite } from "uvu";
import { fuseRmsNorm } from "../../passes/fuse-rms-norm.ts";
import { expectRefusal } from "./expect-report.ts";
import { rmsNormGraph, type Steps } from "./rms-norm-text.ts";

const test = suite("fuse-rms-norm: look-alikes");

interface No {
  readonly predicate: string;
  readonly facts: string;
  readonly inputs?: string;
  readonly results?: string;
}

const refuses = (steps: Steps, { predicate, facts, ...options }: No): void => {
  expectRefusal(fuseRmsNorm, rmsNormGraph(steps, options), { site: "rstd", predicate, facts });
};

test("no epsilon: a row of zeros would divide by zero", () => {
  refuses(
    { epsilon: "", rstd: "rstd = rsqrt(power)" },
    {
      predicate: "root-of-mean-square-plus-epsilon",
      facts: "power is reduce_mean(squares), not add(mean square, epsilon)",
    },
  );
});

test("an epsilon that is a tensor", () => {
  refuses(
    { epsilon: "pe = add(power, e)" },
    {
      predicate: "root-of-mean-square-plus-epsilon",
      facts: "pe is add(power, e)",
      inputs: "x: f32[T, 4], gain: f32[4], e: f32[1]",
    },
  );
});

test("a sum of squares: the row over its length", () => {
  refuses(
    { mean: "power = reduce_sum(squares)" },
    { predicate: "mean-over-the-last-axis", facts: "power is reduce_sum(squares)" },
  );
});

test("a mean over another axis, or one that loses its axis", () => {
  const inputs = "x: f32[4, 4], gain: f32[4]";
  for (const mean of ["power = reduce_mean(squares, axis=0)", "power = reduce_mean(squares, keepdims=false)"])
    refuses({ mean }, { predicate: "mean-over-the-last-axis", facts: "that keeps it", inputs });
});

test("a mean of fourth powers, or of products of two tensors", () => {
  refuses({ squares: "squares = pow(x, 4.0)" }, { predicate: "mean-of-squares", facts: "squares is pow(x, 4.0)" });
  refuses(
    { squares: "squares = mul(x, z)" },
    { predicate: "mean-of-squares", facts: "squares is mul(x, z)", inputs: "x: f32[T, 4], z: f32[T, 4], gain: f32[4]" },
  );
});

test("the root mean square of something else than what it divides", () => {
  refuses(
    { normalized: "n = mul(z, rstd)" },
    {
      predicate: "scaled",
      facts: "rstd is not multiplied into x",
      inputs: "x: f32[T, 4], z: f32[T, 4], gain: f32[4]",
    },
  );
});

test("a product with the root instead of a division by it", () => {
  refuses({ rstd: "rstd = sqrt(pe)" }, { predicate: "scaled", facts: "y is 1·x·rstd·gain, not x·rstd^-1·gain" });
});

test("no gain, or two of them", () => {
  refuses({ normalized: "y = mul(x, rstd)", scaled: "" }, { predicate: "scaled", facts: "y is 1·x·rstd, not" });
  refuses(
    { normalized: "n = mul(x, gain)", scaled: "m = mul(n, offset)\ny = mul(m, rstd)" },
    { predicate: "scaled", facts: "y is 1·x·gain·offset·rstd", inputs: "x: f32[T, 4], gain: f32[4], offset: f32[4]" },
  );
});

test("a gain of its own for every token, or one for the whole row", () => {
  for (const gain of ["f32[T, 4]", "f32[1]"])
    refuses({}, { predicate: "scaled", facts: "n is 1·x·rstd", inputs: `x: f32[T, 4], gain: ${gain}` });
});

test("a half of it", () => {
  refuses({ normalized: "h = mul(x, 0.5)\nn = mul(h, rstd)" }, { predicate: "scaled", facts: "y is 0.5·x·rstd·gain" });
});

test("a part of it that something else reads, or the graph returns", () => {
  refuses(
    { scaled: "y = mul(n, gain)\nz = tanh(rstd)" },
    { predicate: "intermediates-are-private", facts: "rstd is also read by z", results: "y, z" },
  );
  refuses({}, { predicate: "intermediates-are-private", facts: "n is also returned", results: "y, n" });
});

test.run();
