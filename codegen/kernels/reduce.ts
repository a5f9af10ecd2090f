import { at, identityOf, resolveAxis, unreachable } from "../../ir/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { F32_OF_BITS, wgslLiteral, wgslMember } from "../wgsl-element.ts";
import { indexName } from "../wgsl-index.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { elementsOf, linearGroups } from "./pointwise.ts";

/** Any op with the trait `reduces`, along any axis. */
export const reduceKernel = defineKernel({
  name: "reduce",
  summary: "one invocation per element of the result",
  kind: "reduces",
  template: kernelTemplate("reduce", [
    "title",
    "bindings",
    "functions",
    "workgroupSize",
    "elements",
    "coordinates",
    "length",
    "dtype",
    "combine",
    "identity",
    "source",
    "stored",
  ]),
  space: (_region, target) => laneSpace(target),
  refuses({ anchor }) {
    if (!anchor?.op.traits.reduces) return "nothing in it reduces";
    return anchor.operands[0]?.type.dtype === "bool" ? "bools can't be added or compared" : undefined;
  },
  lower(region, _target, { lanes }) {
    const { anchor } = region;
    const fold = anchor?.op.traits.reduces;
    if (!anchor || !fold) return unreachable("reduce without a reduction");
    const [x, y] = [at(anchor.operands, 0), at(anchor.results, 0)];
    const rank = x.type.shape.length;
    const axis = resolveAxis(Number(anchor.attrs["axis"]), rank) ?? 0;
    const lines: string[] = [];
    const index = region.print.unravel("index", y.type.shape, lines);
    // With keepdims the axis has index 0 in the result and its own place in the operand; without, it is put in.
    const kept = y.type.shape.length === rank;
    const source = [...index.slice(0, axis), indexName("k"), ...index.slice(kept ? axis + 1 : axis)];
    const { dtype } = x.type;
    const finish = fold.finishWgsl
      ? wgslMember(anchor, "finishWgsl", () => fold.finishWgsl?.("folded", `${dtype}(length)`) ?? "")
      : "folded";
    const start = identityOf(fold.identity, dtype);
    if (!Number.isFinite(start)) region.addHelper(F32_OF_BITS);
    return {
      params: {
        workgroupSize: lanes,
        elements: region.print.elements(y.type.shape),
        coordinates: indent(lines.join("\n")),
        length: region.print.dim(at(x.type.shape, axis)),
        dtype,
        combine: wgslMember(anchor, "combineWgsl", () => fold.combineWgsl("a", "b")),
        identity: wgslLiteral(start, dtype),
        source: region.print.args(source),
        stored: region.print.args(index, finish),
      },
      functions: [
        region.loadFunction(
          "load_x",
          x,
          source.map((_, i) => `a${i}`),
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
