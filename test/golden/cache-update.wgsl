// cache_update: one invocation per element that moves; the rest of the buffer stays as it is.
struct Symbols { T: u32, P: u32 }
@group(0) @binding(0) var<storage, read_write> cache: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const WORKGROUP_SIZE = 64u;

fn load_element(a0: u32, a1: u32) -> f32 {
  let rows_at_0 = rows[a0 * 4u + a1];
  return rows_at_0;
}

fn store_moved(a0: u32, a1: u32, value: f32) {
  cache[(a0 + symbols.P) * 4u + a1] = value;
}

// A dispatch of more workgroups than one axis may have is folded into y.
fn linear_id(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = linear_id(group, groups, lane);
  if (index >= symbols.T * 4u) { return; }
  let i1 = index % 4u;
  let rest1 = index / 4u;
  store_moved(rest1, i1, load_element(rest1, i1));
}
