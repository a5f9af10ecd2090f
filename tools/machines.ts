// The table of docs/machines.md: what codegen/machines.ts describes, and where its figures are from.
import type { Machine } from "../codegen/machine.ts";
import { MACHINES } from "../codegen/machines.ts";

const giga = (n: number): string => (n >= 1e12 ? `${+(n / 1e12).toPrecision(3)}T` : `${+(n / 1e9).toPrecision(3)}G`);
const kibi = (n: number): string => (n >= 2 ** 20 ? `${n / 2 ** 20} MiB` : `${n / 2 ** 10} KiB`);

const COLUMNS: readonly (readonly [head: string, cell: (m: Machine) => string])[] = [
  ["target", (m) => m.id],
  ["units", (m) => `${m.units}`],
  ["lanes", (m) => `${m.lanes}`],
  ["waves", (m) => `${m.waves}`],
  ["sched", (m) => `${m.schedulers}`],
  ["registers", (m) => `${m.registers}`],
  ["shared", (m) => kibi(m.sharedBytes)],
  ["memory B/s", (m) => giga(m.bandwidth)],
  ["latency", (m) => `${Math.round(m.latency * 1e9)} ns`],
  ["cache", (m) => kibi(m.cacheBytes)],
  ["cache B/s", (m) => giga(m.cacheBandwidth)],
  ["shared B/s", (m) => giga(m.sharedBandwidth)],
  ["f32 FMA/s", (m) => giga(m.multiplyAdds.f32)],
  ["f16 FMA/s", (m) => giga(m.multiplyAdds.f16)],
  ["launch", (m) => `${+(m.launch * 1e6).toPrecision(2)} µs`],
];

const machines: readonly Machine[] = Object.values(MACHINES);
const rows = [COLUMNS.map(([head]) => head), ...machines.map((m) => COLUMNS.map(([, cell]) => cell(m)))];
const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
const pad = (text: string, i: number): string =>
  i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);

if (process.argv[2] === "sources")
  for (const { id, summary, sources } of machines)
    console.log(`${id}: ${summary}\n${sources.map((s) => `  ${s}\n`).join("")}`);
else for (const row of rows) console.log(row.map(pad).join("  "));
