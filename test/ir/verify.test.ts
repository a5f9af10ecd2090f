// Each invariant of a graph, broken by hand, and what the verifier says then.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CompileError } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import { INVARIANTS, verify } from "../../ir/verify.ts";
import { BROKEN } from "./broken-graphs.ts";

const test = suite("verify");

for (const [invariant, broken] of Object.entries(BROKEN))
  for (const { when, graph, place, facts } of broken)
    test(`${invariant}: refuses a graph when ${when}`, () => {
      try {
        verify(graph());
      } catch (error) {
        if (!(error instanceof CompileError)) throw error;
        assert.equal({ place: error.place, facts: error.facts }, { place, facts: `${facts} [${invariant}]` });
        assert.ok(error.hint, "no hint");
        return;
      }
      assert.unreachable("it passed");
    });

test("every invariant has a graph that breaks it", () => {
  assert.equal(Object.keys(BROKEN), Object.keys(INVARIANTS));
  for (const [invariant, broken] of Object.entries(BROKEN)) assert.ok(broken.length > 0, invariant);
});

test("the hint of a broken invariant says the invariant, where nothing more helpful is known", () => {
  assert.throws(
    () => verify(parseGraph("graph g() { return 1.0 }")),
    (error: Error) => error.message === `graph g: returns 1.0, which it does not define [V6]\nhint: ${INVARIANTS.V6}`,
  );
});

test("lets a graph pass that reads the old state before it is updated", () => {
  verify(
    parseGraph(`graph g(cache: f32[4, 2], row: f32[1, 2]) {
      old = neg(cache)
      new = cache_update(cache, row, start=1)
      return old, new
    }`),
  );
});

test("lets a region pass with a normalisation before its anchor and element moves after it", () => {
  verify(
    parseGraph(`graph g(h: f32[T, 4], g: f32[4], w: f32[4, 6]) {
      a, b = fused matmul(h, g, w) {
        n = layer_norm(h, g, g)
        m = matmul(n, w)
        p, q = split(m, sizes=[2, 4])
        return p, q
      }
      return a, b
    }`),
  );
});

test.run();
