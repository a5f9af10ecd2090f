// One row times a matrix, as a decode step has it, by how the work is cut: a space of configurations, timed on matrices that no
// cache holds.
import {
  compile,
  type Dispatch,
  expectNear,
  floatAt,
  halfAt,
  inParallel,
  makeBuffer,
  median,
  type Probe,
  poolBytes,
  readFloats,
  report,
  timePasses,
} from "./timing.ts";

interface Shape {
  readonly inner: number;
  readonly columns: number;
}
interface Cut {
  /** Invocations side by side, each with one load's columns. */
  readonly lanes: number;
  /** Parts of the inner axis in a workgroup, and workgroups' parts of it. */
  readonly split: number;
  readonly across: number;
  /** Loads of 16 bytes before the first use. */
  readonly loads: number;
}
type Storage = "f32" | "packed-f16" | "f16";

const SHAPES: readonly Shape[] = [
  { inner: 1600, columns: 4800 },
  { inner: 1600, columns: 1600 },
  { inner: 1600, columns: 6400 },
  { inner: 6400, columns: 1600 },
  { inner: 768, columns: 2304 },
  { inner: 768, columns: 768 },
  { inner: 3072, columns: 768 },
];

const perLoad = (storage: Storage): number => (storage === "f32" ? 4 : 8);

/** Partial sums of row · matrix to y[part][column]. */
function shader({ inner, columns }: Shape, { lanes, split, across, loads }: Cut, storage: Storage): string {
  const size = perLoad(storage);
  const width = columns / size;
  const parts = split * across;
  // Each part takes every partsth row; a turn takes `loads` of those.
  const turns = Math.floor(inner / parts / loads);
  const rest = Array.from({ length: Math.ceil(inner / parts) - turns * loads }, (_, i) => turns * loads + i);
  const list = Array.from({ length: loads }, (_, i) => i);
  const element = { f32: "vec4f", "packed-f16": "vec4u", f16: "mat2x4h" }[storage];
  const add = (w: string, x: string) =>
    ({
      f32: `s0 += ${x} * ${w};`,
      "packed-f16": `s0 += ${x} * vec4f(unpack2x16float(${w}.x), unpack2x16float(${w}.y)); s1 += ${x} * vec4f(unpack2x16float(${w}.z), unpack2x16float(${w}.w));`,
      f16: `s0 += ${x} * vec4f(${w}[0]); s1 += ${x} * vec4f(${w}[1]);`,
    })[storage];
  return `${storage === "f16" ? "enable f16;" : ""}
@group(0) @binding(0) var<storage, read> row: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<${element}>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<workgroup> partial: array<f32, ${lanes * split * size}>;
@compute @workgroup_size(${lanes}, ${split})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let vector = group.x * ${lanes}u + lane.x;
  let column = min(vector, ${width - 1}u);
  let part = group.y * ${split}u + lane.y;
  var s0 = vec4f();
  ${size === 8 ? "var s1 = vec4f();" : ""}
  var k = part;
  for (var i = 0u; i < ${turns}u; i++) {
${list.map((l) => `    let w${l} = b[(k + ${l * parts}u) * ${width}u + column];`).join("\n")}
${list.map((l) => `    let x${l} = row[k + ${l * parts}u];`).join("\n")}
${list.map((l) => `    ${add(`w${l}`, `x${l}`)}`).join("\n")}
    k += ${loads * parts}u;
  }
${rest.map((r) => `  if (part + ${r * parts}u < ${inner}u) { let w = b[(part + ${r * parts}u) * ${width}u + column]; let x = row[part + ${r * parts}u]; ${add("w", "x")} }`).join("\n")}
  let at = (lane.y * ${lanes}u + lane.x) * ${size}u;
  for (var e = 0u; e < 4u; e++) { partial[at + e] = s0[e]; ${size === 8 ? "partial[at + 4u + e] = s1[e];" : ""} }
  workgroupBarrier();
  for (var e = lane.y; e < ${size}u; e += ${split}u) {
    var sum = 0.0;
    for (var s = 0u; s < ${split}u; s++) { sum += partial[(s * ${lanes}u + lane.x) * ${size}u + e]; }
    if (vector < ${width}u) { y[group.y * ${columns}u + ${size}u * vector + e] = sum; }
  }
}`;
}

