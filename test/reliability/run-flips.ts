// `npm run flips [-- --flips 3000]`: one-bit flips of a bundle under `verify`, and what became of them in docs/reliability.md.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openDawn, printAdapter } from "../../runtime/index.ts";
import { flipBits, writeSmallBundle } from "./flips.ts";
import { printTable, writeSection } from "./sections.ts";

const { values } = parseArgs({ options: { flips: { type: "string", default: "3000" } } });
const folder = mkdtempSync(join(tmpdir(), "wgpt-flips-"));
const gpu = await openDawn({ quiet: true });
try {
  await writeSmallBundle(folder);
  const { flips, refused, same, places, faults } = await flipBits(folder, gpu, 1, Number(values.flips));
  for (const fault of faults) console.error(`FAULT ${fault}`);
  const rows = [...places]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([place, sums]) => [`\`${place}\``, String(sums.refused), String(sums.same)]);
  const head = `${flips} flips: ${refused} refused, ${same} with the same numbers, ${faults.length} with other numbers or an error that names nothing. Run on ${printAdapter(gpu.adapter)}.`;
  const text = `${head}\n\n${printTable(["bit in", "refused", "same numbers"], rows)}`;
  console.log(text);
  if (Number(values.flips) >= 3000) writeSection("flips", text);
  process.exitCode = faults.length > 0 ? 1 : 0;
} finally {
  gpu.close();
  rmSync(folder, { recursive: true });
}
