// A process of its own for subgroup-widths.test.ts: a driver reads its subgroup width when it is loaded. Prints the widths that the
// adapter has and a hash of all that the kernel gave, as JSON. Fails where a kernel that shares registers in a subgroup gives other
// numbers than the interpreter, or others when it runs again.
import { createHash } from "node:crypto";
import { compileEntries, standard } from "../../codegen/compile.ts";
import { candidates, selectKernel } from "../../codegen/select-kernel.ts";
import { at } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseGraph } from "../../ir/parse.ts";
import { openDawn } from "../../runtime/dawn.ts";
import { GpuGraph } from "../support/run-plan.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";
import { CHECKED_TARGETS } from "./kernel-check.ts";
import { coveringConfigs } from "./kernel-configs.ts";
import { matmul, transposed } from "./kernel-texts.ts";

const KERNEL = "matmul_blocked_quads";
const INNER = 68;
const RUNS = [{ T: 1 }, { T: 5 }, { T: 40 }];
// Workgroups of 64 and of 8 invocations and others: of more than a subgroup, and of less than one.
const TARGETS = CHECKED_TARGETS.map((t) => ({ ...t, features: ["subgroups"] }));

const gpu = await openDawn({ backend: "vulkan", quiet: true });
const hash = createHash("sha256");
const maxima = { T: 40 };
let checked = 0;
for (const text of [matmul("T", INNER, 132), transposed("T", INNER, 45)]) {
  const graph = parseGraph(text);
  const cases = RUNS.map((symbols) => {
    const inputs = new Map(graph.inputs.map(({ value: v }, i) => [v.name, seededTensor(v.type, symbols, i + 1)]));
    return { symbols, inputs, expected: at(interpret(graph, inputs, symbols), 0) };
  });
  const seen = new Set<string>();
  for (const target of TARGETS) {
    const { fused } = at(compileEntries("g", [{ name: "run", graph, maxima }], { target }).entries, 0);
    const found = candidates(at(fused.nodes, -1), target).find((c) => c.kernel.name === KERNEL);
    for (const config of found ? coveringConfigs(found, seen) : []) {
      const place = `${KERNEL} with ${JSON.stringify(config)} for ${target.name}`;
      const compiled = await GpuGraph.create(gpu, graph, maxima, {
        target,
        kernelFor: (node, t) => (found ? { kernel: found.kernel, config } : selectKernel(node, t, standard)),
      });
      for (const { symbols, inputs, expected } of cases) {
        const [first, again] = [await compiled.run(inputs, symbols), await compiled.run(inputs, symbols)];
        // A sum of n terms is off by a random walk of n roundings; see kernel-check.ts.
        const atol = 2 * Math.sqrt(INNER) * 2 ** -24 * Math.max(...expected.data.map(Math.abs));
        assertClose(at(first, 0), expected, { rtol: 2 ** -22, atol }, `${place} at ${JSON.stringify(symbols)}`);
        const bytes = first.map(({ data }) => Buffer.from(data.buffer));
        if (!bytes.every((b, i) => b.equals(Buffer.from(at(again, i).data.buffer))))
          throw new Error(`${place} gives other numbers when it runs again`);
        for (const b of bytes) hash.update(b);
      }
      compiled.destroy();
      checked++;
    }
  }
}
const { subgroupMinSize: least, subgroupMaxSize: most } = gpu.device.adapterInfo;
console.log(JSON.stringify({ least, most, checked, hash: hash.digest("hex") }));
gpu.close();
