// `npm run full-shapes -- [--seed 1] [--count 200] [--seconds 300] [--only attention] [--kernel stream]`: kernels at the shapes of GPT-2
// 124M's and XL's steps, in configurations that seeds choose, against f64 at a sample of elements, each run twice. Prints the worst error of
// each kernel in parts of what is allowed; fails where a kernel is outside of that or gives other bits the second time. `--only` names steps
// to draw from, `--kernel` passes over the seeds of other kernels. The case of a seed does not depend on those before it: `--seed N --count 1`
// runs one again.
import { parseArgs } from "node:util";
import { openDawn, printAdapter } from "../../runtime/index.ts";
import { drawCase, runCase, type SampleReport } from "./sample.ts";
import { STEPS } from "./steps.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "200" },
    only: { type: "string", default: "" },
    kernel: { type: "string", default: "" },
    seconds: { type: "string", default: "Infinity" },
  },
});
const [first, count] = [Number(values.seed), Number(values.count)];
const steps = STEPS.filter(({ name }) => name.includes(values.only));
if (steps.length === 0) {
  console.error(`--only: no step's name has ${values.only} in it; names are such as ${STEPS[0]?.name}`);
  process.exit(1);
}

/** Seeds for each case that is wanted, of which a kernel may have few. */
const MOST_PASSED_OVER = 100;
const secondsSince = (began: number): number => (performance.now() - began) / 1000;
const began = performance.now();
let seed = first;
const gpu = await openDawn({ quiet: true });
const reports: SampleReport[] = [];
try {
  for (; reports.length < count && seed < first + MOST_PASSED_OVER * count; seed++) {
    if (secondsSince(began) > Number(values.seconds)) break;
    const drawn = drawCase(gpu, seed, steps);
    if (!drawn.chosen.kernel.name.includes(values.kernel)) continue;
    const report = await runCase(gpu, drawn);
    reports.push(report);
    if (report.fault !== undefined) console.log(`FAULT seed ${seed}: ${report.place}: ${report.fault}`);
    process.stderr.write(`${reports.length}/${count} ${report.place}: ${report.worst.toFixed(3)}\n`);
  }
} finally {
  gpu.close();
}
const kernels = [...new Set(reports.map((r) => r.kernel))].sort();
for (const kernel of kernels) {
  const own = reports.filter((r) => r.kernel === kernel);
  const worst = Math.max(...own.map((r) => r.worst));
  console.log(
    `${kernel.padEnd(36)} ${String(own.length).padStart(4)} cases, at most ${worst.toFixed(3)} of what is allowed`,
  );
}
const faults = reports.filter((r) => r.fault !== undefined).length;
console.log(
  `\nseeds ${first} to ${seed - 1} on ${printAdapter(gpu.adapter)}: ${reports.length} cases of ${kernels.length} kernels, ${faults} faults; ${secondsSince(began).toFixed(0)} s`,
);
process.exitCode = faults > 0 || reports.length === 0 ? 1 : 0;
