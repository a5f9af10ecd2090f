// How many invocations a subgroup has must not matter to a kernel: from 4, as software has, to AMD's 64. None reads it, or does in a
// subgroup what depends on it; the one that reads its neighbours' registers computes the same bits in all widths that Mesa's software
// driver takes from the environment, and AMD's compiler keeps it in registers in both of its own.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readGpus } from "../../cli/isa/gpus.ts";
import { compileForGpus } from "../../cli/isa/machine-code.ts";
import { compileEntries, standard } from "../../codegen/compile.ts";
import { renderShader } from "../../codegen/render-shader.ts";
import { type Candidate, candidates } from "../../codegen/select-kernel.ts";
import type { Config } from "../../codegen/space.ts";
import { type Target, targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { neg } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { adapter } from "../support/gpu.ts";
import { noRadv } from "../support/radv.ts";
import { graphOfOp } from "../support/run-op.ts";
import { skipUnless } from "../support/skip.ts";
import { coveringConfigs } from "./kernel-configs.ts";
import { matmul, normalized, transposed } from "./kernel-texts.ts";
import { readsWidth } from "./reads-width.ts";

const test = suite("subgroup widths");
const QUADS = "matmul_blocked_quads";

/** Software and a GPU, whose kernels differ, with every feature. */
const EVERY_FEATURE: readonly Target[] = ["lavapipe", "h100"].map((name) => {
  const target = targetByName(name);
  return { ...target, features: [...target.features, "chromium-experimental-subgroup-matrix"] };
});

interface Text {
  readonly kernel: string;
  readonly place: string;
  readonly wgsl: string;
}

/** What the kernels that take the graph's last node make of it, in the configurations that are chosen. */
function textsOf(graph: Graph, target: Target, choose: (found: Candidate) => readonly Config[]): readonly Text[] {
  const { fused } = at(compileEntries("g", [{ name: "run", graph, maxima: { T: 40 } }], { target }).entries, 0);
  const node = at(fused.nodes, -1);
  return candidates(node, target).flatMap((found) =>
    choose(found).map((config) => {
      const { wgsl } = renderShader({ kernel: found.kernel, config }, node, target);
      const { name } = found.kernel;
      return { kernel: name, place: `${name} with ${JSON.stringify(config)} for ${target.name}: ${graph.name}`, wgsl };
    }),
  );
}

const MATMULS = [
  matmul("1", 66, 96),
  matmul("3", 66, 96),
  matmul("T", 64, 96),
  transposed("1", 96, 33),
  transposed("3", 96, 33),
  transposed("T", 96, 33),
  normalized(66, 96),
  normalized(66, 96, 3),
  normalized(66, 96, 1, 3),
  matmul("1", 66, 96).replace("matmul(x, w)", "matmul_parts(x, w, parts=3)"),
].map((text) => parseGraph(text));

test("no kernel's text reads how wide a subgroup is, in any value of its configurations", () => {
  // All ops of elements are one kernel's: a map is as good as any.
  const kept = standard.ops.filter((op) => op === neg || op.traits.element === undefined);
  const ops = kept.flatMap((op) => op.cases.map(({ types, attrs }) => graphOfOp(op, types, attrs)));
  const kernels = new Set<string>();
  for (const graph of [...ops, ...MATMULS]) {
    // A value is tried anew for each graph: what a kernel's text holds depends on the region.
    const seen = new Set<string>();
    for (const { kernel, place, wgsl } of EVERY_FEATURE.flatMap((target) =>
      textsOf(graph, target, (found) => coveringConfigs(found, seen)),
    )) {
      assert.equal(readsWidth(wgsl), [], place);
      kernels.add(kernel);
    }
  }
  assert.equal(
    standard.kernels.map((k) => k.name).filter((name) => !kernels.has(name)),
    [],
  );
});

test("a text that reads how wide a subgroup is is found", () => {
  const main = (parameters: string, body: string) => `const QUADS = 4u;\nfn main(${parameters}) { ${body} }`;
  const place = "@builtin(subgroup_invocation_id) place: u32";
  for (const [parameters, body, found] of [
    [place, "let i = place % 4u; let y = quadBroadcast(x, 1u) + quadSwapX(x); // subgroupAdd", []],
    ["", "sums = subgroupMatrixMultiplyAccumulate(a, b, sums);", []],
    ["", "let y = subgroupAdd(x);", ["subgroupAdd"]],
    [
      "",
      "let y = subgroupShuffleXor(x, 1u) + subgroupBroadcastFirst(x);",
      ["subgroupShuffleXor", "subgroupBroadcastFirst"],
    ],
    ["@builtin(subgroup_size) n: u32, @builtin(num_subgroups) m: u32", "", ["subgroup_size", "num_subgroups"]],
    ["@builtin(subgroup_id) id: u32", "", ["subgroup_id"]],
    [place, "let i = place % 8u;", ["subgroup_invocation_id"]],
    [place, "let i = place % 4u + place / 4u;", ["subgroup_invocation_id"]],
  ] as const)
    assert.equal(readsWidth(main(parameters, body)), found, body);
});

/** In a process of its own, in subgroups of `bits / 32`. */
function checkQuads(bits: number): {
  readonly least: number;
  readonly most: number;
  readonly checked: number;
  readonly hash: string;
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", fileURLToPath(new URL("./check-quads.ts", import.meta.url))],
    { encoding: "utf8", env: { ...process.env, LP_NATIVE_VECTOR_WIDTH: `${bits}` } },
  );
  assert.is(status, 0, stderr);
  return JSON.parse(stdout);
}

