// matmul + add + split + cache_update: one invocation per element of the result, which walks the whole inner axis.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> add_b: array<f32>;
@group(0) @binding(3) var<storage, read_write> cache_update_cache: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const WORKGROUP_SIZE = 64u;

fn load_a(a0: u32, a1: u32) -> f32 {
  let a_at_0 = a[a0 * 16u + a1];
  return a_at_0;
}

fn load_b(a0: u32, a1: u32) -> f32 {
  let b_at_0 = b[a0 * 48u + a1];
  return b_at_0;
}

fn store_result(a0: u32, a1: u32, value: f32) {
  let add_b_at_0 = add_b[a1];
  let add_0 = value + add_b_at_0;
  if (a1 < 16u) {
    y[a0 * 16u + a1] = add_0;
  }
  if (a1 >= 16u && a1 < 48u) {
    cache_update_cache[(a0 + symbols.P) * 32u + (a1 - 16u)] = add_0;
  }
}

// A dispatch of more workgroups than one axis may have is folded into y.
fn linear_id(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = linear_id(group, groups, lane);
  if (index >= symbols.T * 48u) { return; }
  let i1 = index % 48u;
  let rest1 = index / 48u;
  var sum = 0.0;
  for (var k = 0u; k < 16u; k++) {
    sum += load_a(rest1, k) * load_b(k, i1);
  }
  store_result(rest1, i1, sum);
}
