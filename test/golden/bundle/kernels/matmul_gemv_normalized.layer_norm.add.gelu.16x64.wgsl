// split + layer_norm + matmul + add + gelu: one row, normalised on the way in, times a matrix. Every workgroup normalises the whole row into its own memory:
// that is 16 elements against 16 × 64 of the matrix. Then each invocation keeps 4 × 4
// neighbouring columns; 16 invocations share them, each walking every 16th row of the matrix.
@group(0) @binding(0) var<storage, read> layer_norm_x: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> split_x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Neighbouring columns.
alias Vector = vec4f;
const SIZE = 4u;
const INNER = 16u;
const EPS = 0.00001;
// In vectors.
const WIDTH = 16u;
const VECTORS = 4u;
const LANES = 4u;
const SPLIT = 16u;
const WORKGROUP_SIZE = LANES * SPLIT;

var<workgroup> row: array<f32, INNER>;
var<workgroup> partial: array<array<Vector, VECTORS>, WORKGROUP_SIZE>;
var<workgroup> terms: array<f32, WORKGROUP_SIZE>;

fn gelu_tanh(x: f32) -> f32 {
  let near = clamp(x, -10.0, 10.0);
  let inner = 0.7978845608028654 * (near + 0.044715 * near * near * near);
  return select(0.0, x / (1.0 + exp(-2.0 * inner)), x > -10.0);
}

fn erf(x: f32) -> f32 {
  let a = min(abs(x), 6.0);
  if (a < 0.5) {
    let s = x * x;
    return x * (1.1283792 + s * (-0.37612638 + s * (0.11283792 + s * (-0.026866170 + s * (0.0052239776 - s * 0.00085483274)))));
  }
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-a * a));
}

fn gelu_erf(x: f32) -> f32 {
  return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}

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
  let gelu_0 = gelu_tanh(add_0);
  y[row * 64u + column] = gelu_0;
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