const CUTS: readonly Cut[] = [
  // The first edition's, on a GPU.
  { lanes: 8, split: 8, across: 1, loads: 1 },
  ...[8, 16, 32, 64].flatMap((lanes) =>
    [2, 4, 8, 16, 32].flatMap((split) =>
      [1, 2, 4, 8, 16].flatMap((across) => [1, 2, 4, 8].map((loads) => ({ lanes, split, across, loads }))),
    ),
  ),
].filter(({ lanes, split }) => lanes * split >= 64 && lanes * split <= 512);

interface Result extends Cut {
  readonly microseconds: number;
  readonly gigabytesPerSecond: number;
}

/** µs a matrix, and GB/s of it, the fastest first. */
export async function measureGemv(probe: Probe): Promise<void> {
  const pool = poolBytes(probe);
  const weights = makeBuffer(probe, pool);
  const row = makeBuffer(probe, 4 * 6400);
  const y = makeBuffer(probe, 4 * 6400 * 16);
  const storages: readonly Storage[] = probe.device.features.has("shader-f16")
    ? ["packed-f16", "f16", "f32"]
    : ["packed-f16", "f32"];
  for (const storage of storages)
    for (const shape of SHAPES) {
      // What the packed and the native reading differ in shows on one shape.
      if (storage === "f16" && shape !== SHAPES[2]) continue;
      const bytes = (16 / perLoad(storage)) * shape.inner * shape.columns;
      const copies = Math.min(64, Math.floor(pool / bytes));
      if (copies < 1) continue;
      const cuts = cutsOf(probe, shape, storage);
      const kernels = await inParallel(cuts, (cut) => compile(probe, shader(shape, cut, storage)));
      const results: Result[] = [];
      for (const [i, kernel] of kernels.entries()) {
        const cut = cuts[i] as Cut;
        const steps: Dispatch[] = Array.from({ length: copies }, (_, c) => ({
          pipeline: kernel.pipeline,
          group: kernel.bind(row, { buffer: weights, offset: 256 * Math.floor((c * bytes) / 256), size: bytes }, y),
          workgroups: [groupsOf(shape, cut, storage), cut.across],
        }));
        await timePasses(probe, steps.slice(0, 1), 1);
        check(await readFloats(probe, y, shape.columns * cut.across), shape, cut, storage);
        const microseconds = median(await timePasses(probe, steps, 3)) / copies;
        results.push({ ...cut, microseconds, gigabytesPerSecond: bytes / microseconds / 1000 });
      }
      for (const result of results.toSorted((p, q) => p.microseconds - q.microseconds))
        report({ part: "gemv", storage, ...shape, ...result });
    }
  for (const b of [weights, row, y]) b.destroy();
}

const groupsOf = ({ columns }: Shape, { lanes }: Cut, storage: Storage): number =>
  Math.ceil(columns / perLoad(storage) / lanes);

/** The first edition's, and those of the space that are not known to lose: a grid that fills no card, or is all bookkeeping. */
function cutsOf(probe: Probe, shape: Shape, storage: Storage): readonly Cut[] {
  const [first, ...others] = CUTS;
  const sensible = others.filter((cut) => {
    const groups = groupsOf(shape, cut, storage) * cut.across;
    return cut.split * cut.across * cut.loads <= shape.inner / 2 && groups >= 60 && groups <= 3000;
  });
  const some = probe.scale > 1 ? sensible.filter((_, i) => i % 10 === 0) : sensible;
  return first ? [first, ...some] : some;
}

/** Three columns, summed on the host. */
function check(y: Float32Array, { inner, columns }: Shape, { across }: Cut, storage: Storage): void {
  const weight = storage === "f32" ? floatAt : halfAt;
  for (const column of [0, columns >> 1, columns - 1]) {
    let [got, want] = [0, 0];
    for (let part = 0; part < across; part++) got += y[part * columns + column] ?? Number.NaN;
    for (let k = 0; k < inner; k++) want += floatAt(k) * weight(k * columns + column);
    expectNear(`column ${column} of ${inner} × ${columns} ${storage}`, got, want);
  }
}