const lavapipe = adapter?.features.includes("subgroups") && /llvmpipe/.test(adapter.description);
let firstHash: string | undefined;
for (const width of [4, 8, 16, 64])
  skipUnless(
    test,
    lavapipe,
    "no lavapipe with subgroups",
  )(`quads give the same bits in subgroups of ${width}`, () => {
    const { least, most, checked, hash } = checkQuads(32 * width);
    assert.equal([least, most], [width, width]);
    assert.ok(checked >= 6, `${checked} configurations`);
    firstHash ??= hash;
    assert.is(hash, firstHash);
  });

/** With a variable of the environment, which the processes inherit that load a driver. */
async function withEnvironment<X>(name: string, value: string, run: () => Promise<X>): Promise<X> {
  const before = process.env[name];
  process.env[name] = value;
  try {
    return await run();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
}

// The driver takes subgroups of 64 where a workgroup fills them, unless it is asked for those of 32, which CDNA does not have.
for (const [width, families, asked] of [
  [64, "mi200", ""],
  [32, "navi31,gfx1201", "cswave32"],
] as const)
  skipUnless(
    test,
    noRadv === undefined,
    noRadv ?? "",
  )(`quads stay in registers in AMD's subgroups of ${width}`, async () => {
    const target = targetByName("rx-7900-xtx");
    // What an invocation keeps depends on the rows of its block, whatever the workgroup is.
    const shaders = [matmul("T", 768, 2304), transposed("T", 768, 2304)].flatMap((text) =>
      textsOf(parseGraph(text), target, ({ kernel, configs }) =>
        kernel.name === QUADS ? configs.filter((config) => config["lanes"] === 64) : [],
      ).map(({ place: name, wgsl }) => ({ name, wgsl })),
    );
    assert.is(shaders.length, 6);
    const codes = await withEnvironment("RADV_PERFTEST", asked, () =>
      compileForGpus(shaders, readGpus(families), () => undefined),
    );
    assert.is(codes.length, families.split(",").length);
    for (const { family, kernels } of codes) {
      assert.is(kernels.length, shaders.length);
      for (const k of kernels) {
        const place = `${k.kernel} on ${family}`;
        assert.equal([k.spilledVgprs, k.spilledSgprs, k.scratchBytes], [0, 0, 0], place);
        assert.is(k.subgroupSize, width, place);
      }
    }
  });

test.run();
