// The tables of docs/predictions.md: what the compiler chooses for each preset on each described machine, and how long it predicts that to
// take; nothing is measured. First the sums of each entry point on every machine, then the steps on each.
import { compileModel, MACHINES, predictDispatch, printConfig, targetByName } from "../codegen/index.ts";
import { at, FAMILIES } from "../ir/index.ts";

const ENTRIES = ["decode", "prefill"] as const;
/** Whether a step is one of the layer's, which a whole model makes once for each. */
const isOfLayer = (label: string): boolean => /(?:^|\.)0\./.test(label);

interface Row {
  readonly step: string;
  readonly calls: number;
  readonly kernel: string;
  readonly config: string;
  readonly seconds: number;
  readonly bound: string;
}

const family = at(FAMILIES, 0);
const presets = Object.keys(family.presets);

interface EntryRows {
  /** New tokens of a call. */
  readonly tokens: number;
  readonly rows: readonly Row[];
}

/** The steps of a preset with halves as weights, from a compilation of one of its layers. */
function entriesOf(preset: string, machine: string): Readonly<Record<(typeof ENTRIES)[number], EntryRows>> {
  const target = targetByName(machine);
  const config = family.readConfig(family.presets[preset]);
  const options = { target, weights: "f16", entries: ENTRIES, allowExcess: true } as const;
  const compiled = compileModel(family, { ...config, n_layer: 1 }, options);
  const entries = compiled.entries.map(({ computed, lengths }, i): EntryRows => {
    const { steps, roles } = at(compiled.plan.entries, i);
    const rows = computed.map((made, n): Row => {
      const { label } = at(steps, n);
      const { kernel, config: chosen } = made;
      const { seconds, bound } = predictDispatch(made, target, lengths).prediction;
      const calls = isOfLayer(label) ? config.n_layer : 1;
      return { step: label, calls, kernel: kernel.name, config: printConfig(chosen), seconds, bound };
    });
    return { tokens: lengths[roles?.newTokens ?? ""] ?? 1, rows };
  });
  return { decode: at(entries, 0), prefill: at(entries, 1) };
}

const total = (rows: readonly Row[]): number => rows.reduce((sum, { seconds, calls }) => sum + seconds * calls, 0);

/** What takes most of the time. */
function mostBound(rows: readonly Row[]): string {
  const times = new Map<string, number>();
  for (const { bound, seconds, calls } of rows) times.set(bound, (times.get(bound) ?? 0) + seconds * calls);
  const [[bound, seconds]] = [...times].sort(([, a], [, b]) => b - a) as [[string, number]];
  return `${bound} ${Math.round((100 * seconds) / total(rows))} %`;
}

const time = (seconds: number): string =>
  seconds < 1e-3 ? `${(seconds * 1e6).toFixed(1)} µs` : `${(seconds * 1e3).toFixed(seconds < 1 ? 2 : 0)} ms`;

/** Time, tokens a second, and what bounds it. */
function cellsOf({ tokens, rows }: EntryRows): readonly string[] {
  const rate = tokens / total(rows);
  return [time(total(rows)), rate.toFixed(rate < 10 ? 1 : 0), mostBound(rows)];
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = at(rows, 0).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

const sums = [["machine", "model", "decode step", "tokens/s", "bound by", "prefill", "tokens/s", "bound by"]];
const tables = Object.keys(MACHINES).map((machine) => {
  const steps = [["model", "entry", "step", "calls", "kernel", "configuration", "a call", "bound by"]];
  for (const preset of presets) {
    const entries = entriesOf(preset, machine);
    sums.push([machine, preset, ...cellsOf(entries.decode), ...cellsOf(entries.prefill)]);
    for (const [entry, { rows }] of Object.entries(entries))
      for (const { step, calls, kernel, config, seconds, bound } of rows)
        steps.push([preset, entry, step, `${calls}`, kernel, config, time(seconds), bound]);
  }
  return { machine, steps };
});
printTable(sums);
for (const { machine, steps } of tables) {
  console.log(`\n${machine}`);
  printTable(steps);
}
