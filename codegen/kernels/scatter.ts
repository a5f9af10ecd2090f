import { unreachable } from "../../ir/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { indexName } from "../wgsl-index.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { elementsOf, linearGroups } from "./pointwise.ts";

/** An op that writes part of a buffer, alone: each new element is put in its place. */
export const scatterKernel = defineKernel({
  name: "scatter",
  summary: "one invocation per element that moves",
  kind: "writes",
  template: kernelTemplate("scatter", [
    "title",
    "bindings",
    "functions",
    "workgroupSize",
    "elements",
    "coordinates",
    "stored",
  ]),
  space: (_region, target) => laneSpace(target),
  refuses({ anchor }) {
    const { writes } = anchor?.op.traits ?? {};
    if (!writes) return "nothing in it writes";
    return writes.operand === "each" ? "it moves the elements of one operand" : undefined;
  },
  lower(region, _target, { lanes }) {
    const { anchor } = region;
    const { operand } = anchor?.op.traits.writes ?? {};
    const moved = typeof operand === "number" ? anchor?.operands[operand] : undefined;
    if (!moved) return unreachable("scatter without a writing op");
    const lines: string[] = [];
    const index = region.print.unravel("index", moved.type.shape, lines);
    const args = index.map((_, axis) => `a${axis}`);
    return {
      params: {
        workgroupSize: lanes,
        elements: region.print.elements(moved.type.shape),
        coordinates: indent(lines.join("\n")),
        stored: region.print.args(index, `load_element(${region.print.args(index)})`),
      },
      functions: [
        region.loadFunction("load_element", moved, args),
        region.moveFunction("store_moved", moved, args, args.map(indexName)),
      ],
      workgroups: [linearGroups(moved.type.shape, lanes), count(), count()],
      work: (length) => {
        const elements = elementsOf(moved.type.shape, length);
        return { calls: { load_element: elements, store_moved: elements }, busy: elements };
      },
    };
  },
});
