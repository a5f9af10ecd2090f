import { at, isFloat, resolveAxis, unreachable } from "../../ir/index.ts";
import { argmax } from "../../ir/ops/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { registerType } from "../wgsl-element.ts";
import { indexName } from "../wgsl-index.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { elementsOf } from "./pointwise.ts";

/** Loads of one invocation that are on their way at a time. */
const AHEAD = 8;

/** The first largest element, along any axis, of which a workgroup shares the elements. */
export const argmaxSharedKernel = defineKernel({
  name: "argmax_shared",
  summary: "one workgroup per element of the result",
  kind: argmax,
  template: kernelTemplate("argmax-shared", [
    "title",
    "bindings",
    "functions",
    "lanes",
    "ahead",
    "elements",
    "coordinates",
    "length",
    "dtype",
    "isFloat",
    "key",
    "source",
    "stored",
  ]),
  space: (_region, target) => laneSpace(target),
  refuses: ({ anchor }) => (anchor?.operands[0]?.type.dtype === "bool" ? "bools can't be compared" : undefined),
  lower(region, { machine }, { lanes }) {
    const { anchor } = region;
    if (!anchor) return unreachable("argmax without its node");
    const [x, y] = [at(anchor.operands, 0), at(anchor.results, 0)];
    const rank = x.type.shape.length;
    const axis = resolveAxis(Number(anchor.attrs["axis"]), rank) ?? 0;
    const length = at(x.type.shape, axis);
    const lines: string[] = [];
    const index = region.print.unravel("index", y.type.shape, lines);
    const kept = y.type.shape.length === rank;
    // What a software driver loads is there at once.
    const most = machine.software ? 1 : AHEAD;
    const ahead = typeof length === "number" ? Math.min(most, Math.ceil(length / lanes)) : most;
    return {
      params: {
        lanes,
        ahead,
        elements: region.print.elements(y.type.shape),
        coordinates: indent(lines.join("\n")),
        length: region.print.dim(length),
        dtype: registerType(x.type.dtype),
        isFloat: isFloat(x.type.dtype),
        key: x.type.dtype === "i32" ? "bitcast<u32>(x) ^ 0x80000000u" : "x",
        source: region.print.args([...index.slice(0, axis), indexName("k"), ...index.slice(kept ? axis + 1 : axis)]),
        stored: region.print.args(index, "i32(best_place)"),
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
      workgroups: [count(...y.type.shape), count(), count()],
      work: (n) => {
        const made = elementsOf(y.type.shape, n);
        const own = n(length);
        const turns = Math.floor(own / (ahead * lanes));
        const read = made * ahead * (turns * lanes + Math.min(own - turns * ahead * lanes, lanes));
        // A NaN that is the first is looked for once more.
        const once = isFloat(x.type.dtype) ? made : 0;
        return {
          calls: { load_x: read + once, store_result: made },
          ahead: { load_x: ahead },
          multiplyAdds: read,
          shared: 4 * made * lanes,
          barriers: 2,
        };
      },
    };
  },
});
