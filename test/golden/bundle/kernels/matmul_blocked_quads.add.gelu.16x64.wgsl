// matmul + add + gelu: each invocation keeps a block of 4 rows × 4 columns in registers and walks the inner axis four elements at a
// time. The four invocations of a quad load a row of the left operand each, and read it from one another. They share nothing
// else: without a barrier, software drivers keep the sums in registers.
enable subgroups;

struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> add_b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

// In vectors of four.
const INNER = 4u;
const WIDTH = 16u;
const ROWS = 4u;
const QUADS = ROWS / 4u;
const LANES = 64u;

// Every invocation has a part of its own: a place where its sums can be found by a number.
var<workgroup> block: array<array<vec4f, ROWS>, LANES>;

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

fn load_a4(row: u32, k: u32) -> vec4f { return a[row * 4u + k]; }

fn load_b4(i: u32) -> vec4f {
  return b[i];
}

fn store_result(row: u32, column: u32, value: f32) {
  let add_b_at_0 = add_b[column];
  let add_0 = value + add_b_at_0;
  let gelu_0 = gelu_tanh(add_0);
  y[row * 64u + column] = gelu_0;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) place: u32) {
  let height = symbols.T;
  // Rows first: the next workgroups read the same columns of the weight, while a cache still has them.
  let first_row = group.x * ROWS;
  let vector = group.y * LANES + lane;

  // Rows and vectors beyond the last ones read the last ones again, and are not stored.
  let column = min(vector, WIDTH - 1u);
  var rows: array<u32, QUADS>;
  for (var i = 0u; i < QUADS; i++) { rows[i] = min(first_row + 4u * i + place % 4u, height - 1u); }

  var sums: array<vec4f, ROWS>;
  for (var k = 0u; k < INNER; k++) {
    let at = 4u * k * WIDTH + column;
    let w = mat4x4f(load_b4(at), load_b4(at + WIDTH), load_b4(at + 2u * WIDTH), load_b4(at + 3u * WIDTH));
    for (var i = 0u; i < QUADS; i++) {
      let x = load_a4(rows[i], k);
      sums[4u * i] += w * quadBroadcast(x, 0u);
      sums[4u * i + 1u] += w * quadBroadcast(x, 1u);
      sums[4u * i + 2u] += w * quadBroadcast(x, 2u);
      sums[4u * i + 3u] += w * quadBroadcast(x, 3u);
    }
  }
  for (var i = 0u; i < ROWS; i++) { block[lane][i] = sums[i]; }

  // Element by element: what follows the product stands here once.
  if (vector >= WIDTH) { return; }
  for (var e = 0u; e < 4u * min(ROWS, height - first_row); e += 1u) {
    let at_column = 4u * vector + e % 4u;
    store_result(first_row + e / 4u, at_column, block[lane][e / 4u][e % 4u]);
  }
}
