// A few cases of `npm run full-shapes`, and what its verdicts stand on: that its f64 is the interpreter's, and that what is wrong shows.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseGraph } from "../../ir/parse.ts";
import { seededRandom } from "../fuzz/mutate.ts";
import { onGpu } from "../support/gpu.ts";
import { seededTensor } from "../support/tensors.ts";
import { compare, drawCase, runCase } from "./sample.ts";
import { STEPS, type Step, stepsOf } from "./steps.ts";

const test = suite("full shapes");
const gpuTest = onGpu(test);

const SMALL = stepsOf({ name: "small", width: 12, heads: 3, vocabulary: 37, keys: 70 });

function interpreted({ text, symbols }: Step) {
  const graph = parseGraph(text);
  const tensors = new Map(graph.inputs.map(({ value: v }, i) => [v.name, seededTensor(v.type, symbols, i + 1)]));
  return { tensors, result: at(interpret(graph, tensors, symbols), 0) };
}

test("an element in f64 is what the interpreter makes of it", () => {
  for (const step of SMALL) {
    const { tensors, result } = interpreted(step);
    assert.equal(result.shape, step.shape, step.name);
    const element = step.elements((name) => tensors.get(name)?.data ?? new Float64Array());
    for (const [i, wanted] of result.data.entries()) {
      const { value, allowed } = element(Math.floor(i / step.shape[1]), i % step.shape[1]);
      assert.ok(Math.abs(value - wanted) <= 1e-12 * Math.max(1, Math.abs(wanted)), `${step.name}: ${value}, ${wanted}`);
      assert.ok(allowed > 0 && allowed < 1e-3, `${step.name}: ${allowed}`);
    }
  }
});

test("an element that is off, or no number, is a fault", () => {
  const step = at(SMALL, 0);
  const { tensors, result } = interpreted(step);
  const check = (data: Float64Array) => compare({ ...result, data }, step, tensors, seededRandom(1));
  assert.is(check(result.data).fault, undefined);
  for (const wrong of [at(result.data, -1) + 1e-3, Number.NaN]) {
    const { worst, fault } = check(result.data.with(-1, wrong));
    assert.ok(worst > 1);
    assert.match(fault ?? "", /^\[0, 35\] is \S+, but should be \S+: off by \S+, and \S+ is allowed$/);
  }
});

/** Of each kind one that plans have: products of a row, of rows, in parts and behind a norm, and attention. Each takes a second or two. */
const CASES: readonly (readonly [kernel: string, step: string])[] = [
  ["matmul_stream", "gpt2: 768 × 2304, bias, 1 = 1 rows"],
  ["matmul_parts_stream", "gpt2: 3072 × 768, bias, residual, 8 = 8 rows"],
  ["matmul_blocked", "gpt2: 768 × 768, bias, residual, T = 64 rows"],
  ["matmul_gemv_normalized", "gpt2: layer norm, 768 × 2304, bias, 1 = 1 rows"],
  ["attention_decode", "gpt2: attention to 1024 keys, 1 = 1 rows"],
  ["attention_prefill", "gpt2: attention to 1024 keys, T = 8 rows"],
];
for (const [kernel, name] of CASES)
  gpuTest(`${kernel} is right at its full shape, to the same bits twice`, async (gpu) => {
    const steps = STEPS.filter((step) => step.name === name);
    assert.is(steps.length, 1, name);
    for (let seed = 1; seed <= 500; seed++) {
      const drawn = drawCase(gpu, seed, steps);
      if (drawn.chosen.kernel.name !== kernel) continue;
      assert.is((await runCase(gpu, drawn)).fault, undefined, drawn.place);
      return;
    }
    assert.unreachable(`no seed has ${kernel} take ${name}`);
  });

test.run();
