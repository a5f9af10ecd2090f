// sample_token + cache_update: one workgroup for a whole row. The borders of top-k and top-p are found on the bits of the logits, one bit a pass:
// a pass adds up how many tokens, or how much weight, lie at or above a border.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> settings: array<f32>;
@group(0) @binding(2) var<storage, read> seed: array<u32>;
@group(0) @binding(3) var<storage, read> suppressed: array<u32>;
@group(0) @binding(4) var<storage, read_write> sequence: array<i32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const WIDTH = 61u;
const LANES = 64u;
// Every invocation draws from a stretch of ids of its own.
const STRETCH = (WIDTH + LANES - 1u) / LANES;

// Ids of the sequence so far, a bit each, where a penalty wants them.
const SEEN_WORDS = 2u;

var<workgroup> seen: array<atomic<u32>, SEEN_WORDS>;
var<workgroup> shared_bits: array<u32, 2u * LANES>;

fn load_logits(row: u32, column: u32) -> f32 {
  let logits_at_0 = logits[row * 61u + column];
  return logits_at_0;
}

fn load_settings(row: u32, i: u32) -> f32 {
  let settings_at_0 = settings[i];
  return settings_at_0;
}

fn load_suppressed(row: u32, i: u32) -> u32 {
  let suppressed_at_0 = suppressed[i];
  return suppressed_at_0;
}

fn load_sequence(row: u32, i: u32) -> i32 {
  let sequence_at_0 = sequence[i];
  return sequence_at_0;
}

fn load_seed(row: u32) -> u32 {
  let seed_at_0 = seed[row];
  return seed_at_0;
}

fn store_token(i: u32, value: i32) {
  sequence[i + (symbols.P + symbols.T)] = value;
}

// Larger floats have larger keys, -0 that of 0: -Infinity has the least, finite ones lie between it and the next, a NaN outside of them.
const LEAST = 0x007fffffu;
const INFINITE = 0xff800000u;
// Every token that may be drawn has this key or a larger one.
const FINITE = LEAST + 1u;

fn key_of(z: f32) -> u32 {
  let given = bitcast<u32>(z);
  let bits = select(given, 0u, given == 0x80000000u);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn logit_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u));
}

const NONE = 0u;

var<private> row: u32;
// How many tokens came before the one that is drawn.
var<private> step: u32;
// What the ids seen so far are divided or multiplied by; 1 changes nothing.
var<private> penalty: f32 = 1.0;

fn is_seen(i: u32) -> bool {
  return ((atomicLoad(&seen[i >> 5u]) >> (i & 31u)) & 1u) == 1u;
}

fn mark_seen(lane: u32) {
  for (var w = lane; w < SEEN_WORDS; w += LANES) { atomicStore(&seen[w], 0u); }
  workgroupBarrier();
  for (var p = lane; p < step; p += LANES) {
    let id = u32(load_sequence(row, p));
    if (id < 32u * SEEN_WORDS) { atomicOr(&seen[id >> 5u], 1u << (id & 31u)); }
  }
  workgroupBarrier();
}

// A suppressed id counts as -Infinity, whatever its logit is.
fn key_at(i: u32) -> u32 {
  let is_suppressed = ((load_suppressed(row, i >> 5u) >> (i & 31u)) & 1u) == 1u;
  var z = load_logits(row, i);
  if (penalty != 1.0 && is_seen(i)) { z = select(z * penalty, z / penalty, z > 0.0); }
  return select(key_of(z), LEAST, is_suppressed);
}

// pcg3d of Jarzynski and Olano, JCGT 9(3), 2020.
fn pcg3d(seed: vec3u) -> u32 {
  var v = seed * 1664525u + 1013904223u;
  v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
  v ^= v >> vec3u(16u);
  return v.x + v.y * v.z;
}

// The largest key, or none where the logits are no distribution.
fn find_largest(lane: u32) -> u32 {
  var best = 0u;
  var least = INFINITE;
  for (var i = lane; i < WIDTH; i += LANES) {
    let key = key_at(i);
    best = max(best, key);
    least = min(least, key);
  }
  shared_bits[lane] = best;
  shared_bits[LANES + lane] = least;
  workgroupBarrier();
  for (var l = 0u; l < LANES; l++) {
    best = max(best, shared_bits[l]);
    least = min(least, shared_bits[LANES + l]);
  }
  workgroupBarrier();
  return select(NONE, best, best < INFINITE && best > LEAST && least >= LEAST);
}

