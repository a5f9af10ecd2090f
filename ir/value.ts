import type { TensorType } from "./type.ts";

/**
 * An SSA value: a graph's input, a node's result, or a literal. Values are compared by identity; names are for people,
 * and for the checkpoint's tensors.
 */
export interface Value {
  readonly name: string;
  readonly type: TensorType;
  /** Set on a literal scalar, which stands in an operand list and has no producer. */
  readonly literal?: number;
}

/** Whether a value is a scalar constant. */
export const isLiteral = (v: Value): v is Value & { readonly literal: number } => v.literal !== undefined;
