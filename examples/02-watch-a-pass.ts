// One pass at work: the graph before and after it, what its rules said about every candidate, and the numbers to show that
// the meaning stayed. Needs no GPU.
//
//   npx tsx examples/02-watch-a-pass.ts
import { hostTensor, interpret, parseGraph, printGraph } from "wgpt/ir";
import { Explainer, fuseGelu, runPasses } from "wgpt/passes";

// Two activations. The first is GELU in a spelling of its own: the argument is factored, the product multiplied out. The
// second has a 0.4 where GELU has 0.5, and must be left alone.
const graph = parseGraph(`
graph two_activations(x: f32[4]) {
  square = mul(x, x)
  scaled = mul(square, 0.044715)
  factor = add(scaled, 1.0)
  line = mul(0.7978845608, x)
  argument = mul(line, factor)
  t = tanh(argument)
  half = mul(x, 0.5)
  wave = mul(half, t)
  real = add(wave, half)
  root = mul(x, 0.70710678)
  e = erf(root)
  short = mul(x, 0.4)
  ripple = mul(short, e)
  fake = add(ripple, short)
  return real, fake
}`);

const explainer = new Explainer();
const after = runPasses(graph, [fuseGelu], [explainer]);

console.log(`before ${fuseGelu.name} (${fuseGelu.summary}):\n${printGraph(graph)}`);
console.log(`after:\n${printGraph(after)}`);
for (const { rule, site, refusal } of explainer.reports)
  console.log(`${rule} at ${site}: ${refusal ? `no, ${refusal.predicate}: ${refusal.facts}` : "fired"}`);

// The same input through both graphs. The text above has 10 digits of √(2/π), the op has 16; hence no exact zero.
const inputs = new Map([["x", hostTensor("f32", [4], [-2, -0.5, 0.5, 2])]]);
const [old, fresh] = [graph, after].map((g) => interpret(g, inputs).flatMap((t) => [...t.data]));
const differences = old?.map((v, i) => Math.abs(v - (fresh?.[i] ?? Number.NaN))) ?? [];
console.log(`\nlargest difference of ${differences.length} numbers: ${Math.max(...differences).toExponential(1)}`);
