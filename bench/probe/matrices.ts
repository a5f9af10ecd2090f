// Whether the adapter's subgroup matrices work, in the WGSL that this Dawn takes, and how fast they are without any staging.
import { compile, makeBuffer, matrixConfigs, median, type Probe, report, timePasses } from "./timing.ts";

/** 2 × 2 matrices a subgroup, straight from storage, for 512 × 1600 × 1600. */
export async function measureMatrices(probe: Probe): Promise<void> {
  const [m, n, k] = [512, 1600, 1600];
  for (const config of matrixConfigs(probe)) {
    const type =
      { f16: "f16", f32: "f32", u8: "u8", i8: "i8", u32: "u32", i32: "i32" }[config.componentType] ??
      config.componentType;
    const sums = config.resultComponentType;
    const { M, N, K } = config;
    if (type !== "f16" && type !== "f32") {
      report({ part: "matrices", ...config, skipped: "integers are not tried" });
      continue;
    }
    const bytes = type === "f16" ? 2 : 4;
    const a = makeBuffer(probe, bytes * m * k);
    const b = makeBuffer(probe, bytes * k * n);
    const y = makeBuffer(probe, (sums === "f16" ? 2 : 4) * m * n);
    try {
      const kernel = await compile(
        probe,
        `enable f16;
enable chromium_experimental_subgroup_matrix;
@group(0) @binding(0) var<storage, read> a: array<${type}>;
@group(0) @binding(1) var<storage, read> b: array<${type}>;
@group(0) @binding(2) var<storage, read_write> y: array<${sums}>;
@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u) {
  let row = group.y * ${2 * M}u;
  let column = group.x * ${2 * N}u;
  var s: array<array<subgroup_matrix_result<${sums}, ${N}, ${M}>, 2>, 2>;
  for (var k = 0u; k < ${k}u; k += ${K}u) {
    let a0 = subgroupMatrixLoad<subgroup_matrix_left<${type}, ${K}, ${M}>>(&a, row * ${k}u + k, false, ${k}u);
    let a1 = subgroupMatrixLoad<subgroup_matrix_left<${type}, ${K}, ${M}>>(&a, (row + ${M}u) * ${k}u + k, false, ${k}u);
    let b0 = subgroupMatrixLoad<subgroup_matrix_right<${type}, ${N}, ${K}>>(&b, k * ${n}u + column, false, ${n}u);
    let b1 = subgroupMatrixLoad<subgroup_matrix_right<${type}, ${N}, ${K}>>(&b, k * ${n}u + column + ${N}u, false, ${n}u);
    s[0][0] = subgroupMatrixMultiplyAccumulate(a0, b0, s[0][0]);
    s[0][1] = subgroupMatrixMultiplyAccumulate(a0, b1, s[0][1]);
    s[1][0] = subgroupMatrixMultiplyAccumulate(a1, b0, s[1][0]);
    s[1][1] = subgroupMatrixMultiplyAccumulate(a1, b1, s[1][1]);
  }
  for (var i = 0u; i < 2u; i++) { for (var j = 0u; j < 2u; j++) {
    subgroupMatrixStore(&y, (row + i * ${M}u) * ${n}u + column + j * ${N}u, s[i][j], false, ${n}u);
  } }
}`,
      );
      const step = {
        pipeline: kernel.pipeline,
        group: kernel.bind(a, b, y),
        workgroups: [n / (2 * N), m / (2 * M)] as const,
      };
      const microseconds =
        median(
          await timePasses(
            probe,
            Array.from({ length: 8 }, () => step),
            3,
          ),
        ) / 8;
      report({ part: "matrices", ...config, microseconds, teraflops: (2 * m * n * k) / microseconds / 1e6 });
    } catch (error) {
      report({ part: "matrices", ...config, failed: error instanceof Error ? error.message : String(error) });
    }
    for (const buffer of [a, b, y]) buffer.destroy();
  }
}
