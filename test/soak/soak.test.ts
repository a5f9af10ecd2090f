// A short soak in a process of its own, with bounds on what a cycle may leave behind; and the figures it stands on.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { capture, ROOT } from "../../tools/run-command.mjs";
import { printTable, replaceSection } from "../reliability/sections.ts";
import { adapter } from "../support/gpu.ts";
import { skipUnless } from "../support/skip.ts";
import { MOST_GENERATION_KIB, MOST_LOAD_KIB, riseOf, slopeOf } from "./growth.ts";
import type { SoakReport } from "./soak.ts";

const test = suite("soak");
const onLinux = skipUnless(test, process.platform === "linux", "no /proc");
const soakTest = skipUnless(test, process.platform === "linux" && adapter, "no Vulkan adapter, or no /proc");

soakTest("loads, most of them failing, and generations leave nothing behind", async () => {
  const command = ["--import", "tsx", "test/soak/soak.ts", "--cycles", "64", "--generations", "48", "--json"];
  const { ok, output, ended } = await capture([process.execPath, ...command], { cwd: ROOT });
  assert.ok(ok, `${output}\n${ended}`);
  const { loads, generations } = JSON.parse(output.trim().split("\n").at(-1) ?? "") as SoakReport;
  for (const [name, part, most] of [
    ["loads", loads, MOST_LOAD_KIB],
    ["generations", generations, MOST_GENERATION_KIB],
  ] as const) {
    const { rss, descriptors, threads } = part.floorGrowth;
    assert.ok(rss < most, `${name}: memory grows by ${rss} KiB a cycle`);
    assert.ok(descriptors <= 0, `${name}: descriptors grow by ${descriptors} a cycle`);
    assert.ok(threads <= 0, `${name}: threads grow by ${threads} a cycle`);
  }
});

test("a slope is that of the line with the least squares", () => {
  assert.is(slopeOf([5, 5, 5]), 0);
  assert.is(slopeOf([1, 3, 5, 7]), 2);
  assert.ok(Math.abs(slopeOf([0, 1, 0, 1, 0]) - 0) < 1e-12);
  assert.is(slopeOf([0, 0, 3]), 1.5);
});

test("a rise is that of the least, whatever else comes and goes", () => {
  assert.is(riseOf([5, 9, 9, 5, 9, 9]), 0);
  assert.is(riseOf([9, 5, 6, 7, 8, 9]), 2 / 3);
  assert.is(riseOf([9, 8, 7, 3, 4, 5]), -4 / 3);
});

const KEEPS = `
  const { growthOf, heldNow } = await import(process.argv[1]);
  const kept = [];
  const samples = [await heldNow()];
  for (let i = 0; i < 8; i++) {
    kept.push(new Uint8Array(4 * 2 ** 20).fill(i + 1));
    samples.push(await heldNow());
  }
  process.stdout.write(growthOf(samples).rss + " " + kept.length);
`;

// In a process of its own: what other tests have left to be collected would be taken off.
onLinux("what is kept shows as growth", async () => {
  const growth = new URL("growth.ts", import.meta.url).href;
  const command = ["--import", "tsx", "--input-type=module", "-e", KEEPS, growth];
  const { ok, stdout, output, ended } = await capture([process.execPath, ...command], { cwd: ROOT });
  assert.ok(ok, `${output}\n${ended}`);
  const [rss, kept] = stdout.split(" ").map(Number);
  assert.ok((rss ?? 0) > 2048, `${rss} KiB`);
  assert.is(kept, 8);
});

test("a section is replaced where it stands, and comes last where there is none", () => {
  const text = "# A\n\n<!-- x -->\nold\n<!-- /x -->\n\n<!-- y -->\nkept\n<!-- /y -->\n";
  assert.is(replaceSection(text, "x", "new\n"), text.replace("old", "\nnew\n"));
  assert.is(replaceSection("# A\n", "z", "new"), "# A\n\n<!-- z -->\n\nnew\n\n<!-- /z -->\n");
});

test("a table has columns of one width", () => {
  const lines = ["|     | longer |", "| --- | ------ |", "| a b | −1     |"];
  assert.is(printTable(["", "longer"], [["a b", "−1"]]), lines.join("\n"));
});

test.run();
