// `npm run fuzz -- [--only folders] [--cases 2000] [--first 1]`: input made wrong, by fixed seeds: 2000 checkpoint folders through
// `npm run fuzz -- [--only folders] [--cases 2000] [--first 1]`: input made wrong, by fixed seeds: 2000 checkpoint folders through
// the command, 10,000 cases for each reader of single files, and files as large as are read. In processes of some hundred each,
// since what takes a process down should be told. Prints what they ended in; fails where one ended badly. A whole run writes its
// part of docs/reliability.md.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { printTable, writeSection } from "../reliability/sections.ts";
import { type FuzzTally, fuzzFolders } from "./checkpoint-folders.ts";
import { type Branches, LEAST_BRANCHES, sumBranches, watchBranches } from "./coverage.ts";
import { MOST_MULTIPLE, readLargeFiles } from "./large-files.ts";
import { fuzzReader, READER_NAMES, type ReaderName, type ReaderTally } from "./readers.ts";

const FOLDERS = { name: "folders", cases: 2000, perProcess: 100 } as const;
const KINDS = [FOLDERS, ...READER_NAMES.map((name) => ({ name, cases: 10_000, perProcess: 2000 }))] as const;
type Kind = (typeof KINDS)[number];
const LARGE = "large";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    cases: { type: "string" },
    first: { type: "string", default: "1" },
    part: { type: "boolean", default: false },
  },
});
const first = Number(values.first);
const kinds = KINDS.filter(({ name }) => values.only === undefined || values.only === name);
if (kinds.length === 0 && values.only !== LARGE) {
  const names = [...KINDS.map(({ name }) => name), LARGE];
  console.error(`--only: there is no kind ${values.only}; kinds are ${names.join(", ")}`);
  process.exit(1);
}

type Tally = FuzzTally | ReaderTally;
/** A map does not go from process to process. */
type Message = (Omit<FuzzTally, "refusals"> | Omit<ReaderTally, "refusals">) & {
  readonly refusals: readonly (readonly [string, number])[];
};

/** What became of all cases of a kind. */
interface Sums {
  readonly kind: string;
  readonly cases: number;
  readonly well: number;
  readonly ways: number;
  readonly fixes: string;
  readonly slowestMs: number;
  readonly faults: number;
}

if (values.part) {
  const [kind] = kinds;
  const cases = Number(values.cases);
  const tally: Tally =
    kind?.name === "folders"
      ? await fuzzFolders(first, cases)
      : await fuzzReader(kind?.name as ReaderName, first, cases);
  process.send?.({ ...tally, refusals: [...tally.refusals] } satisfies Message);
  process.disconnect?.();
} else {
  const coverage = watchBranches();
  Object.assign(process.env, coverage.env);
  const sums: Sums[] = [];
  for (const kind of kinds) sums.push(await fuzz(kind, Number(values.cases ?? kind.cases)));
  const large = values.only === undefined || values.only === LARGE ? await largeRows() : { rows: [], faults: 0 };
  let faults = sums.reduce((n, s) => n + s.faults, large.faults);
  const branches = await coverage.report();
  for (const [file, { covered, total }] of branches)
    console.log(`${String(covered).padStart(5)} of ${String(total).padEnd(5)} ${file}`);
  const share = sumBranches(branches);
  console.log(`\n${share.covered} of ${share.total} branches of the readers are taken`);
  if (values.only === undefined && values.cases === undefined) {
    if (share.covered < LEAST_BRANCHES * share.total) faults++;
    writeSection("fuzz", pageOf(sums, large.rows, branches));
  }
  console.log(`${faults} faults`);
  process.exitCode = faults > 0 ? 1 : 0;
}

