// How a pass is tested: the graph before and the graph expected, both in the language's own text.
import * as assert from "uvu/assert";
import { recipeTensors } from "../../base/recipe.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import type { Op } from "../../ir/op.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";
import { withOps } from "./own-ops.ts";
import { assertClose, seededTensor, type Tolerance } from "./tensors.ts";

export interface Pass {
  readonly name: string;
  readonly summary: string;
  run(graph: Graph): Graph;
}

/** How far the numbers may move. A test gives its own where the pass replaces a constant by one that is nearly it. */
export interface Allowance extends Tolerance {
  readonly reason: string;
}

const REORDERED: Allowance = {
  rtol: 1e-9,
  atol: 1e-9,
  reason: "both sides run in f64, where another order of operations moves a few of the last of 53 bits",
};

const SIZES: SymbolValues = { B: 2, T: 3, P: 2 };

/** The pass turns `before` into `expected`, keeps the graph valid, is idempotent, and changes no number. */
export function expectPass(
  pass: Pass,
  before: string,
  expected: string,
  tolerance: Allowance = REORDERED,
  userOps: readonly Op[] = [],
): void {
  const input = parseGraph(before, withOps(userOps));
  const wanted = parseGraph(expected, withOps(userOps));
  verify(input);
  verify(wanted);
  const output = pass.run(input);
  verify(output);
  assert.snapshot(printGraph(output), printGraph(wanted), `${pass.name} gives another graph`);
  assert.snapshot(printGraph(pass.run(output)), printGraph(output), `${pass.name} is not idempotent`);
  assertSameNumbers(pass, input, output, tolerance);
}

/** `pass` leaves `graph` as it is. */
export function expectUnchanged(pass: Pass, graph: string, userOps: readonly Op[] = []): void {
  expectPass(pass, graph, graph, REORDERED, userOps);
}

function assertSameNumbers(pass: Pass, before: Graph, after: Graph, tolerance: Allowance): void {
  // What a recipe reads is given, too, so that both graphs make their weights of the same tensors.
  const given = before.inputs.flatMap(({ value, recipe }) => [
    value,
    ...(recipe ? recipeTensors(recipe).map(({ name, dtype, shape }) => ({ name, type: { dtype, shape } })) : []),
  ]);
  const inputs = new Map(given.map(({ name, type }, i) => [name, seededTensor(type, SIZES, i + 1)]));
  const wanted = interpret(before, inputs, SIZES);
  const got = interpret(after, inputs, SIZES);
  assert.is(got.length, wanted.length, `${pass.name} changes how many values the graph returns`);
  wanted.forEach((tensor, i) => {
    assertClose(
      at(got, i),
      tensor,
      tolerance,
      `${pass.name} changes ${at(before.results, i).name} by more than its allowance (${tolerance.reason})`,
    );
  });
}
