// Ranks 0 to 4: the WGSL of every op's kernels at every rank that the op takes, read by Tint, and what has no axis run
// against the interpreter.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, standard } from "../../codegen/compile.ts";
import { candidates, selectKernel } from "../../codegen/select-kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import type { Op, OpCase } from "../../ir/op.ts";
import { computesInPlace } from "../support/element-calls.ts";
import { onGpu } from "../support/gpu.ts";
import { type RankCase, rankCases } from "../support/op-ranks.ts";
import { graphOfOp } from "../support/run-op.ts";
import { assertValidWgsl } from "../support/tint.ts";
import { ALL_PASSES, acceptingKernels, checkKernels } from "./kernel-check.ts";

const test = suite("ranks");
const gpuTest = onGpu(test);
const target = targetByName("webgpu-default");

const graphOf = (op: Op, { types, attrs }: OpCase) => graphOfOp(op, types, attrs);

const CASES = new Map(standard.ops.map((op) => [op, rankCases(op)]));
const casesOf = (op: Op): readonly RankCase[] => CASES.get(op) ?? [];
const hasNoAxis = ({ operandRanks, resultRanks }: RankCase) => [...operandRanks, ...resultRanks].includes(0);

for (const op of standard.ops)
  test(`${op.name} prints valid WGSL at each rank that it takes`, async () => {
    assert.ok(casesOf(op).length > 0, "no case");
    for (const rankCase of casesOf(op)) {
      const graph = graphOf(op, rankCase);
      for (const kernel of acceptingKernels(graph, target, {}, { disable: ALL_PASSES })) {
        const { plan } = compileEntries(op.name, [{ name: "run", graph }], {
          target,
          disable: ALL_PASSES,
          kernelFor: (node, t) =>
            candidates(node, t).some((c) => c.kernel === kernel && c.refusal === undefined)
              ? kernel
              : selectKernel(node, t),
        });
        const label = `${kernel.name} of ${op.name}(${rankCase.types.join(", ")}) ${JSON.stringify(rankCase.attrs)}`;
        for (const { wgsl } of plan.kernels) await assertValidWgsl(wgsl, label);
      }
    }
  });

test("pointwise ops are tried at every rank, folds at every rank that has an axis", () => {
  const ranks = (op: Op, of: (c: RankCase) => readonly number[]) =>
    [...new Set(casesOf(op).flatMap(of))].sort((a, b) => a - b);
  for (const op of standard.ops.filter(computesInPlace))
    assert.equal(
      ranks(op, (c) => c.resultRanks),
      [0, 1, 2, 3, 4],
      op.name,
    );
  for (const op of standard.ops.filter(({ traits }) => traits.reduces)) {
    assert.equal(
      ranks(op, (c) => c.operandRanks),
      [1, 2, 3, 4],
      op.name,
    );
    assert.equal(
      ranks(op, (c) => c.resultRanks),
      [0, 1, 2, 3, 4],
      op.name,
    );
  }
  const withoutAxis = standard.ops.filter((op) => casesOf(op).some((c) => c.resultRanks.includes(0)));
  assert.ok(
    withoutAxis.some((op) => op.traits.anchor) && withoutAxis.some((op) => op.traits.element),
    withoutAxis.map((op) => op.name).join(),
  );
});

for (const op of standard.ops.filter((o) => casesOf(o).some(hasNoAxis)))
  gpuTest(`${op.name} of or to a scalar gives the reference's numbers`, async (gpu) => {
    // Ranks in all are few enough where the op is not pointwise; of the others, scalars alone and one beside a tensor.
    const cases = casesOf(op).filter((c) => hasNoAxis(c) && Math.max(...c.operandRanks, ...c.resultRanks) <= 1);
    for (const rankCase of cases)
      await checkKernels(gpu, graphOf(op, rankCase), { disable: ALL_PASSES, targets: [target], terms: 8, ulps: 16 });
  });

gpuTest("a vector is folded to a scalar that the same kernel goes on with", (gpu) =>
  checkKernels(
    gpu,
    `graph norm(x: f32[T], k: f32[]) {
      q = mul(x, x)
      s = reduce_sum(q, keepdims=false)
      r = sqrt(s)
      n = mul(r, k)
      c = greater(n, 1.0)
      a = argmax(x)
      i = add(a, 1)
      return n, c, i
    }`,
    { terms: 40, runs: [{ T: 1 }, { T: 40 }] },
  ),
);

gpuTest("a scalar takes part in matrices, and comes out of them", (gpu) =>
  checkKernels(
    gpu,
    `graph scalars(x: f32[1, 65], w: f32[65, 1], k: f32[]) {
      m = matmul(x, w)
      s = mul(m, k)
      y = reshape(s, shape=[])
      e = expand(y, shape=[3, 2])
      return y, e
    }`,
    { terms: 65 },
  ),
);

test.run();
