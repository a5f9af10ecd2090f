// What a step of a bundle could reach on a GPU, read off AMD's machine code with no GPU: a check of the cost model by another way, which
// knows nothing of what kernels say of themselves.
//
//     npx tsx bench/inflight.ts [gpt2-xl] [--target h100] [--dtype f16] [--entry decode] [--past 511] [--tokens 128]
//
// A kernel that is bound by memory moves at most (bytes in flight) / (latency), by Little's law. Bytes in flight are the invocations that
// are resident times the bytes that one has asked for before it waits, in the loop that loads most. Prints a line for each distinct step,
// and the sum over the entry point's steps of
//
//     max(bytes / bandwidth, bytes · latency / in flight, multiply-adds / rate that the waves can reach) + a launch
//
// beside the time that the machine's limits alone would take. The rate: peak × share of multiply-adds among the instructions of the
// hottest loop × min(1, waves / (4 a SIMD)), since a wave waits for its own results. A model: it says where parallelism is missing, no more.
import { parseArgs } from "node:util";
import { DTYPE_BYTES } from "../base/dtype.ts";
import { evalPlanDim, type PlanStep } from "../base/plan.ts";
import { compileForGpus } from "../cli/isa/machine-code.ts";
import { compileModel, targetByName } from "../codegen/index.ts";
import { type Dim, evalDim, FAMILIES, type Value } from "../ir/index.ts";

interface Gpu {
  /** B/s, s, units, waves of 32 that each can hold, s between dependent dispatches, multiply-adds/s, SIMDs of a unit. */
  readonly bw: number;
  readonly latency: number;
  readonly units: number;
  readonly waves: number;
  readonly gap: number;
  readonly fma: number;
  readonly simds: number;
}

const FAMILY = "navi31";
const GPUS: Readonly<Record<string, Gpu>> = {
  H100: { bw: 3.35e12, latency: 650e-9, units: 132, waves: 64, gap: 2e-6, fma: 33.5e12, simds: 4 },
  "RX 7900 XTX": { bw: 0.96e12, latency: 550e-9, units: 96, waves: 32, gap: 2e-6, fma: 30e12, simds: 2 },
  "RTX 4060": { bw: 0.272e12, latency: 500e-9, units: 24, waves: 48, gap: 2e-6, fma: 7.5e12, simds: 4 },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string", default: "h100" },
    dtype: { type: "string", default: "f16" },
    entry: { type: "string", default: "decode" },
    past: { type: "string", default: "511" },
    tokens: { type: "string", default: "128" },
  },
});
const [model = "gpt2-xl"] = positionals;
const [family] = FAMILIES;
const config = family?.readConfig(found(family.presets[model], `preset ${model}`));
if (!family || !config) throw new Error(`there is no preset ${model}`);
const { plan, entries } = compileModel(family, config, {
  target: targetByName(values.target),
  weights: values.dtype as "f16",
  entries: [values.entry as "decode"],
});
const entry = found(plan.entries[0], "entry");
const { bound } = found(entries[0], "entry");

const symbols: Readonly<Record<string, number>> = {
  P: Number(values.past),
  T: entry.fixed["T"] ?? Number(values.tokens),
};
const tokens = symbols["T"] ?? 1;
const lengthOf = (d: Dim): number => evalDim(d, symbols) ?? Number.NaN;

const [code] = await compileForGpus(plan.kernels, [{ name: FAMILY, family: FAMILY }], () => undefined);
const codes = new Map((code?.kernels ?? []).map((k) => [k.kernel, k]));

interface Measured {
  /** The most bytes that an invocation has asked for at a time. */
  readonly most: number;
  /** Multiply-adds of the hottest loop, and their share of its instructions. */
  readonly fma: number;
  readonly share: number;
}

const SIZES: Readonly<Record<string, number>> = {
  b8: 1,
  u8: 1,
  i8: 1,
  b16: 2,
  u16: 2,
  i16: 2,
  b32: 4,
  b64: 8,
  b96: 12,
  b128: 16,
};
const LOAD = /^\s*(?:buffer|global)_load_(?:format_)?(?:d16_)?(?:hi_)?(\w+?)\s/;

