// matmul + add + add: a few rows (1) times a matrix, 4 columns a load. Each invocation keeps 1 × 4 neighbouring
// columns; 64 invocations share them, each walking every 64th row of the matrix, 8 rows a turn: so many loads
// are on their way before the first is needed.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> add_b: array<f32>;
@group(0) @binding(3) var<storage, read> add_a: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// Neighbouring columns.
alias Vector = vec4f;
const SIZE = 4u;
// Rows of the matrix that a workgroup walks.
const INNER = 16u;
// In vectors.
const WIDTH = 4u;
const VECTORS = 1u;
const ROWS = 1u;
const LANES = 4u;
const SPLIT = 64u;
const WORKGROUP_SIZE = LANES * SPLIT;
const COLUMNS = LANES * VECTORS * SIZE;
const ELEMENTS = ROWS * COLUMNS;

var<workgroup> partial: array<array<array<Vector, WORKGROUP_SIZE>, VECTORS>, ROWS>;
const FOLDS = 8u;
var<workgroup> folded: array<f32, FOLDS * ELEMENTS>;

fn load_x(row: u32, k: u32) -> f32 {
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

@compute @workgroup_size(LANES, SPLIT)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) index: u32) {
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
