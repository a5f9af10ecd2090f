import { at, resolveAxis, unreachable } from "../../ir/index.ts";
import { argmax } from "../../ir/ops/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { registerType } from "../wgsl-element.ts";
import { indexName } from "../wgsl-index.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { elementsOf, linearGroups } from "./pointwise.ts";

/** The first largest element, along any axis. */
export const argmaxKernel = defineKernel({
  name: "argmax",
  summary: "one invocation per element of the result",
  kind: argmax,
  template: kernelTemplate("argmax", [
    "title",
    "bindings",
    "functions",
    "workgroupSize",
    "elements",
    "coordinates",
    "length",
    "dtype",
    "source",
    "stored",
  ]),
  space: (_region, target) => laneSpace(target),
  refuses: ({ anchor }) => (anchor?.operands[0]?.type.dtype === "bool" ? "bools can't be compared" : undefined),
  lower(region, _target, { lanes }) {
    const { anchor } = region;
    if (!anchor) return unreachable("argmax without its node");
    const [x, y] = [at(anchor.operands, 0), at(anchor.results, 0)];
    const rank = x.type.shape.length;
    const axis = resolveAxis(Number(anchor.attrs["axis"]), rank) ?? 0;
    const lines: string[] = [];
    const index = region.print.unravel("index", y.type.shape, lines);
    const kept = y.type.shape.length === rank;
    return {
      params: {
        workgroupSize: lanes,
        elements: region.print.elements(y.type.shape),
        coordinates: indent(lines.join("\n")),
        length: region.print.dim(at(x.type.shape, axis)),
        dtype: registerType(x.type.dtype),
        source: region.print.args([...index.slice(0, axis), indexName("k"), ...index.slice(kept ? axis + 1 : axis)]),
        stored: region.print.args(index, "i32(best)"),
      },
      functions: [
        region.loadFunction(
          "load_x",
          x,
          x.type.shape.map((_, i) => `a${i}`),
        ),
        region.storeFunction(
          "store_result",
          y,
          index.map((_, i) => `a${i}`),
        ),
      ],
      workgroups: [linearGroups(y.type.shape, lanes), count(), count()],
      work: (length) => {
        const [read, made] = [x, y].map((v) => elementsOf(v.type.shape, length));
        return { calls: { load_x: read ?? 0, store_result: made ?? 0 }, busy: made ?? 0, multiplyAdds: read ?? 0 };
      },
    };
  },
});
