// transpose + matmul: each invocation keeps a block of 4 rows × 4 columns in registers and walks the inner axis four elements at a
// time. The four invocations of a quad load a row of the left operand each, and read it from one another. They share nothing
// else: without a barrier, software drivers keep the sums in registers. The right operand lies transposed.
enable subgroups;

struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> transpose_x: array<vec4f>;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

// In vectors of four.
const INNER = 4u;
const COLUMNS = 61u;
const WIDTH = 16u;
const ROWS = 4u;
const QUADS = ROWS / 4u;
const LANES = 64u;

// Every invocation has a part of its own: a place where its sums can be found by a number.
var<workgroup> block: array<array<vec4f, ROWS>, LANES>;

fn load_a4(row: u32, k: u32) -> vec4f { return a[row * 4u + k]; }

fn load_b4(i: u32) -> vec4f {
  return transpose_x[i];
}

fn store_result(row: u32, column: u32, value: f32) {
  y[row * 61u + column] = value;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) place: u32) {
  let height = symbols.T;
  // Rows first: the next workgroups read the same columns of the weight, while a cache still has them.
  let first_row = group.x * ROWS;
  let vector = group.y * LANES + lane;

  // Rows and vectors beyond the last ones read the last ones again, and are not stored.
  var columns: array<u32, 4>;
  for (var j = 0u; j < 4u; j++) { columns[j] = min(4u * vector + j, COLUMNS - 1u) * INNER; }
  var rows: array<u32, QUADS>;
  for (var i = 0u; i < QUADS; i++) { rows[i] = min(first_row + 4u * i + place % 4u, height - 1u); }

  var sums: array<vec4f, ROWS>;
  for (var k = 0u; k < INNER; k++) {
    let w = mat4x4f(load_b4(columns[0] + k), load_b4(columns[1] + k), load_b4(columns[2] + k), load_b4(columns[3] + k));
    for (var i = 0u; i < QUADS; i++) {
      let x = load_a4(rows[i], k);
      sums[4u * i] += quadBroadcast(x, 0u) * w;
      sums[4u * i + 1u] += quadBroadcast(x, 1u) * w;
      sums[4u * i + 2u] += quadBroadcast(x, 2u) * w;
      sums[4u * i + 3u] += quadBroadcast(x, 3u) * w;
    }
  }
  for (var i = 0u; i < ROWS; i++) { block[lane][i] = sums[i]; }

  // Element by element: what follows the product stands here once.
  if (vector >= WIDTH) { return; }
  for (var e = 0u; e < 4u * min(ROWS, height - first_row); e += 1u) {
    let at_column = 4u * vector + e % 4u;
    if (at_column >= COLUMNS) { continue; }
    store_result(first_row + e / 4u, at_column, block[lane][e / 4u][e % 4u]);
  }
}
