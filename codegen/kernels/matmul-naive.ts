import { at } from "../../ir/index.ts";
import { matmul } from "../../ir/ops/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { wgslLiteral } from "../wgsl-element.ts";
import { type Index, indexName, indexOf } from "../wgsl-index.ts";
import { kernelTemplate } from "./kernel-template.ts";
import { matmulOf } from "./matmul.ts";
import { elementsOf, linearGroups } from "./pointwise.ts";

/** Computes every matmul: any number of axes, any operands. What the fast kernels are checked against. */
export const matmulNaive = defineKernel({
  name: "matmul_naive",
  summary: "one invocation per element of the result",
  kind: matmul,
  template: kernelTemplate("matmul-naive", [
    "title",
    "bindings",
    "functions",
    "workgroupSize",
    "elements",
    "coordinates",
    "inner",
    "zero",
    "leftPlace",
    "rightPlace",
    "stored",
  ]),
  space: (_region, target) => laneSpace(target),
  refuses: (region) => (matmulOf(region).y.type.dtype === "bool" ? "bools can't be multiplied" : undefined),
  lower(region, _target, { lanes }) {
    const { a, b, y, inner } = matmulOf(region);
    const lines: string[] = [];
    const index = region.print.unravel("index", y.type.shape, lines);
    const batch = index.slice(0, -2);
    const k = indexName("k");
    const place = (shape: readonly unknown[], ...last: readonly Index[]) => {
      const own = shape.length - 2;
      const outer = batch.slice(batch.length - own).map((i, axis) => (shape[axis] === 1 ? indexOf(0) : i));
      return region.print.args([...outer, ...last]);
    };
    const args = (n: number) => Array.from({ length: n }, (_, i) => `a${i}`);
    return {
      params: {
        workgroupSize: lanes,
        elements: region.print.elements(y.type.shape),
        coordinates: indent(lines.join("\n")),
        inner: region.print.dim(inner),
        zero: wgslLiteral(0, y.type.dtype),
        leftPlace: place(a.type.shape, at(index, -2), k),
        rightPlace: place(b.type.shape, k, at(index, -1)),
        stored: region.print.args(index, "sum"),
      },
      functions: [
        region.loadFunction("load_a", a, args(a.type.shape.length)),
        region.loadFunction("load_b", b, args(b.type.shape.length)),
        region.storeFunction("store_result", y, args(y.type.shape.length)),
      ],
      workgroups: [linearGroups(y.type.shape, lanes), count(), count()],
      work: (length) => {
        const elements = elementsOf(y.type.shape, length);
        const products = elements * length(inner);
        const calls = { load_a: products, load_b: products, store_result: elements };
        return { calls, busy: elements, multiplyAdds: products };
      },
    };
  },
});
