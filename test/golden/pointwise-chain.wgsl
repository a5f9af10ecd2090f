// add + mul + tanh: one invocation per element of the result.
struct Symbols { T: u32 }
@group(0) @binding(0) var<storage, read> add_a: array<f32>;
@group(0) @binding(1) var<storage, read> add_b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const WORKGROUP_SIZE = 64u;

fn tanh_of(x: f32) -> f32 {
  let a = min(abs(x), 10.0);
  if (a < 0.625) {
    let z = x * x;
    return x + x * z * (-0.33333284 + z * (0.13331491 + z * (-0.0537435 + z * (0.020650588 - z * 0.005717045))));
  }
  return sign(x) * (1.0 - 2.0 / (exp(2.0 * a) + 1.0));
}

// A dispatch of more workgroups than one axis may have is folded into y.
fn linear_id(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = linear_id(group, groups, lane);
  if (index >= symbols.T * 6u) { return; }
  let i1 = index % 6u;
  let rest1 = index / 6u;
  let add_a_at_0 = add_a[rest1 * 6u + i1];
  let add_b_at_0 = add_b[i1];
  let add_0 = add_a_at_0 + add_b_at_0;
  let mul_0 = add_0 * (-0.5);
  let tanh_0 = tanh_of(mul_0);
  y[rest1 * 6u + i1] = tanh_0;
}