/** Loads of 8 bytes and more count, the stream of weights; a kernel that has only smaller ones counts those. Code without a loop is the body. */
function measure(asm: string): Measured {
  const blocks: { name: string; lines: string[] }[] = [];
  for (const line of asm.split("\n")) {
    const [name] = /^BB\d+(?=:)/.exec(line) ?? [];
    if (name !== undefined) blocks.push({ name, lines: [] });
    else blocks.at(-1)?.lines.push(line);
  }
  const places = new Map(blocks.map((b, i) => [b.name, i]));
  let most = 0;
  let busy = { fma: 0, share: 0 };
  const look = (body: readonly string[], turns: number, least: number): void => {
    let queue: number[] = [];
    for (let turn = 0; turn < turns; turn++)
      for (const line of body) {
        const [, what] = LOAD.exec(line) ?? [];
        if (what !== undefined) {
          const size = SIZES[what] ?? 4;
          queue.push(size >= least ? size : 0);
          most = Math.max(
            most,
            queue.reduce((a, b) => a + b, 0),
          );
        }
        const [, left] = /vmcnt\((\d+)\)/.exec(line) ?? [];
        if (left !== undefined) queue = queue.slice(Math.max(0, queue.length - Number(left)));
      }
    const fma = body.reduce((n, x) => n + (x.match(/v_(?:dual_)?(?:pk_)?(?:fma|dot)\w*/g) ?? []).length, 0);
    const all = body.filter((x) => /^\s+[a-z]/.test(x)).length;
    if (fma > busy.fma) busy = { fma, share: fma / all };
  };
  for (const [i, block] of blocks.entries())
    for (const line of block.lines) {
      const to = places.get(/s_(?:c)?branch\S*\s+(BB\d+)/.exec(line)?.[1] ?? "");
      if (to !== undefined && to <= i)
        look(
          blocks.slice(to, i + 1).flatMap((b) => b.lines),
          2,
          8,
        );
    }
  for (const least of [8, 1])
    if (most === 0)
      look(
        blocks.flatMap((b) => b.lines),
        1,
        least,
      );
  return { most, ...busy };
}

const weights = new Set(plan.weights.map((w) => w.name));
const states = new Set(plan.buffers.filter((b) => b.kind === "state").map((b) => b.name));
const sizeOf = ({ type }: Value): number =>
  type.shape.reduce<number>((n, d) => n * lengthOf(d), DTYPE_BYTES[type.dtype]);
const summaryOf = (step: PlanStep): string => plan.kernels.find((k) => k.name === step.kernel)?.summary ?? step.kernel;
const isGather = (step: PlanStep): boolean => /\bgather\b/.test(summaryOf(step));
const storageBytes = (step: PlanStep): number =>
  /\bdequantize\b/.test(summaryOf(step)) ? 1 : /\bcast\b/.test(summaryOf(step)) ? 2 : 4;

/** Multiply-adds of a matmul's weight for all rows of the step; the head, which turns its weight, makes one row. */
function multiplyAdds(step: PlanStep, values: readonly Value[]): number {
  if (!/\bmatmul/.test(summaryOf(step))) return 0;
  const rows = /\btranspose\b/.test(summaryOf(step)) ? 1 : tokens;
  return values
    .filter((v) => weights.has(v.name) && sizeOf(v) >= 1e5)
    .reduce((n, v) => n + (sizeOf(v) / storageBytes(step)) * rows, 0);
}

/**
 * What a step binds, each value once and as large as it is in this call: weights whole, caches as far as they are filled, rows of what a gather
 * reads. A draw from parts reads the keys of one part, where no filter asks for more.
 */
