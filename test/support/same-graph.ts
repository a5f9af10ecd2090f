// Whether two graphs are the same in structure, said by the first difference.
import * as assert from "uvu/assert";
import { attrsEqual } from "../../ir/attr.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { printType, typeEquals } from "../../ir/type.ts";
import type { Value } from "../../ir/value.ts";

/** Equal in structure; the values of bodies may be named alike or differently. */
export function assertSameGraph(a: Graph, b: Graph, bodyNames: "alike" | "differently", names = "alike"): void {
  const partner = new Map<Value, Value>();
  const pair = (x: readonly Value[], y: readonly Value[]) => {
    assert.is(x.length, y.length);
    x.forEach((v, i) => {
      const w = at(y, i);
      assert.ok(typeEquals(v.type, w.type), `${v.name} is ${printType(v.type)}, but was ${printType(w.type)}`);
      if (names === "alike") assert.is(v.name, w.name);
      partner.set(v, w);
    });
  };
  const read = (x: readonly Value[], y: readonly Value[]) => {
    assert.is(x.length, y.length);
    x.forEach((v, i) => {
      const w = at(y, i);
      if (w.literal !== undefined)
        assert.ok(Object.is(v.literal, w.literal) && typeEquals(v.type, w.type), `not ${w.name}`);
      else assert.is(partner.get(v), w, `reads ${v.name}, but read ${w.name}`);
    });
  };
  const kinds = (graph: Graph) => graph.inputs.map((input) => input.kind);
  assert.equal(kinds(a), kinds(b));
  pair(
    a.inputs.map((input) => input.value),
    b.inputs.map((input) => input.value),
  );
  assert.is(a.nodes.length, b.nodes.length);
  a.nodes.forEach((node, i) => {
    const other = at(b.nodes, i);
    assert.is(node.op, other.op);
    assert.is(node.anchor, other.anchor);
    assert.ok(attrsEqual(node.attrs, other.attrs), `attributes of ${node.op.name}`);
    read(node.operands, other.operands);
    assert.is(node.body === undefined, other.body === undefined);
    if (node.body && other.body) assertSameGraph(node.body, other.body, bodyNames, bodyNames);
    pair(node.results, other.results);
  });
  read(a.results, b.results);
}
