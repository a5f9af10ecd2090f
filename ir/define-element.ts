// Ops that say what each element is: the reference runs the same arithmetic that kernels print.
import type { AttrSpecs, Attrs } from "./attr.ts";
import type { Element, Writes } from "./element.ts";
import { elementTensors } from "./host-elements.ts";
import { defineOp, type Op, type OpCase, type OpSpec, type Traits } from "./op.ts";
import type { HostTensor } from "./tensor.ts";

/** An op as its file writes it. `N` are the operands' names, `S` the attributes' specs. */
export interface ElementSpec<N extends readonly string[], S extends AttrSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly operands: N;
  readonly variadic?: boolean;
  readonly attrs?: S;
  /** The result types. */
  infer: OpSpec<N, S>["infer"];
  /** The element of a result at an index. */
  element: Element;
  /** Where each element of the first operand goes, of a variadic op each operand's, for an op that can be run from that side. */
  readonly targets?: Writes["targets"];
  /** Ranges of operands' axes that it reads, where the attributes say which. */
  readonly ranges?: Traits["ranges"];
  readonly cases: readonly OpCase[];
}

/** result[i] = `element` at i. The reference runs it over numbers; kernels run it over WGSL text. */
export function defineElement<const N extends readonly string[], S extends AttrSpecs = Record<string, never>>(
  spec: ElementSpec<N, S>,
): Op {
  const op: Op = defineOp<N, S>({
    name: spec.name,
    summary: spec.summary,
    operands: spec.operands,
    variadic: spec.variadic ?? false,
    ...(spec.attrs && { attrs: spec.attrs }),
    traits: {
      element: (index, math, context) => spec.element(index, math, context),
      ...(spec.ranges && { ranges: spec.ranges }),
      ...(spec.targets && { writes: { operand: spec.variadic ? "each" : 0, targets: spec.targets } }),
    },
    cases: spec.cases,
    infer: (types, attrs) => spec.infer(types, attrs),
    reference: (args, attrs): readonly HostTensor[] =>
      elementTensors(op, args as readonly HostTensor[], attrs as Attrs, op.infer(args, attrs as Attrs)),
  });
  return op;
}
