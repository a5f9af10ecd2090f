// Predictions are kept for all targets that differ in features which nobody asked for, and for no others.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { definePlugin, extend, standard } from "../../codegen/compile.ts";
import { defineKernel, type Kernel } from "../../codegen/kernel.ts";
import { pointwiseKernel } from "../../codegen/kernels/pointwise.ts";
import { rankKernels } from "../../codegen/rank-kernels.ts";
import { type Target, targetByName } from "../../codegen/target.ts";
import { watchFeatures } from "../../codegen/watched-features.ts";
import { at } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";

const test = suite("watched features");

const plain: Target = { ...targetByName("webgpu-default"), features: [] };
const withFeatures = (...features: readonly string[]): Target => ({ ...plain, features });

test("an answer holds where the features that were asked for are the same", () => {
  const none = watchFeatures(plain, ({ machine }) => machine.lanes);
  assert.is(none.answer, plain.machine.lanes);
  assert.ok(none.holdsFor(withFeatures("subgroups")));
  const one = watchFeatures(plain, ({ features }) => features.includes("shader-f16"));
  assert.is(one.answer, false);
  assert.ok(one.holdsFor(withFeatures("subgroups")));
  assert.not.ok(one.holdsFor(withFeatures("shader-f16")));
});

test("an answer that looked at the list itself holds for the same list alone", () => {
  for (const look of [
    (f: readonly string[]) => f.length,
    (f: readonly string[]) => [...f],
    (f: readonly string[]) => f.some((x) => x === "a"),
    (f: readonly string[]) => f[0],
    (f: readonly string[]) => Object.keys(f),
    (f: readonly string[]) => JSON.stringify(f),
  ]) {
    const { holdsFor } = watchFeatures(withFeatures("a"), ({ features }) => look(features));
    assert.ok(holdsFor(withFeatures("a")));
    assert.not.ok(holdsFor(withFeatures("a", "b")));
    assert.not.ok(holdsFor(plain));
  }
});

test("a kernel is lowered once for variants that it does not tell apart, and again for those that it does", () => {
  for (const [asks, times] of [
    [() => true, 1],
    [(target: Target) => target.features.includes("subgroups"), 2],
    [(target: Target) => target.features.includes("shader-f16"), 1],
  ] as const) {
    let lowered = 0;
    const mine: Kernel = defineKernel({
      ...pointwiseKernel,
      name: "mine",
      space: () => [{}],
      lower(region, target, config) {
        asks(target);
        lowered++;
        return pointwiseKernel.lower(region, target, { ...config, lanes: 64 });
      },
    });
    const toolkit = extend(standard, definePlugin({ name: "mine", kernels: [mine] }));
    const node = at(parseGraph("graph g(x: f32[64]) { y = exp(x) return y }").nodes, 0);
    const [first, second] = [plain, withFeatures("subgroups")].map((target) => {
      rankKernels(node, target, {}, toolkit);
      return rankKernels(node, target, {}, toolkit);
    });
    assert.is(lowered, times);
    assert.equal(
      first?.map((r) => [r.kernel.name, r.config, r.prediction.seconds]),
      second?.map((r) => [r.kernel.name, r.config, r.prediction.seconds]),
    );
  }
});

test.run();
