// greater + select + reduce_max: one invocation per element of the result, which folds the 4u elements of its axis.
@group(0) @binding(0) var<storage, read> greater_a: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const WORKGROUP_SIZE = 64u;

fn f32_of_bits(bits: u32) -> f32 { return bitcast<f32>(bits); }

fn load_x(a0: u32, a1: u32) -> f32 {
  let greater_a_at_0 = greater_a[a0 * 4u + a1];
  let greater_0 = greater_a_at_0 > 0.0;
  let select_0 = select(f32_of_bits(0xff800000u), greater_a_at_0, greater_0);
  return select_0;
}

fn store_result(a0: u32, a1: u32, value: f32) {
  y[a0 + a1] = value;
}

// A dispatch of more workgroups than one axis may have is folded into y.
fn linear_id(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

fn combine(a: f32, b: f32) -> f32 { return max(a, b); }

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = linear_id(group, groups, lane);
  if (index >= 4u) { return; }

  let length = 4u;
  var folded = f32_of_bits(0xff800000u);
  for (var k = 0u; k < length; k++) {
    folded = combine(folded, load_x(index, k));
  }
  store_result(index, 0u, folded);
}
