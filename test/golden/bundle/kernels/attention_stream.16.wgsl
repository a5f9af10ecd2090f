// slice + slice + slice + scaled_dot_product_attention: one workgroup for a query row, a head. Keys are taken 64 at a time: 2 invocations share a
// key and load a vector each of it and of its value, 2 keys a turn: so many loads are on their way before the first is needed.
// A larger score than those of the turns before rescales what there is so far: an online softmax.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> slice_x: array<vec4f>;
@group(0) @binding(1) var<storage, read> query: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const SIZE = 8u;
// In vectors of four.
const VECTORS = 2u;
// Where keys and values begin in their buffers, and how long a row of those is.
const KEY_START = 0u;
const KEY_STRIDE = 8u;
const VALUE_START = 4u;
const VALUE_STRIDE = 8u;
const SCALE = 0.35355339059327373;
const LANES = 64u;
const WORKGROUP_SIZE = LANES;
// Keys at a time, and in all turns of a tile.
const SLOTS = 32u;
const TILE = 64u;
// No score is lower, and it is finite: exp(largest − next) must not be NaN.
const LEAST = -0x1.fffffep+127;

// Invocations that add up a key's terms lie side by side, and so do those that make them: one place is left between.
var<workgroup> products: array<f32, (TILE + 1u) * VECTORS>;
var<workgroup> weights: array<f32, TILE>;
var<workgroup> mixed: array<vec4f, SLOTS * VECTORS>;

// A few invocations fold what the others have, and all fold what those have.
const GATHERS = 8u;
var<workgroup> terms: array<f32, WORKGROUP_SIZE>;
var<workgroup> gathered: array<f32, GATHERS>;

fn load_query(row: u32, column: u32) -> f32 {
  let query_at_0 = query[row * 16u + column];
  return query_at_0;
}

fn row_of(row: u32, place: u32) -> u32 { return place; }

fn load_keys(i: u32) -> vec4f {
  return slice_x[i];
}

fn load_values(i: u32) -> vec4f {
  return slice_x[i];
}

fn store_result(row: u32, column: u32, value: f32) {
  y[row * 16u + column] = value;
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

fn workgroup_max(index: u32, value: f32) -> f32 {
  terms[index] = value;
  workgroupBarrier();
  if (index < GATHERS) {
    var some = value;
    for (var i = index; i < WORKGROUP_SIZE; i += GATHERS) { some = max(some, terms[i]); }
    gathered[index] = some;
  }
  workgroupBarrier();
  var largest = gathered[0];
  for (var i = 1u; i < GATHERS; i++) { largest = max(largest, gathered[i]); }
  return largest;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let row = group.y;
  let length = symbols.P + 1u;
  let begin = 0u;
  let end = length;
  let d = lane % VECTORS;
  // Those beyond the last whole key do what the last key's do.
  let slot = min(lane / VECTORS, SLOTS - 1u);
  let column = head * SIZE + 4u * d;
  let query = SCALE * vec4f(load_query(row, column), load_query(row, column + 1u), load_query(row, column + 2u), load_query(row, column + 3u));

  var mixture = vec4f();
  var largest = LEAST;
  var sum = 0.0;
  for (var first = begin; first < end; first += TILE) {
    let k0 = row_of(row, min(first + slot + 0u * SLOTS, end - 1u));
    let key0 = load_keys(KEY_START + k0 * KEY_STRIDE + head * VECTORS + d);
    let value0 = load_values(VALUE_START + k0 * VALUE_STRIDE + head * VECTORS + d);
    let k1 = row_of(row, min(first + slot + 1u * SLOTS, end - 1u));
    let key1 = load_keys(KEY_START + k1 * KEY_STRIDE + head * VECTORS + d);
    let value1 = load_values(VALUE_START + k1 * VALUE_STRIDE + head * VECTORS + d);
    products[d * (TILE + 1u) + slot + 0u * SLOTS] = dot(query, key0);
    products[d * (TILE + 1u) + slot + 1u * SLOTS] = dot(query, key1);
    workgroupBarrier();
    var score = LEAST;
    let is_key = lane < TILE && first + lane < end;
    if (is_key) {
      score = 0.0;
      for (var i = 0u; i < VECTORS; i++) { score += products[i * (TILE + 1u) + lane]; }
    }
    let next = max(largest, workgroup_max(lane, score));
    let keep = exp(largest - next);
    largest = next;
    let weight = select(0.0, exp(score - largest), is_key);
    sum = sum * keep + weight;
    if (lane < TILE) { weights[lane] = weight; }
    workgroupBarrier();
    mixture *= keep;
    mixture += weights[slot + 0u * SLOTS] * value0;
    mixture += weights[slot + 1u * SLOTS] * value1;
  }

  if (lane < SLOTS * VECTORS) { mixed[lane] = mixture; }
  let total = workgroup_sum(lane, sum);
  for (var c = lane; c < SIZE; c += LANES) {
    var y = 0.0;
    for (var s = 0u; s < SLOTS; s++) { y += mixed[s * VECTORS + c / 4u][c % 4u]; }
    store_result(row, head * SIZE + c, y / total);
  }
}
