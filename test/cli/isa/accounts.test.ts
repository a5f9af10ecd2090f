// What kernels say of their hot loops, held against the machine code that AMD's compiler makes of them: the bytes that an invocation has on
// their way before it waits, and the multiply-adds that it makes of those.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readGpus } from "../../../cli/isa/gpus.ts";
import { compileForGpus } from "../../../cli/isa/machine-code.ts";
import { compileModel } from "../../../codegen/compile.ts";
import { type PredictedStep, predictSteps } from "../../../codegen/predict-steps.ts";
import { targetByName } from "../../../codegen/target.ts";
import { standard } from "../../../codegen/toolkit.ts";
import { readModel } from "../../../engine/index.ts";
import { at } from "../../../ir/errors.ts";
import { noRadv } from "../../support/radv.ts";
import { skipUnless } from "../../support/skip.ts";

const test = suite("accounts and machine code");
const radvTest = skipUnless(test, noRadv === undefined, noRadv ?? "");

/** What an invocation has on its way of each buffer before it waits, the most first, and the multiply-adds that it makes of the first. */
function saidOf({ account, demand: { multiplyAdds } }: PredictedStep) {
  const traffic = (account?.traffic ?? [])
    .filter((t) => t.waits > 0)
    .map((t) => ({ bytes: (t.loads * t.bytes) / t.waits, waits: t.waits, all: t.loads * t.bytes }))
    .toSorted((a, b) => b.bytes - a.bytes || b.all - a.all);
  const [first, ...others] = traffic;
  return {
    streamed: first?.bytes ?? 0,
    both: (first?.bytes ?? 0) + (others[0]?.bytes ?? 0),
    multiplyAdds: multiplyAdds / (first?.waits ?? 1),
  };
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
        assert.ok(
          bytesInFlight >= said.streamed && bytesInFlight <= said.both,
          `${place}: ${bytesInFlight} bytes in flight, said to be ${said.streamed} to ${said.both}`,
        );
        // A prologue adds a few that are none of the loop's.
        const ratio = said.multiplyAdds / hot.multiplyAdds;
        assert.ok(
          ratio > 0.95 && ratio < 1.1,
          `${place}: ${hot.multiplyAdds} multiply-adds, said ${said.multiplyAdds}`,
        );
        compared++;
      }
    assert.ok(compared >= 9, `${compared} matmuls`);
  });

test.run();
