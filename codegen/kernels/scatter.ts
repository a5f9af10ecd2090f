import { unreachable } from "../../ir/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { addIndex, indexName, indexOf } from "../wgsl-index.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { elementsOf, firstOfGroup, inGroups, linearGroups, refusesGroups } from "./pointwise.ts";

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
  storesPairs: true,
  refuses(region) {
    const { anchor } = region;
    const { writes } = anchor?.op.traits ?? {};
    if (!writes) return "nothing in it writes";
    const moved = writes.operand === "each" ? undefined : anchor?.operands[writes.operand];
    return moved ? refusesGroups(moved, region.neighbours) : "it moves the elements of one operand";
  },
  lower(region, _target, { lanes }) {
    const { anchor } = region;
    const { operand } = anchor?.op.traits.writes ?? {};
    const moved = typeof operand === "number" ? anchor?.operands[operand] : undefined;
    if (!moved) return unreachable("scatter without a writing op");
    const lines: string[] = [];
    const together = region.neighbours;
    const shape = inGroups(moved.type.shape, together);
    const index = firstOfGroup(region.print.unravel("index", shape, lines), together);
    const args = index.map((_, axis) => `a${axis}`);
    const elements = Array.from({ length: together }, (_, i) => {
      const place = index.map((k, axis) => (axis === index.length - 1 ? addIndex(k, indexOf(i)) : k));
      return `load_element(${region.print.args(place)})`;
    });
    const value = together === 1 ? elements.join() : `vec${together}(${elements.join(", ")})`;
    return {
      params: {
        workgroupSize: lanes,
        elements: region.print.elements(shape),
        coordinates: indent(lines.join("\n")),
        stored: region.print.args(index, value),
      },
      functions: [
        region.loadFunction("load_element", moved, args),
        region.moveFunction("store_moved", moved, args, args.map(indexName)),
      ],
      workgroups: [linearGroups(shape, lanes), count(), count()],
      work: (length) => {
        const groups = elementsOf(shape, length);
        return { calls: { load_element: groups * together, store_moved: groups }, busy: groups };
      },
    };
  },
});
