// Machine code as `wgpt inspect --stage isa` prints it: a table, and the code of kernels under their names.
import { bodyOf } from "./disassembly.ts";
import type { GpuCode, KernelCode } from "./machine-code.ts";

const COLUMNS: readonly (readonly [title: string, width: number, value: (k: KernelCode) => string | number])[] = [
  ["VGPRs", 5, (k) => k.vgprs],
  ["SGPRs", 7, (k) => k.sgprs],
  ["spilled", 9, (k) => k.spilledVgprs + k.spilledSgprs],
  ["LDS", 8, (k) => k.ldsBytes],
  ["waves", 7, (k) => k.wavesPerSimd],
  ["code", 8, (k) => k.codeBytes],
  ["in flight", 11, (k) => k.bytesInFlight],
  ["multiply-adds", 23, ({ hot }) => printShare(hot.multiplyAdds, hot.instructions)],
];

/** `0.84 (128 of 153)` */
const printShare = (adds: number, instructions: number): string =>
  adds === 0 ? "-" : `${(adds / instructions).toFixed(2)} (${adds} of ${instructions})`;

const LEGEND = [
  "VGPRs, SGPRs: registers of an invocation and of a subgroup; spilled: of both, those in memory;",
  "waves: subgroups that a SIMD holds at most; LDS, code, in flight: bytes; in flight: what an",
  "invocation has asked for of buffers before it waits; multiply-adds: of the hot loop's instructions",
];

/** A line for each GPU under each kernel's name; `title` says of what they are. */
export function printCodeTable(title: string, codes: readonly GpuCode[], calls: ReadonlyMap<string, number>): string {
  const width = Math.max(...codes.map((c) => c.name.length));
  const drivers = [...new Set(codes.map((c) => c.driver))].join(", ");
  const cells = (value: (column: (typeof COLUMNS)[number]) => string | number) =>
    COLUMNS.map((column) => String(value(column)).padStart(column[1])).join("");
  const kernels = codes[0]?.kernels ?? [];
  const rows = kernels.flatMap(({ kernel }, i) => {
    const times = calls.get(kernel) ?? 1;
    return [
      `${kernel}${times > 1 ? ` × ${times}` : ""}`,
      ...codes.flatMap(({ name, kernels }) => {
        const code = kernels[i];
        return code ? [`  ${name.padEnd(width)}  ${cells(([, , value]) => value(code))}`] : [];
      }),
    ];
  });
  const families = codes.map(({ name, family }) => (name === family ? name : `${name} (${family})`)).join(", ");
  return `${[
    title,
    `compiled by RADV of ${drivers} for ${families}`,
    `  ${" ".repeat(width)}  ${cells(([name]) => name)}`,
    ...rows,
    ...LEGEND,
  ].join("\n")}\n`;
}

/** The code of every kernel, without encodings; its hot loop is marked. */
export const printCode = (codes: readonly GpuCode[]): string =>
  codes
    .flatMap(({ name, kernels }) =>
      kernels.map((k) => `; ==== ${k.kernel} on ${name} ====\n${codeLines(k).join("\n")}\n`),
    )
    .join("\n");

function codeLines({ disassembly, hot }: KernelCode): readonly string[] {
  const [first, last] = hot.loop ?? [];
  const all = disassembly.split("\n");
  const begin = all.findIndex((line) => /^BB\d/.test(line));
  return all.slice(Math.max(0, begin)).flatMap((line) => {
    const [label] = /^BB\d+/.exec(line) ?? [];
    if (label !== undefined) return label === first ? [`${label}:  ; the hot loop, to ${last}`] : [`${label}:`];
    return /^\s+\S/.test(line) ? [`  ${bodyOf(line)}`] : [];
  });
}

/** What `--json` prints; the code itself only where it would be printed. */
export const codeJson = (codes: readonly GpuCode[], calls: ReadonlyMap<string, number>, withCode: boolean) =>
  codes.map(({ name, family, driver, kernels }) => ({
    gpu: name,
    family,
    driver,
    kernels: kernels.map(({ disassembly, ...facts }) => ({
      ...facts,
      calls: calls.get(facts.kernel) ?? 0,
      ...(withCode && { disassembly }),
    })),
  }));
