// iota + gather + slice + gather + add: one invocation per element of the result.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> gather_table: array<f32>;
@group(0) @binding(1) var<storage, read> slice_x: array<i32>;
@group(0) @binding(2) var<storage, read> gather_table_2: array<f32>;
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
  if (index >= 16u) { return; }
  let i1 = index % 16u;
  let rest1 = index / 16u;
  let slice_x_at_0 = slice_x[symbols.P];
  let at_0 = min(u32(slice_x_at_0), 60u);
  let gather_table_2_at_0 = gather_table_2[at_0 * 16u + i1];
  let iota_0 = i32(symbols.P);
  let at_1 = min(u32(iota_0), 31u);
  let gather_table_at_0 = gather_table[at_1 * 16u + i1];
  let add_0 = gather_table_2_at_0 + gather_table_at_0;
  y[i1] = add_0;
}
