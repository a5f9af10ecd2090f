// Every kernel against the ops' references: on each op's own cases, and on shapes that divide nothing evenly. Not here:
// what kernels compute beside their anchor; see kernels-regions.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { standard } from "../../codegen/compile.ts";
import type { Kernel } from "../../codegen/kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import type { Op, OpCase } from "../../ir/op.ts";
import { parseType } from "../../ir/parse.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { givenOf, graphOfOp } from "../support/run-op.ts";
import { dispatched } from "../support/run-plan.ts";
import { skipUnless } from "../support/skip.ts";

import { ALL_PASSES, CHECKED_TARGETS, checkKernels, worstErrors } from "./kernel-check.ts";
import { matmul, normalized, transposed } from "./kernel-texts.ts";

const test = suite("kernels");
const gpuTest = onGpu(test);

const DEFAULT = targetByName("webgpu-default");

/** Numbers that one element of a result adds up: the longest axis, where the op folds any. */
const termsOf = (op: Op, { types }: OpCase): number =>
  op.traits.anchor || op.traits.reduces ? Math.max(...types.flatMap((t) => parseType(t).shape.map(Number))) : 1;

const graphOf = (op: Op, { types, attrs }: OpCase) => graphOfOp(op, types, attrs);

for (const op of standard.ops)
  gpuTest(`${op.name}: each kernel gives the reference's numbers on the op's cases`, async (gpu) => {
    for (const opCase of op.cases)
      await checkKernels(gpu, graphOf(op, opCase), {
        disable: ALL_PASSES,
        terms: termsOf(op, opCase),
        given: givenOf(op, opCase),
        // Where invocations share nothing, targets differ in the size of workgroups alone.
        targets: op.traits.anchor || op.traits.reduces || op.traits.updatesFirstOperand ? CHECKED_TARGETS : [DEFAULT],
      });
  });

const ROWS = [{ T: 1 }, { T: 5 }, { T: 40 }];

const MATMULS: readonly (readonly [string, number])[] = [
  [matmul("1", 3, 1023), 3],
  [matmul("1", 33, 445), 33],
  [matmul("1", 64, 1024), 64],
  [matmul("T", 5, 445), 5],
  [matmul("T", 65, 1024), 65],
  [matmul("T", 64, 36), 64],
  [matmul("T", 68, 1028), 68],
  [transposed("1", 64, 445), 64],
  [transposed("1", 36, 1023), 36],
  [transposed("T", 36, 445), 36],
  [transposed("T", 5, 1023), 5],
  [normalized(5, 8), 5],
  [normalized(33, 444), 33],
  [normalized(64, 1024), 64],
  [normalized(64, 36, 5), 64],
  [normalized(66, 36, 8), 66],
  [normalized(64, 1024, 1, 4), 64],
  [normalized(66, 36, 3, 2), 66],
  [matmul("8", 65, 36), 65],
  [transposed("3", 72, 1023), 72],
  [transposed("8", 36, 445), 36],
];
for (const [text, terms] of MATMULS)
  gpuTest(`${text.split("{")[0]?.trim()}: each kernel gives the reference's numbers`, (gpu) =>
    checkKernels(gpu, text, { terms, runs: ROWS }),
  );

gpuTest("weights that lie as f16 are widened where each kernel reads them", async (gpu) => {
  // An odd number of elements too: halves lie in pairs.
  for (const text of [
    matmul("1", 65, 33),
    matmul("T", 66, 36),
    transposed("1", 68, 33),
    transposed("T", 68, 33),
    normalized(66, 36),
    // Eight to a load.
    matmul("1", 65, 40),
    matmul("T", 68, 40),
    transposed("1", 72, 33),
    normalized(66, 40),
  ])
    await checkKernels(gpu, text.replace("w: f32", "weight w: f32"), {
      terms: 72,
      runs: ROWS,
      weights: "f16",
    });
  await checkKernels(gpu, "graph rows(weight table: f32[7, 5], ids: i32[T]) { y = gather(table, ids) return y }", {
    runs: ROWS,
    weights: "f16",
  });
});

for (const width of [1, 3, 445, 1023])
  gpuTest(`layer_norm of width ${width}: each kernel gives the reference's numbers`, (gpu) =>
    checkKernels(
      gpu,
      `graph g(x: f32[T, ${width}], w: f32[${width}], b: f32[${width}]) { y = layer_norm(x, w, b) return y }`,
      {
        terms: width,
        runs: ROWS,
      },
    ),
  );

for (const [heads, size, target, group] of [
  [3, 4, 0, 1],
  [2, 5, 1, 1],
  [2, 12, 1, 1],
  [1, 33, 0, 1],
  [2, 64, 0, 1],
  [6, 12, 1, 3],
  [4, 5, 0, 4],
] as const)
  gpuTest(
    `attention with ${heads} heads of ${size}${group > 1 ? ` in groups of ${group}` : ""}: each kernel gives the reference's numbers`,
    async (gpu) => {
      const [width, keys] = [heads * size, (heads / group) * size];
      const text = (
        rows: string,
      ) => `graph g[P>=0](q: f32[${rows}, ${width}], k: f32[112, ${keys}], v: f32[112, ${keys}]) {
      y = scaled_dot_product_attention(q, k, v, n_head=${heads}, n_kv_head=${heads / group}, length=P+${rows}, scale=0.25)
      return y
    }`;
      const targets = CHECKED_TARGETS.slice(target, target + 1);
      await checkKernels(gpu, text("T"), {
        targets,
        terms: 110,
        runs: [
          { T: 1, P: 0 },
          { T: 7, P: 13 },
          { T: 40, P: 70 },
        ],
      });
      await checkKernels(gpu, text("1"), { targets, terms: 71, runs: [{ P: 0 }, { P: 6 }, { P: 70 }] });
    },
  );

const LEAST = 4;
skipUnless(
  test,
  adapter,
  "no Vulkan adapter",
)(`each kernel has run at least ${LEAST} times by now`, () => {
  const canRun = (k: Kernel) => (k.features ?? []).every((f) => adapter?.features.includes(f));
  for (const { name } of standard.kernels.filter(canRun))
    assert.ok((dispatched.get(name) ?? 0) >= LEAST, `${name}: ${dispatched.get(name)}`);
  const others = standard.kernels.filter((k) => !canRun(k)).map((k) => `${k.name} (needs ${k.features?.join(", ")})`);
  if (others.length > 0) console.log(`\nnot run here: ${others.join("; ")}`);
  const worst = [...worstErrors].map(([name, error]) => `${name} ${error.toFixed(1)}`);
  console.log(`\nlargest errors, in 2⁻²⁴ of the largest element: ${worst.join(", ")}`);
});

test.run();
