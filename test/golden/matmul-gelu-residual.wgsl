// matmul + add + gelu + add: each invocation keeps a block of 8 rows × 2 × 4 columns in registers and walks the inner axis once;
// the invocations of a workgroup stand side by side, so that they read the same rows of the left operand.
struct Symbols { T: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> add_b: array<f32>;
@group(0) @binding(3) var<storage, read> add_a: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const INNER = 4u;
// In vectors of four columns.
const WIDTH = 2u;
const ROWS = 8u;
const VECTORS = 2u;
const LANES = 1u;
const COLUMNS = LANES * VECTORS * 4u;

var<workgroup> block: array<vec4f, ROWS * LANES * VECTORS>;

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

fn load_a(row: u32, k: u32) -> f32 {
  let a_at_0 = a[row * 4u + k];
  return a_at_0;
}

fn load_b4(i: u32) -> vec4f {
  return b[i];
}

fn store_result(row: u32, column: u32, value: f32) {
  let add_b_at_0 = add_b[column];
  let add_0 = value + add_b_at_0;
  let gelu_0 = gelu_tanh(add_0);
  let add_a_at_0 = add_a[row * 8u + column];
  let add_1 = add_a_at_0 + gelu_0;
  y[row * 8u + column] = add_1;
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
