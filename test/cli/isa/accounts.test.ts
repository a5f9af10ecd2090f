// What kernels say of their hot loops, held against the machine code that AMD's compiler makes of them: the bytes of a matrix that an
// invocation has on their way before it waits, and the multiply-adds that it makes for them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DTYPE_BYTES } from "../../../base/dtype.ts";
import { readGpus } from "../../../cli/isa/gpus.ts";
import { compileForGpus } from "../../../cli/isa/machine-code.ts";
import { compileModel } from "../../../codegen/compile.ts";
import { type PredictedStep, predictSteps } from "../../../codegen/predict-steps.ts";
import { targetByName } from "../../../codegen/target.ts";
import { standard } from "../../../codegen/toolkit.ts";
import type { Traffic } from "../../../codegen/work.ts";
import { readModel } from "../../../engine/index.ts";
import { at } from "../../../ir/errors.ts";
import { noRadv } from "../../support/radv.ts";
import { skipUnless } from "../../support/skip.ts";

const test = suite("accounts and machine code");
const radvTest = skipUnless(test, noRadv === undefined, noRadv ?? "");

/** Of the matrix, which most bytes are loaded of: those that an invocation has on their way before it waits, and the multiply-adds for them. */
function saidOf({ account, demand: { multiplyAdds } }: PredictedStep) {
  const elements = ({ binding: { value } }: Traffic): number =>
    value.type.shape.reduce<number>((n, d) => n * Number(d), 1);
  const touched = (t: Traffic): number =>
    Math.min(t.loads * t.bytes, elements(t) * DTYPE_BYTES[t.binding.value.type.dtype]);
  // What has a symbol in its shape is no weight.
  const matrices = (account?.traffic ?? []).filter((t) => t.loads > 0 && !Number.isNaN(elements(t)));
  const [matrix] = matrices.toSorted((x, y) => touched(y) - touched(x));
  assert.ok(matrix);
  const { loads = 0, bytes = 0, waits = 1 } = matrix ?? {};
  return { inFlight: (loads * bytes) / waits, multiplyAdds: multiplyAdds / waits };
}

for (const dtype of ["f32", "f16"] as const)
  radvTest(`matmuls of gpt2 in ${dtype} keep in flight what they say, and multiply as often`, async () => {
    const { family, config } = await readModel("gpt2", standard);
    const target = targetByName("rx-7900-xtx");
    const options = { target, weights: dtype, entries: ["prefill", "decode"] } as const;
    const compiled = compileModel(family, { ...config, n_layer: 1 }, options);
    const [code] = await compileForGpus(compiled.plan.kernels, readGpus(target.name), () => undefined);
    let compared = 0;
    for (const entry of compiled.entries)
      for (const step of predictSteps(compiled.plan, entry, target)) {
        if (!step.ops.split(" + ").includes("matmul")) continue;
        const { bytesInFlight, hot } = at(code?.kernels.filter((k) => k.kernel === step.kernel) ?? [], 0);
        const said = saidOf(step);
        const place = `${step.kernel}, ${JSON.stringify(step.config)}`;
        assert.ok(bytesInFlight >= said.inFlight, `${place}: ${bytesInFlight} bytes in flight, said ${said.inFlight}`);
        // Of those that walk a matrix in one loop, which the compiler leaves as it is.
        if (step.kernel.startsWith("matmul_blocked"))
          assert.is(hot.multiplyAdds, said.multiplyAdds, `${place}: multiply-adds of the hot loop`);
        compared++;
      }
    assert.ok(compared >= 9, `${compared} matmuls`);
  });

test.run();