function pageOf(
  sums: readonly Sums[],
  large: readonly (readonly string[])[],
  branches: ReadonlyMap<string, Branches>,
): string {
  const share = sumBranches(branches);
  const percent = ({ covered, total }: Branches): string => ((100 * covered) / Math.max(1, total)).toFixed(1);
  const rows = sums.map((s) => [
    s.kind,
    s.cases,
    s.well,
    s.cases - s.well,
    s.ways,
    `${Math.round(s.slowestMs)} ms`,
    s.faults,
  ]);
  const folders = sums.find((s) => s.fixes !== "");
  return [
    printTable(
      ["what is read", "cases", "read", "refused", "in how many ways", "slowest", "faults"],
      rows.map((row) => row.map(String)),
    ),
    ...(folders ? [`Of the folders that are refused, ${folders.fixes}.`] : []),
    `These cases take ${percent(share)} % of the ${share.total} branches of ${branches.size} files that read: ${[...branches].map(([file, b]) => `\`${file}\` ${percent(b)}`).join(", ")}.`,
    `Files nearly as large as are read, of what costs a reader most. Memory is what reading them adds to the process at most, and stays below ${MOST_MULTIPLE} times the file.`,
    printTable(["file", "of", "MiB", "seconds", "memory, of the file", "ends in"], large),
  ].join("\n\n");
}

async function largeRows(): Promise<{ readonly rows: readonly (readonly string[])[]; readonly faults: number }> {
  const results = await readLargeFiles();
  const rows = results.map(({ file, name, bytes, ms, peakBytes, says, fault }) => [
    `\`${file}\``,
    name,
    String(bytes / 2 ** 20),
    (ms / 1000).toFixed(1),
    `${(peakBytes / bytes).toFixed(1)}×`,
    fault ?? says.slice(0, 100),
  ]);
  console.log(rows.map((row) => row.join("  ")).join("\n"));
  for (const { file, name, says, fault } of results)
    if (fault) console.log(`FAULT ${file} of ${name}: ${fault}: ${says}`);
  return { rows, faults: results.filter(({ fault }) => fault !== undefined).length };
}

async function fuzz(kind: Kind, cases: number): Promise<Sums> {
  const began = performance.now();
  const refusals = new Map<string, number>();
  const faults: string[] = [];
  const sums = { generated: 0, accepted: 0, fixes: 0, fixed: 0 };
  let slowestMs = 0;
  for (let seed = first; seed < first + cases; seed += kind.perProcess) {
    const count = Math.min(kind.perProcess, first + cases - seed);
    const part = await runPart(kind, seed, count);
    for (const [refusal, n] of part.refusals) refusals.set(refusal, (refusals.get(refusal) ?? 0) + n);
    faults.push(...part.faults);
    for (const key of Object.keys(sums) as (keyof typeof sums)[])
      sums[key] += key in part ? Number(Reflect.get(part, key)) : 0;
    slowestMs = Math.max(slowestMs, part.slowestMs);
    process.stderr.write(`${kind.name}: ${seed + count - first}/${cases}, ${faults.length} faults\n`);
  }
  for (const [refusal, n] of [...refusals].sort(([, a], [, b]) => b - a))
    console.log(`${String(n).padStart(5)}  ${refusal}`);
  for (const fault of faults) console.log(`FAULT ${fault}`);
  const well = sums.generated + sums.accepted;
  const fixes =
    kind.name === "folders" ? `${sums.fixes} have a fix, and ${sums.fixed} generate when it is followed` : "";
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `\n${kind.name}: ${cases} cases: ${well} end well, ${cases - well} are refused in ${refusals.size} ways${fixes && `; ${fixes}`}; slowest ${Math.round(slowestMs)} ms; ${seconds} s; ${faults.length} faults\n`,
  );
  return { kind: kind.name, cases, well, ways: refusals.size, fixes, slowestMs, faults: faults.length };
}

/** A process that ends otherwise than by itself is a fault. */
function runPart({ name }: Kind, seed: number, count: number): Promise<Message> {
  return new Promise((resolve) => {
    const args = ["--part", "--only", name, "--first", String(seed), "--cases", String(count)];
    const child = fork(fileURLToPath(import.meta.url), args, { execArgv: process.execArgv });
    let message: Message | undefined;
    child.on("message", (m) => {
      message = m as Message;
    });
    child.on("exit", (code, signal) => {
      const fault = `the process of seeds ${seed} to ${seed + count - 1} ended with ${signal ?? code}`;
      resolve(message ?? { cases: count, accepted: 0, refusals: [], faults: [fault], slowestMs: 0 });
    });
  });
}
