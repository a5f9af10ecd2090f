// transpose + reshape + transpose + reshape: one invocation per element of the result.
@group(0) @binding(0) var<storage, read> transpose_x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const WORKGROUP_SIZE = 64u;

// A dispatch of more workgroups than one axis may have is folded into y.
fn linear_id(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = linear_id(group, groups, lane);
  if (index >= 24u) { return; }
  let at_0 = ((index % 3u) * 8u + (index / 3u)) / 4u;
  let at_1 = ((index % 3u) * 8u + (index / 3u)) % 4u;
  let transpose_x_at_0 = transpose_x[at_1 * 6u + at_0];
  y[index] = transpose_x_at_0;
}
