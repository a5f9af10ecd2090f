// `npm run soak -- [--cycles 200] [--generations 500]`: loads that succeed and fail, and generations, again and again in one
// process; prints by how much a cycle makes memory, descriptors and threads grow. Without arguments it writes its section of
// docs/reliability.md too. `--json` prints the figures for a program.
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { openModel } from "../../engine/index.ts";
import { findAdapter, printAdapter } from "../../runtime/index.ts";
import { printTable, writeSection } from "../reliability/sections.ts";
import { EMBEDDED } from "../support/models.ts";
import { clearSetting, generation, loadCycles, makeSetting, runLoadCycle } from "./cycles.ts";
import {
  floorGrowthOf,
  type Growth,
  growthOf,
  type Held,
  heldNow,
  MOST_GENERATION_KIB,
  MOST_LOAD_KIB,
} from "./growth.ts";

/** Cycles that come first and do not count: what is there once (code, caches, the device) is no growth. All ways twice. */
const WARM_UP = 32;

// The C library's allocator keeps what is freed in one arena for each thread, and once a large block was freed, large blocks come from
// there too; V8 gives the pages of its young generation back at some moment. Either is tens of MiB that come and go by which thread ran
// when. With these, memory that is freed is given back at once, and the young generation has one size.
const ALLOCATOR = { MALLOC_ARENA_MAX: "1", MALLOC_MMAP_THRESHOLD_: "65536", MALLOC_TRIM_THRESHOLD_: "65536" } as const;
const YOUNG_GENERATION = ["--min-semi-space-size=2", "--max-semi-space-size=2"] as const;

interface SoakPart {
  /** Cycles that do not count. */
  readonly before: number;
  readonly cycles: number;
  readonly first: Held;
  readonly last: Held;
  readonly growth: Growth;
  readonly floorGrowth: Growth;
}

/** What `--json` prints. */
export interface SoakReport {
  readonly adapter: string;
  readonly loads: SoakPart;
  readonly generations: SoakPart;
}

if (Object.entries(ALLOCATOR).some(([name, value]) => process.env[name] !== value)) {
  const options = { stdio: "inherit", env: { ...process.env, ...ALLOCATOR } } as const;
  process.exit(
    spawnSync(process.execPath, [...YOUNG_GENERATION, ...process.execArgv, ...process.argv.slice(1)], options).status ??
      1,
  );
}

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "200" },
    generations: { type: "string", default: "500" },
    json: { type: "boolean", default: false },
  },
});

const mib = ({ rss }: Held): string => (rss / 1024).toFixed(0);
const signed = (value: number, digits: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

/**
 * Runs cycles until they leave less behind than `most` KiB each, four times `cycles` of them at most: what is kept grows in each stretch,
 * and what an allocator has not filled yet in the first.
 */
async function soak(cycles: number, most: number, run: (cycle: number) => Promise<void>): Promise<SoakPart> {
  let cycle = 0;
  // Garbage is collected in cycles that do not count as well, so that V8's heap has its size when they are over.
  const sample = async (): Promise<Held> => {
    await run(cycle++);
    return heldNow();
  };
  let first = await sample();
  while (cycle < WARM_UP) first = await sample();
  for (let stretch = 1; ; stretch++) {
    const samples = [first];
    for (let n = 0; n < cycles; n++) samples.push(await sample());
    const last = samples.at(-1) ?? first;
    const floorGrowth = floorGrowthOf(samples);
    if (floorGrowth.rss < most || stretch === 4)
      return { before: cycle - cycles, cycles, first, last, growth: growthOf(samples), floorGrowth };
    first = last;
  }
}

const adapter = await findAdapter({ quiet: true });
if (!adapter) {
  console.error("there is no adapter to soak");
  process.exit(1);
}
const setting = await makeSetting();
const ways = loadCycles(setting);
const loads = await soak(Number(values.cycles), MOST_LOAD_KIB, async (cycle) => {
  const way = ways[cycle % ways.length];
  if (way) await runLoadCycle(way, Math.floor(cycle / ways.length));
}).finally(() => clearSetting(setting));
const model = await openModel(EMBEDDED);
const generations = await soak(Number(values.generations), MOST_GENERATION_KIB, (cycle) => generation(model, cycle));
await model.close();

const report: SoakReport = { adapter: printAdapter(adapter), loads, generations };
if (values.json) console.log(JSON.stringify(report));
else console.log(textOf(report));
if (process.argv.length === 2) writeSection("soak", sectionOf(report));

function textOf({ adapter, loads, generations }: SoakReport): string {
  const line = (name: string, { cycles, growth, first, last }: SoakPart): string =>
    `${cycles} ${name}: ${signed(growth.rss, 2)} KiB, ${signed(growth.descriptors, 4)} descriptors and ${signed(growth.threads, 4)} threads a cycle; ` +
    `from ${mib(first)} MiB, ${first.descriptors} descriptors and ${first.threads} threads to ${mib(last)} MiB, ${last.descriptors} and ${last.threads}`;
  return [`on ${adapter}`, line("loads", loads), line("generations", generations)].join("\n");
}

function sectionOf({ adapter, loads, generations }: SoakReport): string {
  const row = (name: string, { cycles, growth, first, last }: SoakPart): readonly string[] => [
    `${cycles} ${name}`,
    `${signed(growth.rss, 2)} KiB`,
    signed(growth.descriptors, 4),
    signed(growth.threads, 4),
    `${mib(first)} → ${mib(last)} MiB`,
    `${first.descriptors} → ${last.descriptors}`,
    `${first.threads} → ${last.threads}`,
  ];
  const head = ["", "memory a cycle", "descriptors a cycle", "threads a cycle", "memory", "descriptors", "threads"];
  const table = printTable(head, [row("loads", loads), row("generations", generations)]);
  return `## Soak

\`npm run soak\` loads models in ${ways.length} ways one after the other (checkpoints and bundles, right and wrong, on a device of the
model's own and of the caller's, failing before, during and after the upload), closes what it got, and then generates on one
model, in sessions that come to their end, are left, aborted or refused. All in one process, after cycles that do not count: ${loads.before} loads and ${generations.before} generations.
The slopes are those of least squares over the samples after each cycle, garbage collected before. On ${adapter}:

${table}

A shorter run of it is one of the tests (\`test/soak/soak.test.ts\`), with bounds on the growth.`;
}
