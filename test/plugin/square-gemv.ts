// A plugin: one of wgpt's own kernels replaced for one shape, a row of 128 times a 128 × 128 matrix.
import { count, defineKernel, definePlugin, isComputed, matmulOf } from "wgpt/codegen";
import { matmul } from "wgpt/ir";
import { template } from "wgpt/template";

const WGSL = `// {{title}}: one invocation per column.
{{bindings}}

{{functions}}

@compute @workgroup_size({{size}}u)
fn main(@builtin(local_invocation_index) column: u32) {
  var sum = 0.0;
  for (var k = 0u; k < {{size}}u; k++) { sum += load_a(0u, k) * load_b(k, column); }
  store_y(0u, column, sum);
}
`;
const SIZE = 128;

const squareGemv = defineKernel({
  name: "square_gemv",
  summary: "a row of 128 times a square matrix, one invocation per column",
  kind: matmul,
  template: template("square-gemv", WGSL, ["title", "bindings", "functions", "size"]),
  refuses(region) {
    const { flat, rows, inner, columns, a, y } = matmulOf(region);
    if (!flat || rows !== 1 || inner !== SIZE || columns !== SIZE || y.type.dtype !== "f32")
      return `it is no row of ${SIZE} times a square matrix of f32`;
    return isComputed(region, a) ? "the row is computed on the way in, and would be for every column" : undefined;
  },
  lower(region) {
    const { a, b, y } = matmulOf(region);
    return {
      params: { size: SIZE },
      functions: [
        region.loadFunction("load_a", a, ["row", "k"]),
        region.loadFunction("load_b", b, ["k", "column"]),
        region.storeFunction("store_y", y, ["row", "column"]),
      ],
      workgroups: [count(), count(), count()],
    };
  },
});

export default definePlugin({ name: "square-gemv", kernels: [squareGemv] });
