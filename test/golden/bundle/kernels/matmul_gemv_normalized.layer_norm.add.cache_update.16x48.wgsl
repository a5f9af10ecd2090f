// split + layer_norm + matmul + add + split + cache_update: one row, normalised on the way in, times a matrix. Every workgroup normalises the whole row into its own memory:
// that is 16 elements against 16 × 32 of the matrix. Then each invocation keeps 1 × 4
// neighbouring columns; 8 invocations share them, each walking every 8th row of the matrix.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> layer_norm_x: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> cache_update_cache: array<f32>;
@group(0) @binding(3) var<storage, read> split_x: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

// Neighbouring columns.
alias Vector = vec4f;
const SIZE = 4u;
const INNER = 16u;
const EPS = 0.00001;
// In vectors.
const WIDTH = 12u;
const VECTORS = 1u;
const LANES = 8u;
const SPLIT = 8u;
const WORKGROUP_SIZE = LANES * SPLIT;

var<workgroup> row: array<f32, INNER>;
var<workgroup> partial: array<array<Vector, VECTORS>, WORKGROUP_SIZE>;
var<workgroup> terms: array<f32, WORKGROUP_SIZE>;

fn load_x(row: u32, column: u32) -> f32 {
  let layer_norm_x_at_0 = layer_norm_x[row * 16u + column];
  return layer_norm_x_at_0;
}

fn load_weight(column: u32) -> f32 {
  let split_x_at_0 = split_x[column];
  return split_x_at_0;
}

fn load_bias(column: u32) -> f32 {
  let split_x_at_0 = split_x[column + 16u];
  return split_x_at_0;
}

fn load_b(i: u32) -> vec4f {
  return b[i];
}

fn element_of(v: Vector, i: u32) -> f32 { return v[i]; }

fn store_result(row: u32, column: u32, value: f32) {
  let split_x_at_0 = split_x[column + 32u];
  let add_0 = value + split_x_at_0;
  if (column < 16u) {
    y[row * 16u + column] = add_0;
  }
  if (column >= 16u && column < 48u) {
    cache_update_cache[(row + symbols.P) * 32u + (column - 16u)] = add_0;
  }
}

fn workgroup_sum(index: u32, value: f32) -> f32 {
  terms[index] = value;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < WORKGROUP_SIZE; i++) { total += terms[i]; }
  workgroupBarrier();
  return total;
}

fn normalize_row(index: u32) {
  var sum = 0.0;
  for (var i = index; i < INNER; i += WORKGROUP_SIZE) {
    let x = load_x(0u, i);
    row[i] = x;
    sum += x;
  }
  let mean = workgroup_sum(index, sum) / f32(INNER);

  // Two passes: E[x²] − E[x]² loses the variance to cancellation when |mean| ≫ std.
  var squares = 0.0;
  for (var i = index; i < INNER; i += WORKGROUP_SIZE) {
    let d = row[i] - mean;
    squares += d * d;
  }
  let rstd = inverseSqrt(workgroup_sum(index, squares) / f32(INNER) + EPS);

  for (var i = index; i < INNER; i += WORKGROUP_SIZE) {
    row[i] = (row[i] - mean) * rstd * load_weight(i) + load_bias(i);
  }
  workgroupBarrier();
}

@compute @workgroup_size(LANES, SPLIT)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) index: u32) {
  normalize_row(index);
  let first = ((group.y * groups.x + group.x) * LANES + lane.x) * VECTORS;

  // Vectors beyond the last one read the last one again, and are not stored; an invocation beyond it has nothing to read.
  var sums: array<Vector, VECTORS>;
  let inner = select(0u, INNER, first < WIDTH);
  for (var k = lane.y; k < inner; k += SPLIT) {
    let x = row[k];
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
