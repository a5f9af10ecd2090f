// transpose + matmul: the right operand lies transposed, its rows one after another. Each invocation keeps a block of 4 rows ×
// 4 columns in registers and walks the inner axis four elements at a time.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> transpose_x: array<vec4f>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

// In vectors of four.
const INNER = 4u;
const WIDTH = 61u;
const ROWS = 4u;
const COLUMNS = 4u;
const LANES = 16u;

var<workgroup> block: array<f32, ROWS * LANES * COLUMNS>;

fn load_a(row: u32, k: u32) -> f32 {
  let a_at_0 = a[row * 16u + k];
  return a_at_0;
}

fn load_b4(i: u32) -> vec4f {
  return transpose_x[i];
}

fn store_result(row: u32, column: u32, value: f32) {
  y[row * 61u + column] = value;
}

fn load_a4(row: u32, k: u32) -> vec4f {
  return vec4f(load_a(row, 4u * k), load_a(row, 4u * k + 1u), load_a(row, 4u * k + 2u), load_a(row, 4u * k + 3u));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let height = symbols.T;
  let first_row = group.y * ROWS;
  let first = (group.x * LANES + lane) * COLUMNS;

  // Rows and columns beyond the last ones read the last ones again, and are not stored.
  var sums: array<array<f32, COLUMNS>, ROWS>;
  for (var k = 0u; k < INNER; k++) {
    var w: array<vec4f, COLUMNS>;
    for (var j = 0u; j < COLUMNS; j++) { w[j] = load_b4(min(first + j, WIDTH - 1u) * INNER + k); }
    for (var i = 0u; i < ROWS; i++) {
      let x = load_a4(min(first_row + i, height - 1u), k);
      for (var j = 0u; j < COLUMNS; j++) { sums[i][j] += dot(x, w[j]); }
    }
  }

  for (var i = 0u; i < ROWS; i++) {
    for (var j = 0u; j < COLUMNS; j++) { block[(i * LANES + lane) * COLUMNS + j] = sums[i][j]; }
  }
  workgroupBarrier();

  // Element by element: what follows the product stands here once, and neighbouring invocations store neighbouring elements.
  let first_column = group.x * LANES * COLUMNS;
  for (var e = lane; e < ROWS * LANES * COLUMNS; e += LANES) {
    let row = first_row + e / (LANES * COLUMNS);
    let column = first_column + e % (LANES * COLUMNS);
    if (row < height && column < WIDTH) { store_result(row, column, block[e]); }
  }
}
