// matmul + add + add: one row times a matrix, 4 columns a load. Each invocation keeps 1 × 4 neighbouring columns;
// 8 invocations share them, each walking every 8th row of the matrix.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> add_b: array<f32>;
@group(0) @binding(3) var<storage, read> add_a: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// Neighbouring columns.
alias Vector = vec4f;
const SIZE = 4u;
const INNER = 16u;
// In vectors.
const WIDTH = 4u;
const VECTORS = 1u;
const LANES = 4u;
const SPLIT = 8u;

var<workgroup> partial: array<array<Vector, VECTORS>, LANES * SPLIT>;

fn load_a(row: u32, k: u32) -> f32 {
  let a_at_0 = a[row * 16u + k];
  return a_at_0;
}

fn load_b(i: u32) -> vec4f {
  return b[i];
}

fn element_of(v: Vector, i: u32) -> f32 { return v[i]; }

fn store_result(row: u32, column: u32, value: f32) {
  let add_b_at_0 = add_b[column];
  let add_0 = value + add_b_at_0;
  let add_a_at_0 = add_a[column];
  let add_1 = add_a_at_0 + add_0;
  y[row * 16u + column] = add_1;
}

@compute @workgroup_size(LANES, SPLIT)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) index: u32) {
  let first = ((group.y * groups.x + group.x) * LANES + lane.x) * VECTORS;

  // Vectors beyond the last one read the last one again, and are not stored; an invocation beyond it has nothing to read.
  var sums: array<Vector, VECTORS>;
  let inner = select(0u, INNER, first < WIDTH);
  for (var k = lane.y; k < inner; k += SPLIT) {
    let x = load_a(0u, k);
    for (var j = 0u; j < VECTORS; j++) {
      sums[j] += x * load_b(k * WIDTH + min(first + j, WIDTH - 1u));
    }
  }

  for (var j = 0u; j < VECTORS; j++) { partial[index][j] = sums[j]; }
  workgroupBarrier();

  // Element by element: what follows the product stands here once.
  let columns = SIZE * (min(first + VECTORS, WIDTH) - min(first, WIDTH));
  for (var e = lane.y; e < columns; e += SPLIT) {
    var sum = 0.0;
    for (var s = 0u; s < SPLIT; s++) { sum += element_of(partial[s * LANES + lane.x][e / SIZE], e % SIZE); }
    store_result(0u, SIZE * first + e, sum);
  }
}
