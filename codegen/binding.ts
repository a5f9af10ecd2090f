// Storage buffers as shaders declare them.
import type { PlanAccess } from "../base/plan.ts";
import type { Value } from "../ir/index.ts";

/** A storage buffer of a shader. */
export interface Binding {
  readonly name: string;
  readonly access: PlanAccess;
  /** The operand or result of the node. */
  readonly value: Value;
  /** What it is an array of. */
  readonly type: string;
  /** How many elements arithmetic makes of each of the value's: 1 of a half, 4 of a word of four codes, 0 of what is used as it lies. */
  readonly unpacks: number;
}
