// What an adapter can do, apart from any model: figures from which a machine can be described. Prints one JSON line for each
// measurement, and a few words to stderr.
//   node --import tsx bench/probe/probe.ts [--only launches,latency,bandwidth,gemv,gemm,matrices,submits] [--scale 1]
// `--scale` divides the sizes, so that a software adapter gets through it.
import { parseArgs } from "node:util";
import { measureGemm } from "./gemm.ts";
import { measureGemv } from "./gemv.ts";
import { measureLaunches, measureSubmits } from "./launches.ts";
import { measureMatrices } from "./matrices.ts";
import { measureBandwidth, measureLatency } from "./memory.ts";
import { describe, openProbe, type Probe } from "./timing.ts";

const PARTS: Readonly<Record<string, (probe: Probe) => Promise<void>>> = {
  submits: measureSubmits,
  launches: measureLaunches,
  latency: measureLatency,
  bandwidth: measureBandwidth,
  gemv: measureGemv,
  gemm: measureGemm,
  matrices: measureMatrices,
};

const { values } = parseArgs({ options: { only: { type: "string" }, scale: { type: "string", default: "1" } } });
const wanted = values.only?.split(",") ?? Object.keys(PARTS);
const probe = await openProbe(Number(values.scale));
console.log(JSON.stringify(describe(probe)));
for (const name of wanted) {
  const began = performance.now();
  try {
    await PARTS[name]?.(probe);
  } catch (error) {
    console.log(JSON.stringify({ part: name, failed: error instanceof Error ? error.message : String(error) }));
  }
  console.error(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
}
probe.device.destroy();
