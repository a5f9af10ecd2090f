// slice + slice + slice + scaled_dot_product_attention: one workgroup per query row and head, which takes the keys 256 at a time. Its 64 invocations score a key
// each, turn the scores into weights, and then mix a vector of columns each. A larger score than those of the tiles before
// rescales what there is so far: an online softmax.
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
const LANES = 64u;
const TILE = 256u;
// Every column's mixture is cut into so many parts, each over every PARTSth key, to give all invocations something to do.
const PARTS = 32u;

var<workgroup> scaled: array<vec4f, VECTORS>;
var<workgroup> weights: array<f32, TILE>;
var<workgroup> mixed: array<vec4f, PARTS * VECTORS>;
var<workgroup> partial: array<f32, LANES>;
// VECTORS, but not to the compiler: unrolled, the loop over it takes software drivers many seconds to compile.
var<workgroup> vectors: u32;

fn load_query(row: u32, column: u32) -> f32 {
  let query_at_0 = query[row * 16u + column];
  return query_at_0;
}

fn store_result(row: u32, column: u32, value: f32) {
  y[row * 16u + column] = value;
}

fn workgroup_max(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  var largest = partial[0];
  for (var i = 1u; i < LANES; i++) { largest = max(largest, partial[i]); }
  workgroupBarrier();
  return largest;
}

fn workgroup_sum(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < LANES; i++) { total += partial[i]; }
  return total;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let row = group.y;
  let length = symbols.P + 1u;
  if (lane == 0u) { vectors = VECTORS; }
  for (var d = lane; d < VECTORS; d += LANES) {
    let c = head * SIZE + 4u * d;
    scaled[d] = SCALE * vec4f(load_query(row, c), load_query(row, c + 1u), load_query(row, c + 2u), load_query(row, c + 3u));
  }
  for (var i = lane; i < PARTS * VECTORS; i += LANES) { mixed[i] = vec4f(); }
  workgroupBarrier();

  // No score is lower, and it is finite: exp(largest − next) must not be NaN.
  var largest = -0x1.fffffep+127;
  var sum = 0.0;
  for (var first = 0u; first < length; first += TILE) {
    let count = min(TILE, length - first);
    var next = largest;
    for (var k = lane; k < count; k += LANES) {
      let place = KEY_START + (first + k) * KEY_STRIDE + head * VECTORS;
      var score = 0.0;
      for (var d = 0u; d < vectors; d++) { score += dot(scaled[d], slice_x[place + d]); }
      weights[k] = score;
      next = max(next, score);
    }
    next = workgroup_max(lane, next);
    let keep = exp(largest - next);
    largest = next;

    sum *= keep;
    for (var k = lane; k < count; k += LANES) {
      let p = exp(weights[k] - largest);
      weights[k] = p;
      sum += p;
    }
    workgroupBarrier();

    for (var i = lane; i < PARTS * VECTORS; i += LANES) {
      var y = mixed[i] * keep;
      for (var k = i / VECTORS; k < count; k += PARTS) {
        y += weights[k] * slice_x[VALUE_START + (first + k) * VALUE_STRIDE + head * VECTORS + i % VECTORS];
      }
      mixed[i] = y;
    }
    workgroupBarrier();
  }

  let total = workgroup_sum(lane, sum);
  for (var c = lane; c < SIZE; c += LANES) {
    var y = 0.0;
    for (var part = 0u; part < PARTS; part++) { y += mixed[part * VECTORS + c / 4u][c % 4u]; }
    store_result(row, head * SIZE + c, y / total);
  }
}
