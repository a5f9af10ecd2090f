// transpose + matmul: one row times a transposed matrix, whose rows lie one after another. Each invocation keeps 8 neighbouring rows;
// 64 invocations share them, each walking every 64th vector of 4.
@group(0) @binding(0) var<storage, read> transpose_x: array<vec4f>;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Neighbours on the inner axis.
alias Vector = vec4f;
const SIZE = 4u;
// In vectors.
const INNER = 4u;
const WIDTH = 61u;
const ROWS = 8u;
const SPLIT = 64u;
const LANES = 1u;

var<workgroup> partial: array<array<f32, ROWS>, SPLIT * LANES>;

fn load_a4(row: u32, k: u32) -> vec4f { return a[row * 4u + k]; }

fn load_x(row: u32, k: u32) -> Vector { return load_a4(row, k); }

fn product(x: Vector, w: Vector) -> f32 { return dot(x, w); }

fn load_b(i: u32) -> vec4f {
  return transpose_x[i];
}

fn store_result(row: u32, column: u32, value: f32) {
  y[row * 61u + column] = value;
}

@compute @workgroup_size(SPLIT, LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) index: u32) {
  let first = ((group.y * groups.x + group.x) * LANES + lane.y) * ROWS;

  // Rows beyond the last one read the last one again, and are not stored.
  var starts: array<u32, ROWS>;
  for (var j = 0u; j < ROWS; j++) { starts[j] = min(first + j, WIDTH - 1u) * INNER; }
  var sums: array<f32, ROWS>;
  for (var k = lane.x; k < INNER; k += SPLIT) {
    let x = load_x(0u, k);
    for (var j = 0u; j < ROWS; j++) { sums[j] += product(x, load_b(starts[j] + k)); }
  }

  for (var j = 0u; j < ROWS; j++) { partial[index][j] = sums[j]; }
  workgroupBarrier();

  // Row by row: what follows the product stands here once.
  let count = min(first + ROWS, WIDTH) - min(first, WIDTH);
  for (var j = lane.x; j < count; j += SPLIT) {
    var sum = 0.0;
    for (var s = 0u; s < SPLIT; s++) { sum += partial[lane.y * SPLIT + s][j]; }
    store_result(0u, first + j, sum);
  }
}
