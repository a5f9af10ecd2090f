// iota + gather + gather + add: one invocation per element of the result.
struct Symbols { T: u32, P: u32 }
@group(0) @binding(0) var<storage, read> gather_table: array<f32>;
@group(0) @binding(1) var<storage, read> gather_table_2: array<f32>;
@group(0) @binding(2) var<storage, read> gather_indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const WORKGROUP_SIZE = 64u;

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
  let gather_indices_at_0 = gather_indices[rest1];
  let at_0 = min(u32(gather_indices_at_0), 8u);
  let gather_table_2_at_0 = gather_table_2[at_0 * 4u + i1];
  let iota_0 = i32(rest1 + symbols.P);
  let at_1 = min(u32(iota_0), 15u);
  let gather_table_at_0 = gather_table[at_1 * 4u + i1];
  let add_0 = gather_table_2_at_0 + gather_table_at_0;
  y[rest1 * 4u + i1] = add_0;
}
