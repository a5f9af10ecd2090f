// The storage buffers of a region: one for each input and result of its body, named by what reads or makes it.
import { at, type Graph, type Node, OPS, updatedOperands, type Value } from "../ir/index.ts";
import type { Binding } from "./binding.ts";
import type { VectorSize } from "./storage.ts";
import type { StoredValues } from "./stored-values.ts";
import { wgslName } from "./wgsl-element.ts";

/** What is bound. */
export interface RegionParts {
  readonly node: Node;
  readonly body: Graph;
  /** The outer values of the body's inputs. */
  readonly operands: readonly Value[];
  readonly anchor: Node | undefined;
}

/** The buffers of a region, and what they are called. */
export interface BoundRegion {
  readonly bindings: readonly Binding[];
  /** By the body's inputs. */
  readonly names: ReadonlyMap<Value, string>;
  /** By the body's results: one that is updated in place lies where the old value does. */
  readonly results: ReadonlyMap<Value, string>;
}

/** The bindings of a region whose kernel reads values by so many elements a load. */
export function bindRegion(
  { node, body, operands, anchor }: RegionParts,
  values: StoredValues,
  vectors: ReadonlyMap<Value, VectorSize>,
): BoundRegion {
  const widths = values.widths(vectors);
  const updated = new Map<Value, Value>();
  for (const n of body.nodes) for (const old of updatedOperands(n)) updated.set(old, at(n.results, 0));
  const names = new Map<Value, string>();
  const results = new Map<Value, string>();
  const taken = new Map<string, number>();
  const claim = (base: string): string => {
    const n = taken.get(base) ?? 0;
    taken.set(base, n + 1);
    return n === 0 ? base : `${base}_${n + 1}`;
  };
  const bindings = body.inputs.map(({ value }, i): Binding => {
    const users = values.index.users(value);
    const reader = users.find((n) => n === anchor) ?? users[0];
    const place = reader?.operands.indexOf(value) ?? 0;
    const role = reader?.op.operands[reader.op.variadic ? 0 : place] ?? "x";
    // Templates know the roles of our own anchors' operands; a user's may be called what a template calls something else.
    const plain = reader === undefined || (reader === anchor && OPS.includes(reader.op));
    const name = claim(plain ? role : wgslName(`${reader.op.name}_${role}`));
    names.set(value, name);
    const fresh = updated.get(value);
    if (fresh) results.set(fresh, name);
    return {
      name,
      access: fresh ? "read_write" : "read",
      value: at(operands, i),
      type: values.typeOf(value, widths.get(value)),
      unpacks: values.unpacks(value),
    };
  });
  body.results.forEach((r, i) => {
    if (results.has(r)) return;
    const name = claim("y");
    results.set(r, name);
    bindings.push({
      name,
      access: "read_write",
      value: at(node.results, i),
      type: values.typeOf(r),
      unpacks: values.unpacks(r),
    });
  });
  return { bindings, names, results };
}
