// `npm run faults [-- --only PATTERN]`: each signal × each command × three moments, full and read-only disks, mount points, two
// writers, closed streams and unreadable files; what is left afterwards goes into docs/reliability.md. As root on Linux.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { faultOf, type Inputs, MOMENTS, printers, trials, writers } from "./fault-cases.ts";
import { type Command, canMount, endAt, inNewFolder, runOn, SIGNALS } from "./faults.ts";
import { printTable, writeSection } from "./sections.ts";

const { values } = parseArgs({ options: { only: { type: "string" } } });
const wanted = new RegExp(values.only ?? "");
if (!canMount()) {
  console.error("wgpt: faults: they take root on Linux, to mount disks that are full or only read");
  process.exit(1);
}

let faults = 0;

/** A row for each command and moment, a column for each signal. */
async function signalRows(commands: readonly Command[], isWriter: boolean): Promise<string[][]> {
  const rows: string[][] = [];
  for (const command of commands)
    for (const [when, writer, printer] of MOMENTS) {
      if (!wanted.test(`${command.name} ${when}`)) continue;
      const cells: string[] = [];
      for (const signal of SIGNALS) {
        const end = await inNewFolder((out) => endAt(command, out, isWriter ? writer : printer, signal));
        const fault = end.early ? undefined : faultOf(end, signal);
        if (fault !== undefined) faults++;
        cells.push(end.early ? "had ended" : (fault ?? "nothing"));
        console.error(`${command.name}, ${signal} ${when}: ${cells.at(-1)}`);
      }
      rows.push([`\`${command.name}\``, when, ...cells]);
    }
  return rows;
}

async function trialRows(inputs: Inputs): Promise<string[][]> {
  const rows: string[][] = [];
  for (const { name, run } of trials(inputs)) {
    if (!wanted.test(name)) continue;
    const { seen, left, well } = await run();
    if (!well) faults++;
    console.error(`${well ? "" : "FAULT "}${name}: ${seen} | ${left}`);
    rows.push([name, seen, left]);
  }
  return rows;
}

await inNewFolder(async (folder) => {
  const large = join(folder, "gpt2");
  const args = ["make-checkpoint", "gpt2", "--dtype", "f16", "--seed", "1", "--out", large];
  await runOn({ name: "make-checkpoint", file: "cli/main.ts", args }, folder);
  const inputs = { large };
  const signals = [...(await signalRows(writers(inputs), true)), ...(await signalRows(printers(inputs), false))];
  const others = await trialRows(inputs);
  const text = [
    "What a signal leaves that was not there before; each command ends by the signal itself.",
    printTable(["command", "ended", ...SIGNALS], signals),
    "What other faults show on stderr, and what is there afterwards.",
    printTable(["fault", "what the user sees", "what is left"], others),
  ].join("\n\n");
  if (values.only === undefined) writeSection("faults", text);
  else console.log(text);
});
console.error(`${faults} faults`);
process.exitCode = faults > 0 ? 1 : 0;
