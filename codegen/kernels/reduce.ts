import { at, identityOf, resolveAxis, unreachable } from "../../ir/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { loadTemplate } from "../template.ts";
import { F32_OF_BITS, wgslLiteral, wgslMember } from "../wgsl-element.ts";
import { indexName } from "../wgsl-index.ts";
import { linearGroups } from "./pointwise.ts";

/** Any op with the trait `reduces`, along any axis. */
export const reduceKernel = defineKernel({
  name: "reduce",
  summary: "one invocation per element of the result",
  kind: "reduces",
  template: loadTemplate(new URL("./reduce.wgsl.hbs", import.meta.url), [
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
  refuses({ anchor }) {
    if (!anchor?.op.traits.reduces) return "nothing in it reduces";
    return anchor.operands[0]?.type.dtype === "bool" ? "bools can't be added or compared" : undefined;
  },
  lower(region, target) {
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
        workgroupSize: target.tuning.lanes,
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
      workgroups: [linearGroups(y.type.shape, target.tuning.lanes), count(), count()],
    };
  },
});
