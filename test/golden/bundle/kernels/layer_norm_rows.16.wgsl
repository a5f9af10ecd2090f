// split + layer_norm: one workgroup per row, 64 invocations stride over its 16 columns.
struct Symbols { P: u32, T: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> split_x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> symbols: Symbols;

const WIDTH = 16u;
const EPS = 0.00001;
const LANES = 64u;

var<workgroup> partial: array<f32, LANES>;

fn load_x(row: u32, column: u32) -> f32 {
  let x_at_0 = x[row * 16u + column];
  return x_at_0;
}

fn load_weight(column: u32) -> f32 {
  let split_x_at_0 = split_x[column];
  return split_x_at_0;
}

fn load_bias(column: u32) -> f32 {
  let split_x_at_0 = split_x[column + 16u];
  return split_x_at_0;
}

fn store_result(row: u32, column: u32, value: f32) {
  y[row * 16u + column] = value;
}

fn workgroup_sum(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < LANES; i++) { total += partial[i]; }
  workgroupBarrier();
  return total;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= symbols.T) { return; }

  var sum = 0.0;
  for (var i = lane; i < WIDTH; i += LANES) { sum += load_x(row, i); }
  let mean = workgroup_sum(lane, sum) / f32(WIDTH);

  // Two passes: E[x²] − E[x]² loses the variance to cancellation when |mean| ≫ std.
  var squares = 0.0;
  for (var i = lane; i < WIDTH; i += LANES) {
    let d = load_x(row, i) - mean;
    squares += d * d;
  }
  let rstd = inverseSqrt(workgroup_sum(lane, squares) / f32(WIDTH) + EPS);

  for (var i = lane; i < WIDTH; i += LANES) {
    store_result(row, i, (load_x(row, i) - mean) * rstd * load_weight(i) + load_bias(i));
  }
}