const stepBytes = (step: PlanStep, values: readonly Value[]): number =>
  values.reduce((n, v, at) => {
    const bytes = sizeOf(v);
    // A value that updates a state lies in its buffer.
    const isState = states.has(step.bindings[at] ?? v.name);
    if (isGather(step) && bytes > 1e6) return n + 1e4;
    if (/from_parts/.test(summaryOf(step)) && bytes > 1e5)
      return n + bytes / lengthOf(found(v.type.shape.at(-2), "axis"));
    // A row cut out of many is one row.
    if (
      tokens > 1 &&
      !weights.has(v.name) &&
      !states.has(v.name) &&
      /\bslice\b/.test(summaryOf(step)) &&
      !isGather(step)
    )
      return n + bytes / tokens;
    const filled = (symbols["P"] ?? 0) + tokens;
    return n + (isState && bytes > 1e5 ? (bytes * filled) / config.n_ctx : bytes);
  }, 0);

interface Row {
  readonly groups: number;
  readonly lanes: number;
  readonly most: number;
  readonly waves: number;
  readonly spills: number;
  readonly bytes: number;
  readonly shares: readonly number[];
  calls: number;
}
const rows = new Map<string, Row>();
const totals = Object.keys(GPUS).map(() => ({ time: 0, ideal: 0 }));
for (const [i, step] of entry.steps.entries()) {
  const held = bound[i] ?? [];
  const kernel = found(codes.get(step.kernel), step.kernel);
  const groups = step.workgroups.reduce(
    (n, count) => n * count.reduce((m, f) => m * Math.ceil(evalPlanDim(f.dim, symbols) / f.per), 1),
    1,
  );
  const { most, share } = measure(kernel.disassembly);
  const [bytes, work] = [stepBytes(step, held), multiplyAdds(step, held)];
  const size = kernel.workgroupSize;
  const shares = Object.values(GPUS).map(({ bw, latency, units, waves, gap, fma, simds }, g) => {
    const resident = Math.min(groups * size, units * waves * 32 * Math.min(1, kernel.wavesPerSimd / 32));
    // What is not there to be loaded is not in flight.
    const flight = Math.max(1, Math.min(bytes, resident * most));
    const rate = fma * Math.max(0.01, share) * Math.min(1, resident / 32 / (4 * units * simds));
    const limit = Math.max(bytes / bw, work / fma);
    const time = Math.max(bytes / bw, (bytes * latency) / flight, work / rate);
    const total = found(totals[g], "GPU");
    total.time += time + gap;
    total.ideal += limit;
    return limit / time;
  });
  const spills = kernel.spilledVgprs + kernel.spilledSgprs;
  const row = rows.get(step.kernel) ?? {
    groups,
    lanes: size,
    most,
    waves: kernel.wavesPerSimd,
    spills,
    bytes,
    shares,
    calls: 0,
  };
  row.calls++;
  rows.set(step.kernel, row);
}

const names = Object.keys(GPUS);
console.log(
  `predictions for ${model} in ${values.dtype}, ${entry.name}, compiled for ${plan.target}, from ${code?.driver}'s machine code of ${FAMILY}`,
);
console.log(`share of the machine's limit that ${names.join(" / ")} could reach`);
console.log("workgroups  lanes  bytes in flight  waves/SIMD  spilled         MB  calls  shares            kernel");
for (const [name, r] of [...rows].sort(([, a], [, b]) => b.bytes * b.calls - a.bytes * a.calls)) {
  const shares = r.shares.map((s) => `${Math.round(100 * s)} %`.padStart(6)).join("");
  const [groups, lanes, most] = [
    String(r.groups).padStart(10),
    String(r.lanes).padStart(7),
    String(r.most).padStart(17),
  ];
  const [waves, spills] = [String(r.waves).padStart(12), String(r.spills).padStart(9)];
  console.log(
    `${groups}${lanes}${most}${waves}${spills}${(r.bytes / 1e6).toFixed(2).padStart(11)}${String(r.calls).padStart(7)}${shares}  ${name}`,
  );
}
for (const [i, { time, ideal }] of totals.entries()) {
  const share = `${Math.round((100 * ideal) / time)} % of what the limits alone allow (${(1e3 * ideal).toFixed(2)} ms)`;
  console.log(
    `${names[i]}: a step at least ${(1e3 * time).toFixed(2)} ms, ${Math.round(tokens / time)} tokens/s at most, ${share}`,
  );
}

function found<X>(x: X | undefined, what: string): X {
  if (x === undefined) throw new Error(`there is no ${what}`);
  return x;
}
