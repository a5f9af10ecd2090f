// Which GPUs can be named, and where their compiler is looked for.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findDriver } from "../../../cli/isa/drivers.ts";
import { GPU_IDS, readGpus } from "../../../cli/isa/gpus.ts";
import { MACHINES } from "../../../codegen/machines.ts";
import { inNewFolder } from "../../reliability/faults.ts";

const test = suite("gpus");

test("machines are known by their ids, and families by Mesa's names; each is taken once", () => {
  assert.equal(readGpus("rx-7900-xtx, gfx1201,rx-7900-xtx"), [
    { name: "rx-7900-xtx", family: "navi31" },
    { name: "gfx1201", family: "gfx1201" },
  ]);
});

test("refuses a machine that the compiler is not for, and what is no name, and lists what there is", () => {
  const others = Object.keys(MACHINES).filter((id) => !GPU_IDS.includes(id));
  assert.ok(others.length > 3);
  for (const id of others)
    assert.throws(
      () => readGpus(id),
      new RegExp(`^--gpu: is ${id}, but [^\n]+\nhint: there are ${GPU_IDS.join(", ")},`),
    );
  assert.throws(() => readGpus("RX 7900"), /--gpu: is RX 7900, which is no GPU\nhint: there are/);
  assert.throws(() => readGpus("mi200,"), /--gpu: names no GPU\nhint: there are/);
  assert.throws(() => readGpus("constructor,__proto__"), /which is no GPU/);
});

test("finds a driver's manifest where Vulkan's loader does, and only where the environment says if it does", () =>
  inNewFolder(async (root) => {
    const folder = join(root, "vulkan", "icd.d");
    mkdirSync(folder, { recursive: true });
    const [lavapipe, radv] = ["lvp_icd.x86_64.json", "radeon_icd.json"].map((name) => join(folder, name));
    for (const file of [lavapipe, radv, join(folder, "intel_icd.json")]) writeFileSync(file ?? "", "{}");
    const data = { XDG_DATA_DIRS: `/nonexistent:${root}` };
    assert.is(findDriver("lavapipe", data), lavapipe);
    assert.is(findDriver("radv", data), radv);
    assert.is(findDriver("radv", { VK_DRIVER_FILES: folder }), radv);
    assert.is(findDriver("radv", { VK_ICD_FILENAMES: `${lavapipe}:${radv}` }), radv);
    assert.throws(
      () => findDriver("radv", { ...data, VK_DRIVER_FILES: String(lavapipe) }),
      /^Mesa: its driver RADV, [^\n]+ is not installed: \S+lvp_icd.x86_64.json has no manifest of it\nhint: \S+/,
    );
  }));

test.run();
