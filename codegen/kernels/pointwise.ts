import { at, type Dim, type Node, POINTWISE_ANCHOR, printType, type Value } from "../../ir/index.ts";
import { indent } from "../indent.ts";
import { count, defineKernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { type Index, indexOf, mulIndex } from "../wgsl-index.ts";
import { kernelTemplate } from "./kernel-template.ts";

/** Any region of pointwise and moving ops with one result: the element is computed backwards from its place. */
export const pointwiseKernel = defineKernel({
  name: "pointwise",
  summary: "one invocation per element",
  kind: POINTWISE_ANCHOR,
  template: kernelTemplate("pointwise", ["title", "bindings", "functions", "workgroupSize", "elements", "statements"]),
  space: (_region, target) => laneSpace(target),
  refuses(region) {
    const [result, ...others] = region.body.results;
    if (!result || others.length > 0) return `it computes one result, but the region has ${region.body.results.length}`;
    return refusesGroups(result, region.storedTogether(result));
  },
  lower(region, _target, { lanes }) {
    const result = at(region.body.results, 0);
    const together = region.storedTogether(result);
    const shape = inGroups(result.type.shape, together);
    const lines: string[] = [];
    const index = firstOfGroup(region.print.unravel("index", shape, lines), together);
    return {
      params: {
        workgroupSize: lanes,
        elements: region.print.elements(shape),
        statements: indent(region.elementStatements(result, index, lines)),
      },
      functions: [],
      workgroups: [linearGroups(shape, lanes), count(), count()],
      work: (length) => {
        const groups = elementsOf(shape, length);
        return {
          calls: { statements: groups },
          busy: groups,
          multiplyAdds: groups * together * region.body.nodes.length,
        };
      },
    };
  },
});

/** Why elements of a value are not stored in groups of so many neighbours, or nothing. */
export function refusesGroups({ type }: Value, together: number): string | undefined {
  const width = type.shape.at(-1);
  return together === 1 || (typeof width === "number" && width % together === 0)
    ? undefined
    : `${printType(type)} is stored ${together} neighbours at a time, and its rows are not of even length`;
}

/** The shape with groups of so many neighbours along its last axis. */
export const inGroups = (shape: readonly Dim[], together: number): readonly Dim[] =>
  together === 1 ? shape : [...shape.slice(0, -1), Number(shape.at(-1)) / together];

/** Where the first element of a group lies. */
export const firstOfGroup = (group: readonly Index[], together: number): readonly Index[] =>
  group.map((k, axis) => (axis === group.length - 1 ? mulIndex(k, indexOf(together)) : k));

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
