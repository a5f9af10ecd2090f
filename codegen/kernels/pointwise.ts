import { at, type Dim, type Node, POINTWISE_ANCHOR } from "../../ir/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { kernelTemplate } from "./kernel-template.ts";

/** Any region of pointwise and moving ops with one result: the element is computed backwards from its place. */
export const pointwiseKernel = defineKernel({
  name: "pointwise",
  summary: "one invocation per element",
  kind: POINTWISE_ANCHOR,
  template: kernelTemplate("pointwise", ["title", "bindings", "functions", "workgroupSize", "elements", "statements"]),
  space: (_region, target) => laneSpace(target),
  refuses: (region) =>
    region.body.results.length === 1
      ? undefined
      : `it computes one result, but the region has ${region.body.results.length}`,
  lower(region, _target, { lanes }) {
    const result = at(region.body.results, 0);
    const { shape } = result.type;
    const lines: string[] = [];
    const index = region.print.unravel("index", shape, lines);
    return {
      params: {
        workgroupSize: lanes,
        elements: region.print.elements(shape),
        statements: indent(region.elementStatements(result, index, lines)),
      },
      functions: [],
      workgroups: [linearGroups(shape, lanes), count(), count()],
      work: (length) => {
        const elements = elementsOf(shape, length);
        return { calls: { statements: elements }, busy: elements, multiplyAdds: elements * region.body.nodes.length };
      },
    };
  },
});

/** How many elements a shape has, given what its lengths are. */
export const elementsOf = (shape: readonly Dim[], length: (d: Dim) => number): number =>
  shape.reduce<number>((n, d) => n * length(d), 1);

/** ⌈elements / lanes⌉: the last axis carries the division where it can, so that symbolic axes stay whole factors. */
export function linearGroups(shape: Node["results"][number]["type"]["shape"], lanes: number): ReturnType<typeof count> {
  const numbers = shape.filter((d) => typeof d === "number").reduce<number>((n, d) => n * Number(d), 1);
  const symbolic = shape.filter((d) => typeof d !== "number");
  if (symbolic.length === 0) return count([numbers, lanes]);
  // ⌈n/l⌉ · T is at least ⌈n·T/l⌉, and for small n the symbol takes part in the division.
  const [first, ...rest] = symbolic;
  if (numbers >= lanes || first === undefined) return count([numbers, lanes], ...symbolic);
  return count([first, Math.floor(lanes / numbers)], ...rest);
}
