// matmul + add + add: each invocation keeps a block of 8 rows × 2 × 4 columns in registers and walks the inner axis once;
// the invocations of a workgroup stand side by side, so that they read the same rows of the left operand.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> add_b: array<f32>;
@group(0) @binding(3) var<storage, read> add_a: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const INNER = 64u;
// In vectors of four columns.
const WIDTH = 4u;
const ROWS = 8u;
const VECTORS = 2u;
const LANES = 2u;
const COLUMNS = LANES * VECTORS * 4u;

var<workgroup> block: array<vec4f, ROWS * LANES * VECTORS>;

fn load_a(row: u32, k: u32) -> f32 {
  let a_at_0 = a[row * 64u + k];
  return a_at_0;
}

fn load_b4(i: u32) -> vec4f {
  return b[i];
}

fn store_result(row: u32, column: u32, value: f32) {
  let add_b_at_0 = add_b[column];
  let add_0 = value + add_b_at_0;
  let add_a_at_0 = add_a[row * 16u + column];
  let add_1 = add_a_at_0 + add_0;
  y[row * 16u + column] = add_1;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let height = symbols.T;
  let first_row = group.y * ROWS;
  let first = (group.x * LANES + lane) * VECTORS;

  // Rows and vectors beyond the last ones read the last ones again, and are not stored.
  var sums: array<array<vec4f, VECTORS>, ROWS>;
  for (var k = 0u; k < INNER; k++) {
    var w: array<vec4f, VECTORS>;
    for (var j = 0u; j < VECTORS; j++) { w[j] = load_b4(k * WIDTH + min(first + j, WIDTH - 1u)); }
    for (var i = 0u; i < ROWS; i++) {
      let x = load_a(min(first_row + i, height - 1u), k);
      for (var j = 0u; j < VECTORS; j++) { sums[i][j] += x * w[j]; }
    }
  }

  for (var i = 0u; i < ROWS; i++) {
    for (var j = 0u; j < VECTORS; j++) { block[(i * LANES + lane) * VECTORS + j] = sums[i][j]; }
  }
  workgroupBarrier();

  // Element by element: what follows the product stands here once, and neighbouring invocations store neighbouring elements.
  let first_column = group.x * COLUMNS;
  for (var e = lane; e < ROWS * COLUMNS; e += LANES) {
    let row = first_row + e / COLUMNS;
    let column = first_column + e % COLUMNS;
    if (row < height && column < 4u * WIDTH) { store_result(row, column, block[e / 4u][e % 4u]); }
  }
}
