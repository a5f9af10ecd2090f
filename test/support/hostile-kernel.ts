// A kernel that keeps the promise of `readsBeforeResults` as none of wgpt's own does: the invocations of one workgroup read both
// states where they lie, keep their shares of two results to themselves, and store them when all have read.
import { definePlugin, extend, standard } from "../../codegen/compile.ts";
import { constantDim, count, defineKernel, type Kernel } from "../../codegen/kernel.ts";
import { template } from "../../codegen/template-compiler.ts";
import { at, unreachable } from "../../ir/errors.ts";
import type { Op } from "../../ir/op.ts";
import { stir, stirAtOnce } from "./hostile-ops.ts";

const WGSL = `// {{title}}: one workgroup, whose invocations take turns over the elements.
{{bindings}}

const ROWS = {{rows}}u;
const COLUMNS = {{columns}}u;
const LANES = {{lanes}}u;
// As many rows are stirred as the pot has, or fewer.
const MOST = (ROWS * COLUMNS + LANES - 1u) / LANES;

{{functions}}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let count = {{elements}};
  var shares: array<f32, MOST>;
  var levels: array<f32, (COLUMNS + LANES - 1u) / LANES>;
  for (var i = lane; i < count; i += LANES) {
    let row = i / COLUMNS;
    let column = i % COLUMNS;
    var sum = load_x(row, column);
    for (var r = 0u; r < ROWS; r++) { sum += load_pot(r, (column + row + r) % COLUMNS); }
    shares[i / LANES] = sum;
  }
  for (var c = lane; c < COLUMNS; c += LANES) {
    var sum = -load_log(COLUMNS - 1u - c);
    for (var r = 0u; r < ROWS; r++) { sum += load_pot(r, c); }
    levels[c / LANES] = sum;
  }
  workgroupBarrier();
  storageBarrier();
  for (var c = lane; c < COLUMNS; c += LANES) { store_level(c, levels[c / LANES]); }
  for (var i = lane; i < count; i += LANES) { store_y(i / COLUMNS, i % COLUMNS, shares[i / LANES]); }
}
`;

const kernelOf = (op: Op): Kernel =>
  defineKernel({
    name: op.name,
    summary: "one workgroup that reads everything, and then stores",
    kind: op,
    template: template("stir", WGSL, ["title", "bindings", "functions", "rows", "columns", "lanes", "elements"]),
    refuses: () => undefined,
    space: (_region, { machine }) => [{ lanes: machine.software ? machine.lanes : 64 }],
    lower(region, _target, { lanes }) {
      const pot = region.operand("pot");
      const x = region.operand("x");
      const [y, level] = [0, 1].map((i) => at(region.anchor?.results ?? [], i));
      const [rows = 0, columns = 0] = pot.type.shape.map(constantDim);
      if (!y || !level) return unreachable("stir makes two values");
      return {
        params: {
          rows,
          columns,
          lanes,
          elements: region.print.elements(x.type.shape),
        },
        functions: [
          region.loadFunction("load_pot", pot, ["row", "column"]),
          region.loadFunction("load_x", x, ["row", "column"]),
          region.loadFunction("load_log", region.operand("log"), ["column"]),
          region.storeFunction("store_level", level, ["column"]),
          region.storeFunction("store_y", y, ["row", "column"]),
        ],
        workgroups: [count(), count(), count()],
      };
    },
  });

/** wgpt's own, with both ops and a kernel for each. */
export const withStir = extend(
  standard,
  definePlugin({ name: "stir", ops: [stir, stirAtOnce], kernels: [kernelOf(stir), kernelOf(stirAtOnce)] }),
);
