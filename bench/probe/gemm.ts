// A matrix product of a prefill, by tile: both operands staged through workgroup memory, plain f32 sums.
import {
  compile,
  expectNear,
  floatAt,
  halfAt,
  inParallel,
  makeBuffer,
  median,
  type Probe,
  readFloats,
  report,
  timePasses,
} from "./timing.ts";

interface Tile {
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  /** Rows and columns of an invocation. */
  readonly tm: number;
  readonly tn: number;
}

function shader(m: number, n: number, k: number, { bm, bn, bk, tm, tn }: Tile, half: boolean): string {
  const [lanesX, lanesY] = [bn / tn, bm / tm];
  const size = lanesX * lanesY;
  const rows = Array.from({ length: tm }, (_, i) => i);
  const vectors = Array.from({ length: tn / 4 }, (_, i) => i);
  return `
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<${half ? "vec2u" : "vec4f"}>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
var<workgroup> left: array<array<f32, ${bm + 4}>, ${bk}>;
var<workgroup> right: array<array<vec4f, ${bn / 4}>, ${bk}>;
@compute @workgroup_size(${lanesX}, ${lanesY})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = group.y * ${bm}u;
  let column = group.x * ${bn / 4}u;
${rows.map((i) => vectors.map((j) => `  var s${i}_${j} = vec4f();`).join("")).join("\n")}
  for (var k = 0u; k < ${k}u; k += ${bk}u) {
    for (var e = index; e < ${(bm * bk) / 4}u; e += ${size}u) {
      let r = e / ${bk / 4}u; let c = e % ${bk / 4}u;
      let v = a[min(row + r, ${m - 1}u) * ${k / 4}u + k / 4u + c];
      left[4u * c][r] = v.x; left[4u * c + 1u][r] = v.y; left[4u * c + 2u][r] = v.z; left[4u * c + 3u][r] = v.w;
    }
    for (var e = index; e < ${(bk * bn) / 4}u; e += ${size}u) {
      let r = e / ${bn / 4}u; let c = e % ${bn / 4}u;
      let w = b[(k + r) * ${n / 4}u + min(column + c, ${n / 4 - 1}u)];
      right[r][c] = ${half ? "vec4f(unpack2x16float(w.x), unpack2x16float(w.y))" : "w"};
    }
    workgroupBarrier();
    for (var i = 0u; i < ${bk}u; i++) {
${vectors.map((j) => `      let w${j} = right[i][lane.x + ${j * lanesX}u];`).join("\n")}
${rows.map((r) => `      let x${r} = left[i][lane.y * ${tm}u + ${r}u];`).join("\n")}
${rows.map((r) => vectors.map((j) => `      s${r}_${j} += x${r} * w${j};`).join(" ")).join("\n")}
    }
    workgroupBarrier();
  }
${rows.map((r) => vectors.map((j) => `  if (row + lane.y * ${tm}u + ${r}u < ${m}u && column + lane.x + ${j * lanesX}u < ${n / 4}u) { y[(row + lane.y * ${tm}u + ${r}u) * ${n / 4}u + column + lane.x + ${j * lanesX}u] = s${r}_${j}; }`).join("\n")).join("\n")}
}`;
}

const TILES: readonly Tile[] = [32, 64, 128]
  .flatMap((bm) =>
    [32, 64, 128].flatMap((bn) =>
      [8, 16, 32].flatMap((bk) =>
        [
          [4, 4],
          [8, 4],
          [8, 8],
          [4, 8],
        ].map(([tm = 4, tn = 4]) => ({ bm, bn, bk, tm, tn })),
      ),
    ),
  )
  .filter(({ bm, bn, tm, tn }) => (bm / tm) * (bn / tn) >= 64 && (bm / tm) * (bn / tn) <= 256);

const SHAPES = [
  [128, 4800, 1600],
  [128, 1600, 1600],
  [128, 6400, 1600],
  [128, 1600, 6400],
  [512, 6400, 1600],
  [512, 1600, 6400],
  [128, 3072, 768],
] as const;

/** µs and TFLOP/s of each tile, the fastest first, with weights in f32 and in halves. */
export async function measureGemm(probe: Probe): Promise<void> {
  const a = makeBuffer(probe, 4 * 512 * 6400);
  const b = makeBuffer(probe, 4 * 6400 * 1600);
  const y = makeBuffer(probe, 4 * 512 * 6400);
  for (const [m, n, k] of probe.scale > 1 ? SHAPES.slice(-1) : SHAPES)
    for (const half of [false, true]) {
      if (half && m === 512) continue;
      const tiles = probe.scale > 1 ? TILES.filter((_, t) => t % 8 === 0) : TILES;
      const kernels = await inParallel(tiles, (tile) => compile(probe, shader(m, n, k, tile, half)));
      const results: { readonly tile: Tile; readonly microseconds: number }[] = [];
      for (const [i, kernel] of kernels.entries()) {
        const tile = tiles[i] as Tile;
        const step = {
          pipeline: kernel.pipeline,
          group: kernel.bind(a, b, y),
          workgroups: [Math.ceil(n / tile.bn), Math.ceil(m / tile.bm)] as const,
        };
        const repeats = probe.scale > 1 ? 1 : 8;
        const microseconds =
          median(
            await timePasses(
              probe,
              Array.from({ length: repeats }, () => step),
              3,
            ),
          ) / repeats;
        check(await readFloats(probe, y, m * n), [m, n, k], half);
        results.push({ tile, microseconds });
      }
      for (const { tile, microseconds } of results.toSorted((p, q) => p.microseconds - q.microseconds))
        report({
          part: "gemm",
          m,
          n,
          k,
          weights: half ? "packed-f16" : "f32",
          ...tile,
          microseconds,
          teraflops: (2 * m * n * k) / microseconds / 1e6,
        });
    }
  for (const buffer of [a, b, y]) buffer.destroy();
}

/** Four elements, summed on the host. */
function check(y: Float32Array, [m, n, k]: readonly [number, number, number], half: boolean): void {
  const weight = half ? halfAt : floatAt;
  for (const [row, column] of [
    [0, 0],
    [m - 1, n - 1],
    [m >> 1, 5],
    [3, n >> 1],
  ] as const) {
    let want = 0;
    for (let i = 0; i < k; i++) want += floatAt(row * k + i) * weight(i * n + column);
    expectNear(`element ${row}, ${column} of ${m} × ${n} × ${k}`, y[row * n + column] ?? Number.NaN, want);
  }
}