fn workgroup_sum(lane: u32, value: f32) -> f32 {
  shared_bits[lane] = bitcast<u32>(value);
  workgroupBarrier();
  var total = 0.0;
  for (var l = 0u; l < LANES; l++) { total += bitcast<f32>(shared_bits[l]); }
  workgroupBarrier();
  return total;
}

// How many tokens, or how much weight, lies at or above a border.
fn above(lane: u32, border: u32, largest: f32, temperature: f32, counting: bool) -> f32 {
  var sum = 0.0;
  for (var i = lane; i < WIDTH; i += LANES) {
    let key = key_at(i);
    if (key >= border) { sum += select(exp((logit_of(key) - largest) / temperature), 1.0, counting); }
  }
  return workgroup_sum(lane, sum);
}

// The largest border, at `floor_key` or above, at which there still is as much as `goal`. Bit by bit, from the highest.
fn find_border(lane: u32, floor_key: u32, goal: f32, largest: f32, temperature: f32, counting: bool) -> u32 {
  var border = 0u;
  for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
    let next = border | bit;
    if (above(lane, max(next, floor_key), largest, temperature, counting) >= goal) { border = next; }
  }
  return max(border, floor_key);
}

// Relative to the largest; 0 for what a filter leaves out.
fn kept_weight(key: u32, border: u32, largest: u32, divisor: f32, min_p: f32) -> f32 {
  let weight = exp((logit_of(key) - logit_of(largest)) / divisor);
  return select(0.0, weight, key >= border && weight >= min_p);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  row = group.x;
  step = symbols.P + symbols.T;
  let temperature = load_settings(group.x, 0u);
  let k = u32(load_settings(group.x, 1u));
  let share = load_settings(group.x, 2u);
  let min_p = load_settings(group.x, 3u);
  let repetition = load_settings(group.x, 4u);
  if (repetition != 1.0) { mark_seen(lane); }
  penalty = repetition;
  let largest = find_largest(lane);

  // At temperature 0 only the largest is kept, and the first of those wins.
  var border = largest;
  if (temperature > 0.0) {
    let z = logit_of(largest);
    border = FINITE;
    if (k > 0u && k < WIDTH) { border = find_border(lane, FINITE, f32(k), z, temperature, true); }
    if (share < 1.0) {
      let goal = share * above(lane, border, z, temperature, false);
      border = min(find_border(lane, border, goal, z, temperature, false), largest);
    }
  }

  let first = lane * STRETCH;
  let end = min(first + STRETCH, WIDTH);
  let divisor = select(1.0, temperature, temperature > 0.0);
  var weight = 0.0;
  var last = WIDTH;
  for (var i = first; i < end; i++) {
    let key = key_at(i);
    let own = kept_weight(key, border, largest, divisor, min_p);
    weight += own;
    if (own > 0.0) { last = i; }
  }
  shared_bits[lane] = bitcast<u32>(weight);
  shared_bits[LANES + lane] = last;
  workgroupBarrier();
  if (lane > 0u) { return; }

  var total = 0.0;
  for (var l = 0u; l < LANES; l++) { total += bitcast<f32>(shared_bits[l]); }
  let uniform_share = f32(pcg3d(vec3u(load_seed(row), step, 0u)) >> 8u) / 16777216.0;
  let goal = select(-1.0, uniform_share * total, temperature > 0.0);
  // Rounding may leave the goal beyond the last stretch: then the last kept token is drawn.
  var token = 0u;
  var passed = 0.0;
  for (var l = 0u; l < LANES; l++) {
    let own = bitcast<f32>(shared_bits[l]);
    if (shared_bits[LANES + l] == WIDTH) { continue; }
    token = shared_bits[LANES + l];
    if (passed + own <= goal) {
      passed += own;
      continue;
    }
    for (var i = l * STRETCH; i <= token; i++) {
      let own_weight = kept_weight(key_at(i), border, largest, divisor, min_p);
      passed += own_weight;
      if (own_weight > 0.0 && passed > goal) {
        token = i;
        break;
      }
    }
    break;
  }
  store_token(row, select(i32(token), -1, largest == NONE));
}
