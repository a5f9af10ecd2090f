// What kernels that normalise rows share: an op's described normalisation as template parameters and WGSL functions.
import { at, attrOf, type Node, type Normalization, unreachable } from "../../ir/index.ts";
import type { Region } from "../region.ts";
import { isComputed, type MatmulView, normalizationOf } from "./matmul.ts";

/** The parameters, besides the width, that every normalising template reads. */
export interface NormParams {
  readonly eps: number;
  /** Whether the mean is subtracted. */
  readonly centred: boolean;
  /** What makes a mean of a sum of squares, behind it; nothing where the sum itself divides. */
  readonly overCount: string;
}

const described = ({ op }: Node): Normalization =>
  op.traits.normalizes ?? unreachable(`${op.name} is lowered as a normalisation`);

/** Why no kernel normalises what the node does. */
export function refusesNorm(node: Node): string | undefined {
  if (!node.op.traits.normalizes) return "nothing in it normalises rows";
  const { dtype, shape } = at(node.operands, 0).type;
  if (dtype !== "f32") return `it computes f32, but ${at(node.op.operands, 0)} is ${dtype}`;
  return typeof shape.at(-1) === "number" ? undefined : "the width is symbolic";
}

/** Why no kernel takes in the normalisation of a matmul's left operand: it reads what is normalised many times, and keeps the row to itself. */
export function refusesPrologue({ a }: MatmulView, region: Region): string | undefined {
  const norm = normalizationOf(region, a);
  if (!norm) return "the left operand is not normalised on the way in";
  if (norm.operands.some((v) => isComputed(region, v))) return "what is normalised is itself computed on the way in";
  const [row, ...others] = region.body.nodes.filter((n) => n.operands.includes(a));
  if (row && (others.length > 0 || row.operands.indexOf(a) !== row.operands.lastIndexOf(a)))
    return "the normalised row is read by something else in the region";
  return refusesNorm(norm);
}

/** `width` is what the template calls the number of columns. */
export function normParams(node: Node, width: string): NormParams {
  const { centre, moment, eps } = described(node);
  return {
    eps: attrOf<number>(node.attrs, eps),
    centred: centre === "mean",
    overCount: moment === "mean" ? ` / f32(${width})` : "",
  };
}

/** `load_weight(column)` and `load_bias(column)`, which are 1 and 0 where the op has none. */
export function normFunctions(region: Region, node: Node): readonly string[] {
  const { scale, shift } = described(node);
  const load = (name: string, operand: number | undefined, absent: string): string =>
    operand === undefined
      ? `fn ${name}(column: u32) -> f32 { return ${absent}; }`
      : region.loadFunction(name, at(node.operands, operand), ["column"]);
  return [load("load_weight", scale, "1.0"), load("load_bias", shift, "0.0")];
}
