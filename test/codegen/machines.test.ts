// Descriptions of machines: that each figure has the unit that it says, by bounds that no machine of today leaves.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Machine } from "../../codegen/machine.ts";
import { MACHINES } from "../../codegen/machines.ts";
import { TARGETS } from "../../codegen/target.ts";

const test = suite("machines");

type Figures = Exclude<
  keyof Machine,
  "id" | "summary" | "software" | "sources" | "multiplyAdds" | "nativeHalves" | "radv"
>;

/** What figures of GPUs lie between; a software machine's may be a hundredth. */
const BOUNDS: Readonly<Record<Figures, readonly [least: number, most: number]>> = {
  units: [2, 300],
  lanes: [4, 64],
  waves: [8, 128],
  schedulers: [1, 16],
  registers: [2 ** 13, 2 ** 18],
  sharedBytes: [2 ** 14, 2 ** 18],
  bandwidth: [30e9, 10e12],
  latency: [100e-9, 2e-6],
  cacheBytes: [2 ** 20, 2 ** 28],
  cacheBandwidth: [50e9, 20e12],
  sharedBandwidth: [0.1e12, 100e12],
  launch: [0.5e-6, 50e-6],
};
/** `RADV_FORCE_FAMILY`: Mesa's names of families, src/amd/common/amd_family.c. */
const RADV = ["navi10", "navi21", "navi31", "navi33", "gfx1200", "gfx1201", "vega20", "mi100", "mi200", "gfx940"];
const RATES: readonly string[] = ["bandwidth", "cacheBandwidth", "sharedBandwidth"];

for (const [id, machine] of Object.entries<Machine>(MACHINES)) {
  test(`${id} is described in the units that it says`, () => {
    assert.is(machine.id, id);
    assert.ok(machine.summary.length > 10);
    for (const [name, [least, most]] of Object.entries(BOUNDS) as [Figures, readonly [number, number]][]) {
      const scale = machine.software && RATES.includes(name) ? 100 : 1;
      assert.ok(machine[name] >= least / scale && machine[name] <= most, `${name} ${machine[name]}`);
    }
    for (const count of ["units", "lanes", "waves", "schedulers", "registers", "sharedBytes", "cacheBytes"] as const)
      assert.ok(Number.isInteger(machine[count]), count);
    assert.is(Math.log2(machine.lanes) % 1, 0, "lanes");
    for (const rate of Object.values(machine.multiplyAdds)) assert.ok(rate >= 1e9 && rate <= 100e12, `${rate}`);
    assert.ok(machine.cacheBandwidth >= machine.bandwidth, "a cache is no slower than memory");
    if (machine.radv !== undefined) assert.ok(RADV.includes(machine.radv), machine.radv);
  });

  test(`${id} says where its figures are from`, () => {
    assert.ok(machine.sources.length >= 2);
    assert.ok(machine.sources.some((s) => s.startsWith("https://")));
  });

  test(`${id}: what it holds at a time hides its latency, and its target keeps to it`, () => {
    // With 16 bytes asked for by each invocation.
    const inFlight = machine.units * machine.waves * machine.lanes * 16;
    assert.ok(inFlight >= machine.bandwidth * machine.latency, `${inFlight} bytes`);
    const target = TARGETS[id];
    assert.is(target?.machine, machine);
    if (target) assert.ok(target.limits.maxComputeWorkgroupStorageSize <= machine.sharedBytes);
    // 16 registers for each invocation.
    assert.ok(machine.registers >= 16 * machine.lanes * machine.waves || machine.software, `${machine.registers}`);
  });
}

test("there is a target for each machine, and no other", () =>
  assert.equal(Object.keys(TARGETS), Object.keys(MACHINES)));

test.run();
