// `npm run fuzz -- [--cases 2000] [--first 1]`: checkpoint folders made wrong, by fixed seeds, in processes of some hundred each,
// since a device of Dawn's that was closed leaves threads behind. Prints what they ended in; fails where one ended badly.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type FuzzTally, fuzzFolders } from "./checkpoint-folders.ts";

const PER_PROCESS = 100;

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "2000" },
    first: { type: "string", default: "1" },
    part: { type: "boolean", default: false },
  },
});
const [first, cases] = [Number(values.first), Number(values.cases)];

interface Message extends Omit<FuzzTally, "refusals"> {
  readonly refusals: readonly (readonly [string, number])[];
}

if (values.part) {
  const tally = await fuzzFolders(first, cases);
  process.send?.({ ...tally, refusals: [...tally.refusals] } satisfies Message);
  process.disconnect?.();
} else {
  const began = performance.now();
  const refusals = new Map<string, number>();
  const faults: string[] = [];
  let [generated, fixes, fixed, slowestMs] = [0, 0, 0, 0];
  for (let seed = first; seed < first + cases; seed += PER_PROCESS) {
    const part = await runPart(seed, Math.min(PER_PROCESS, first + cases - seed));
    for (const [kind, n] of part.refusals) refusals.set(kind, (refusals.get(kind) ?? 0) + n);
    faults.push(...part.faults);
    generated += part.generated;
    fixes += part.fixes;
    fixed += part.fixed;
    slowestMs = Math.max(slowestMs, part.slowestMs);
    process.stderr.write(`${seed + part.cases - first}/${cases}, ${faults.length} faults\n`);
  }
  for (const [kind, n] of [...refusals].sort(([, a], [, b]) => b - a)) console.log(`${String(n).padStart(5)}  ${kind}`);
  for (const fault of faults) console.log(`FAULT ${fault}`);
  console.log(
    `\n${cases} folders: ${generated} generate, ${cases - generated} are refused in ${refusals.size} ways; ${fixes} have a fix, and ${fixed} generate when it is followed; slowest ${Math.round(slowestMs)} ms; ${((performance.now() - began) / 1000).toFixed(0)} s`,
  );
  console.log(`${faults.length} faults`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}

function runPart(seed: number, count: number): Promise<Message> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ["--part", "--first", String(seed), "--cases", String(count)], {
      execArgv: process.execArgv,
    });
    let message: Message | undefined;
    child.on("message", (m) => {
      message = m as Message;
    });
    child.on("exit", (code, signal) => {
      if (message) resolve(message);
      else reject(new Error(`the process of seeds ${seed} to ${seed + count - 1} ended with ${signal ?? code}`));
    });
  });
}
