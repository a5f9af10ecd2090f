// What a weight buffer holds, and how: which tensor of a checkpoint, which part of it, and in which dtype. Two plans whose
// weights agree in this can read the same buffer, whatever each of them calls it.
import type { PlanWeight } from "../../base/plan.ts";
import { printShape } from "./source.ts";

/** A tensor of a checkpoint, as the checkpoint calls it. */
interface SourceTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The tensor that a plan's weight is, or is a part of. */
export const sourceOf = ({ name, shape, part }: PlanWeight): SourceTensor =>
  part ? { name: part.whole, shape: part.shape } : { name, shape };

/** The tensors that weights are made of, each once; two that agree in the name alone are two. */
export const sourcesOf = (weights: readonly PlanWeight[]): readonly SourceTensor[] => [
  ...new Map(weights.map(sourceOf).map((tensor) => [printTensor(tensor), tensor])).values(),
];

const printTensor = ({ name, shape }: SourceTensor): string => `${name} ${printShape(shape)}`;

/** Equal for two weights if one buffer serves both. */
export const storageKey = (weight: PlanWeight): string => `${printTensor(sourceOf(weight))}: ${printStorage(weight)}`;

/** `f16[768, 2304]`, or `f32[43690, 768], from 0 on along axis 0` where it is a part of its tensor. */
export function printStorage({ dtype, shape, part }: PlanWeight): string {
  const whole = `${dtype}${printShape(shape)}`;
  return part ? `${whole}, from ${part.start} on along axis ${part.axis}` : whole;
}
