import { at, unreachable } from "../../ir/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { indexName } from "../wgsl-index.ts";
import { linearGroups } from "./pointwise.ts";

/** An op that writes part of a buffer, alone: each new element is put in its place. */
export const scatterKernel = defineKernel({
  name: "scatter",
  summary: "one invocation per element that moves",
  kind: "writes",
  template: loadTemplate(new URL("./scatter.wgsl.hbs", import.meta.url), [
    "title",
    "bindings",
    "functions",
    "workgroupSize",
    "elements",
    "coordinates",
    "stored",
  ]),
  refuses: ({ anchor }) => (anchor?.op.traits.writes ? undefined : "nothing in it writes"),
  lower(region, target) {
    const { anchor } = region;
    const moved = anchor?.op.traits.writes && at(anchor.operands, anchor.op.traits.writes.operand);
    if (!moved) return unreachable("scatter without a writing op");
    const lines: string[] = [];
    const index = region.print.unravel("index", moved.type.shape, lines);
    const args = index.map((_, axis) => `a${axis}`);
    return {
      params: {
        workgroupSize: target.tuning.lanes,
        elements: region.print.elements(moved.type.shape),
        coordinates: indent(lines.join("\n")),
        stored: region.print.args(index, `load_element(${region.print.args(index)})`),
      },
      functions: [
        region.loadFunction("load_element", moved, args),
        region.moveFunction("store_moved", moved, args, args.map(indexName)),
      ],
      workgroups: [linearGroups(moved.type.shape, target.tuning.lanes), count(), count()],
    };
  },
});
