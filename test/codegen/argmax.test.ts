// Every kernel of argmax finds the first of the largest, also among NaNs, infinities and zeros of both signs.
import { suite } from "uvu";
import { argmax } from "../../ir/ops/index.ts";
import { hostTensor } from "../../ir/tensor.ts";
import { onGpu } from "../support/gpu.ts";
import { graphOfOp } from "../support/run-op.ts";
import { ALL_PASSES, checkKernels } from "./kernel-check.ts";

const test = suite("argmax");
const gpuTest = onGpu(test);
const [none, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

gpuTest("is the first of the largest, and of a NaN that is the first", async (gpu) => {
  const rows = [
    [Number.NaN, 1, 2, 3, 4],
    [1, Number.NaN, 3, 3, -Number.NaN],
    [none, none, Number.NaN, none, none],
    [Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.NaN],
    [-0, 0, -1, 0, -0],
    [1, most, Number.NaN, most, 0],
    [none, -1e-40, -1, -2, -3e38],
  ];
  const x = hostTensor("f32", [rows.length, 5], rows.flat());
  const given = new Map([["x0", x]]);
  await checkKernels(gpu, graphOfOp(argmax, [`f32[${rows.length}, 5]`]), { disable: ALL_PASSES, given });
});

gpuTest("is found by many invocations, of floats and integers", async (gpu) => {
  for (const types of [["f32[3, 700]"], ["i32[2, 601]"], ["u32[2, 130]"], ["f32[2, 300, 3]"]])
    await checkKernels(gpu, graphOfOp(argmax, types, types[0]?.includes("300, 3") ? { axis: 1 } : {}), {
      disable: ALL_PASSES,
    });
});

test.run();
