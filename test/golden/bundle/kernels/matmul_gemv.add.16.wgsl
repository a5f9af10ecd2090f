// matmul + add + add: one row times a matrix. Each invocation keeps 2 neighbouring columns; 32 invocations share them,
// each walking every 32th row of the matrix.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> add_b: array<f32>;
@group(0) @binding(3) var<storage, read> add_a: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

const INNER = 16u;
const WIDTH = 16u;
const COLUMNS = 2u;
const LANES = 8u;
const SPLIT = 32u;

var<workgroup> partial: array<f32, LANES * SPLIT * COLUMNS>;

fn load_a(row: u32, k: u32) -> f32 {
  let a_at_0 = a[row * 16u + k];
  return a_at_0;
}

fn load_b(k: u32, column: u32) -> f32 {
  let b_at_0 = b[k * 16u + column];
  return b_at_0;
}

fn store_result(row: u32, column: u32, value: f32) {
  let add_b_at_0 = add_b[column];
  let add_0 = value + add_b_at_0;
  let add_a_at_0 = add_a[column];
  let add_1 = add_a_at_0 + add_0;
  y[row * 16u + column] = add_1;
}

@compute @workgroup_size(LANES, SPLIT)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let first = ((group.y * groups.x + group.x) * LANES + lane.x) * COLUMNS;

  // Columns beyond the last one read the last one again, and are not stored.
  var sums: array<f32, COLUMNS>;
  for (var k = lane.y; k < INNER; k += SPLIT) {
    let x = load_a(0u, k);
    for (var j = 0u; j < COLUMNS; j++) {
      sums[j] += x * load_b(k, min(first + j, WIDTH - 1u));
    }
  }

  let slot = lane.x * SPLIT * COLUMNS;
  for (var j = 0u; j < COLUMNS; j++) { partial[slot + lane.y * COLUMNS + j] = sums[j]; }
  workgroupBarrier();
  for (var j = lane.y; j < COLUMNS; j += SPLIT) {
    var sum = 0.0;
    for (var s = 0u; s < SPLIT; s++) { sum += partial[slot + s * COLUMNS + j]; }
    if (first + j < WIDTH) { store_result(0u, first + j, sum); }
  }
}
