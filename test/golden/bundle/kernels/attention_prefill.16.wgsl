// slice + slice + slice + scaled_dot_product_attention: one workgroup per head and block of 4 query rows, which takes the keys 128 at a time. Its 128
// invocations score a key each for every row of the block, turn the scores into weights, and then mix a row's vector of
// columns each. A larger score than those of the tiles before rescales what there is so far: an online softmax.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> slice_x: array<vec4f>;
@group(0) @binding(1) var<storage, read> query: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const SIZE = 8u;
// In vectors of four.
const VECTORS = SIZE / 4u;
// Where keys and values begin in their buffers, and how long a row of those is.
const KEY_START = 0u;
const KEY_STRIDE = 8u;
const VALUE_START = 4u;
const VALUE_STRIDE = 8u;
const SCALE = 0.35355339059327373;
const LANES = 128u;
const TILE = 128u;
const ROWS = 4u;
// Every column's mixture is cut into so many parts, each over every PARTSth key, to give all invocations something to do.
const PARTS = 64u;
// No score is lower, and it is finite: exp(LOWEST − LOWEST) must not be NaN.
const LOWEST = -0x1.fffffep+127;
// What a masked score becomes, and how far above it a row's largest score has to lie for f32 not to tell.
const MASKED = (-10000000000.0);
const BORDER = (-9990234247.0);

var<workgroup> scaled: array<vec4f, ROWS * VECTORS>;
var<workgroup> weights: array<f32, ROWS * TILE>;
var<workgroup> mixed: array<vec4f, ROWS * PARTS * VECTORS>;
var<workgroup> partial: array<f32, ROWS * LANES>;
// Each row's largest score so far, and what its sum and mixture shrink by when that grows.
var<workgroup> largest: array<f32, ROWS>;
var<workgroup> keep: array<f32, ROWS>;
// VECTORS, but not to the compiler: unrolled, the loop over it takes software drivers many seconds to compile.
var<workgroup> vectors: u32;

fn load_query(row: u32, column: u32) -> f32 {
  let query_at_0 = query[row * 16u + column];
  return query_at_0;
}

fn load_keys(i: u32) -> vec4f {
  return slice_x[i];
}

fn load_values(i: u32) -> vec4f {
  return slice_x[i];
}

fn store_result(row: u32, column: u32, value: f32) {
  y[row * 16u + column] = value;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.y;
  let rows = symbols.T;
  let first_row = group.x * ROWS;
  // The last query sees every key, each one before it one less; no query sees the keys behind its block's last row.
  let length = symbols.P + symbols.T;
  let visible = length + min(first_row + ROWS, rows) - rows;

  // Rows beyond the last one are that one again, and are not stored.
  for (var i = lane; i < ROWS * VECTORS; i += LANES) {
    let row = min(first_row + i / VECTORS, rows - 1u);
    let c = head * SIZE + 4u * (i % VECTORS);
    scaled[i] = SCALE * vec4f(load_query(row, c), load_query(row, c + 1u), load_query(row, c + 2u), load_query(row, c + 3u));
  }
  for (var i = lane; i < ROWS * PARTS * VECTORS; i += LANES) { mixed[i] = vec4f(); }
  for (var r = lane; r < ROWS; r += LANES) { largest[r] = LOWEST; }
  if (lane == 0u) { vectors = VECTORS; }
  workgroupBarrier();

  var sums: array<f32, ROWS>;
  for (var first = 0u; first < visible; first += TILE) {
    let count = min(TILE, visible - first);
    for (var r = 0u; r < ROWS; r++) { partial[r * LANES + lane] = LOWEST; }
    for (var k = lane; k < count; k += LANES) {
      let place = KEY_START + (first + k) * KEY_STRIDE + head * VECTORS;
      // Written out: Dawn on Vulkan sets a variable without initial value to zero once, not every time around the loop.
      var scores = array<f32, ROWS>();
      for (var d = 0u; d < vectors; d++) {
        let key = load_keys(place + d);
        for (var r = 0u; r < ROWS; r++) { scores[r] += dot(scaled[r * VECTORS + d], key); }
      }
      for (var r = 0u; r < ROWS; r++) {
        let score = select(LOWEST, scores[r], first + k + rows < length + min(first_row + r + 1u, rows));
        weights[r * TILE + k] = score;
        partial[r * LANES + lane] = max(partial[r * LANES + lane], score);
      }
    }
    workgroupBarrier();

    for (var r = lane; r < ROWS; r += LANES) {
      var next = largest[r];
      for (var i = 0u; i < LANES; i++) { next = max(next, partial[r * LANES + i]); }
      keep[r] = exp(largest[r] - next);
      largest[r] = next;
    }
    workgroupBarrier();

    for (var r = 0u; r < ROWS; r++) {
      sums[r] *= keep[r];
      for (var k = lane; k < count; k += LANES) {
        let score = weights[r * TILE + k];
        let p = select(exp(score - largest[r]), 0.0, score == LOWEST);
        weights[r * TILE + k] = p;
        sums[r] += p;
      }
    }
    workgroupBarrier();

    for (var i = lane; i < PARTS * VECTORS; i += LANES) {
      var y = array<vec4f, ROWS>();
      for (var k = i / VECTORS; k < count; k += PARTS) {
        let value = load_values(VALUE_START + (first + k) * VALUE_STRIDE + head * VECTORS + i % VECTORS);
        for (var r = 0u; r < ROWS; r++) { y[r] += weights[r * TILE + k] * value; }
      }
      for (var r = 0u; r < ROWS; r++) { mixed[r * PARTS * VECTORS + i] = mixed[r * PARTS * VECTORS + i] * keep[r] + y[r]; }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < ROWS; r++) {
    // Masked keys count where exp(MASKED − largest) is more than 0. Each invocation adds them to the mixtures that it made.
    let seen = length + min(first_row + r + 1u, rows) - rows;
    if (largest[r] < BORDER && seen < length) {
      // The larger of the two weighs 1. A minimum, and not a difference to it: compilers for GPUs make two products of exp's
      // argument, a constant's folded, and where they cancel, what the other's rounding leaves is no 0.
      let above = largest[r] - MASKED;
      let shrink = exp(min(above, 0.0));
      let p = exp(min(-above, 0.0));
      sums[r] *= shrink;
      if (lane == 0u) { sums[r] += p * f32(length - seen); }
      for (var i = lane; i < PARTS * VECTORS; i += LANES) {
        var y = vec4f();
        for (var k = seen + i / VECTORS; k < length; k += PARTS) {
          y += load_values(VALUE_START + k * VALUE_STRIDE + head * VECTORS + i % VECTORS);
        }
        mixed[r * PARTS * VECTORS + i] = mixed[r * PARTS * VECTORS + i] * shrink + p * y;
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) { partial[r * LANES + lane] = sums[r]; }
  workgroupBarrier();
  for (var e = lane; e < ROWS * SIZE; e += LANES) {
    let r = e / SIZE;
    let c = e % SIZE;
    var total = 0.0;
    for (var l = 0u; l < LANES; l++) { total += partial[r * LANES + l]; }
    var y = 0.0;
    for (var part = 0u; part < PARTS; part++) { y += mixed[(r * PARTS + part) * VECTORS + c / 4u][c % 4u]; }
    if (first_row + r < rows) { store_result(first_row + r, head * SIZE + c, y / total); }
  }
}
