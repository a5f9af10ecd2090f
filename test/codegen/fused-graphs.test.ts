// The graphs after the passes in a bundle's variants: shared where kernels refuse the same, and made anew where they do not.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { definePlugin, extend, standard } from "../../codegen/compile.ts";
import { compileBundle } from "../../codegen/emit/bundle.ts";
import { defineKernel } from "../../codegen/kernel.ts";
import { matmulGemv } from "../../codegen/kernels/matmul-gemv.ts";
import { parseGraph } from "../../ir/parse.ts";

const test = suite("fused graphs");

const graph = parseGraph(`graph g(x: f32[1, 5], weight w: f32[5, 7]) {
  m = matmul(x, w)
  y = exp(m)
  return y
}`);

/** How often the pass ran, and the steps of each variant of a bundle. */
function stepsOf(kernels: Parameters<typeof definePlugin>[0]["kernels"]): {
  readonly runs: number;
  readonly steps: Readonly<Record<string, number>>;
} {
  let runs = 0;
  const pass = {
    name: "count-runs",
    summary: "counts how often it runs",
    role: "simplify" as const,
    run: (g: typeof graph) => {
      runs++;
      return g;
    },
  };
  const plugin = definePlugin({ name: "p", passes: [{ pass, after: "fuse-gelu" }], ...(kernels && { kernels }) });
  const { plan } = compileBundle([{ name: "run", graph }], { toolkit: extend(standard, plugin) });
  return { runs, steps: Object.fromEntries(plan.variants.map((v) => [v.name, v.entries[0]?.steps.length ?? 0])) };
}

test("passes run once for all variants whose kernels refuse the same", () => {
  assert.equal(stepsOf([]), { runs: 1, steps: { base: 1 } });
});

test("a kernel that takes less with a feature keeps what it would not take out of its region", () => {
  const alone = defineKernel({
    ...matmulGemv,
    name: "matmul_alone",
    refuses(region, target, config) {
      if (!target.features.includes("subgroups")) return "the adapter has no subgroups";
      return region.body.nodes.length > 1
        ? "it computes a product alone"
        : matmulGemv.refuses?.(region, target, config);
    },
  });
  assert.equal(stepsOf([alone]), { runs: 2, steps: { base: 1, subgroups: 2 } });
});

test.run();
