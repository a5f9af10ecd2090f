// matmul + add + gelu: one invocation per element of the result, which walks the whole inner axis.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> add_b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const WORKGROUP_SIZE = 64u;

fn gelu_tanh(x: f32) -> f32 {
  let near = clamp(x, -10.0, 10.0);
  let inner = 0.7978845608028654 * (near + 0.044715 * near * near * near);
  return select(0.0, x / (1.0 + exp(-2.0 * inner)), x > -10.0);
}

fn erf(x: f32) -> f32 {
  let a = min(abs(x), 6.0);
  if (a < 0.5) {
    let s = x * x;
    return x * (1.1283792 + s * (-0.37612638 + s * (0.11283792 + s * (-0.026866170 + s * (0.0052239776 - s * 0.00085483274)))));
  }
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-a * a));
}

fn gelu_erf(x: f32) -> f32 {
  return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}

fn load_a(a0: u32, a1: u32) -> f32 {
  let a_at_0 = a[a0 * 16u + a1];
  return a_at_0;
}

fn load_b(a0: u32, a1: u32) -> f32 {
  let b_at_0 = b[a0 * 64u + a1];
  return b_at_0;
}

fn store_result(a0: u32, a1: u32, value: f32) {
  let add_b_at_0 = add_b[a1];
  let add_0 = value + add_b_at_0;
  let gelu_0 = gelu_tanh(add_0);
  y[a0 * 64u + a1] = gelu_0;
}

// A dispatch of more workgroups than one axis may have is folded into y.
fn linear_id(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP_SIZE + lane;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = linear_id(group, groups, lane);
  if (index >= symbols.T * 64u) { return; }
  let i1 = index % 64u;
  let rest1 = index / 64u;
  var sum = 0.0;
  for (var k = 0u; k < 16u; k++) {
    sum += load_a(rest1, k) * load_b(k, i1);
  }
  store_result(rest1, i1, sum);
}
