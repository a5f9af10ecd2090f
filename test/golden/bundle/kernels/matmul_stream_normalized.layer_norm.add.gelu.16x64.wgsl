// split + layer_norm + matmul + add + gelu: a few rows (1), normalised on the way in, times a matrix, 4 columns a load. Every workgroup normalises whole
// rows into its own memory. Then each invocation keeps 1 × 4 neighbouring columns; 32 invocations share them, each
// walking every 32th row of the matrix, 8 rows a turn: so many loads are on their way before the first is needed.
@group(0) @binding(0) var<storage, read> layer_norm_x: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> split_x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Neighbouring columns.
alias Vector = vec4f;
const SIZE = 4u;
// Rows of the matrix that a workgroup walks.
const INNER = 16u;
// In vectors.
const WIDTH = 16u;
const VECTORS = 1u;
const ROWS = 1u;
const LANES = 4u;
const SPLIT = 32u;
const WORKGROUP_SIZE = LANES * SPLIT;
const COLUMNS = LANES * VECTORS * SIZE;
const ELEMENTS = ROWS * COLUMNS;

var<workgroup> partial: array<array<array<Vector, WORKGROUP_SIZE>, VECTORS>, ROWS>;
const FOLDS = 8u;
var<workgroup> folded: array<f32, FOLDS * ELEMENTS>;
const NORMAL = 16u;
const EPS = 0.00001;

var<workgroup> normal: array<array<f32, NORMAL>, ROWS>;

// A few invocations fold what the others have, and all fold what those have.
const GATHERS = 16u;
var<workgroup> terms: array<f32, WORKGROUP_SIZE>;
var<workgroup> gathered: array<f32, GATHERS>;

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

fn load_row(row: u32, column: u32) -> f32 {
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

fn load_x(row: u32, k: u32) -> f32 { return normal[row][k]; }

// One element of what a workgroup makes: the sum of what every `step`th invocation that shares its column has, from `begin` on.
fn sum_of(i: u32, begin: u32, step: u32) -> f32 {
  let column = i % COLUMNS;
  let vector = column / SIZE;
  var sum = 0.0;
  for (var s = begin; s < SPLIT; s += step) {
    sum += element_of(partial[i / COLUMNS][vector % VECTORS][s * LANES + vector / VECTORS], column % SIZE);
  }
  return sum;
}

fn total_of(i: u32) -> f32 {
  var total = 0.0;
  for (var f = 0u; f < FOLDS; f++) { total += folded[f * ELEMENTS + i]; }
  return total;
}

fn workgroup_sum(index: u32, value: f32) -> f32 {
  terms[index] = value;
  workgroupBarrier();
  if (index < GATHERS) {
    var some = 0.0;
    for (var i = index; i < WORKGROUP_SIZE; i += GATHERS) { some += terms[i]; }
    gathered[index] = some;
  }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < GATHERS; i++) { total += gathered[i]; }
  return total;
}

// Every load of the row is on its way before the first is needed.
fn normalize_row(row: u32, index: u32) {
  let i0 = min(index + 0u * WORKGROUP_SIZE, NORMAL - 1u);
  let x0 = load_row(row, i0);
  let scale0 = load_weight(i0);
  let shift0 = load_bias(i0);
  let is0 = select(0.0, 1.0, index + 0u * WORKGROUP_SIZE < NORMAL);
  let mean = workgroup_sum(index, is0 * x0) / f32(NORMAL);
  let d0 = is0 * (x0 - mean);
  // Of what is left of each: E[x²] − E[x]² loses the variance to cancellation when |mean| ≫ std.
  let squares = workgroup_sum(index, d0 * d0);
  let rstd = inverseSqrt(squares / f32(NORMAL) + EPS);
  if (index + 0u * WORKGROUP_SIZE < NORMAL) { normal[row][i0] = d0 * rstd * scale0 + shift0; }
}

@compute @workgroup_size(LANES, SPLIT)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) index: u32) {
  for (var row = 0u; row < ROWS; row++) { normalize_row(row, index); }
  workgroupBarrier();

  let first = ((group.y * groups.x + group.x) * LANES + lane.x) * VECTORS;
  let start = 0u;
  let column0 = min(first + 0u, WIDTH - 1u);
  var sum0_0 = Vector();

  // Vectors beyond the last one read the last one again, and are not stored; an invocation beyond it has nothing to read.
  if (first < WIDTH) {
    var k = lane.y;
    let k0 = min(k + 0u * SPLIT, INNER - 1u);
    let w0_0 = load_b((start + k0) * WIDTH + column0);
    let x0_0 = select(0.0, load_x(0u, start + k0), k + 0u * SPLIT < INNER);
    sum0_0 += x0_0 * w0_0;
  }
  partial[0][0][index] = sum0_0;
  workgroupBarrier();
  for (var i = index; i < FOLDS * ELEMENTS; i += WORKGROUP_SIZE) { folded[i] = sum_of(i % ELEMENTS, i / ELEMENTS, FOLDS); }
  workgroupBarrier();

  // Element by element: what follows the product stands here once.
  for (var i = 1u * index; i < ELEMENTS; i += 1u * WORKGROUP_SIZE) {
    let column = (group.y * groups.x + group.x) * COLUMNS + i % COLUMNS;
    if (column < SIZE * WIDTH) { store_result(i / COLUMNS, column, total_of(i)); }
  }
}
