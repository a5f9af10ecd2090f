// Which buffers values share: never two that are live together, and a cache always its own.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkPlaces, MemoryPlan } from "../../codegen/plan-memory.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { Value } from "../../ir/value.ts";
import { RANDOM_SYMBOLS, randomGraph } from "../support/random-graph.ts";

const test = suite("plan-memory");

/** A chain of adds, where node i reads two earlier values chosen by the numbers. */
function randomChain(picks: readonly (readonly [number, number])[]): Graph {
  const names = ["x"];
  const lines = picks.map(([a, b], i) => {
    const line = `  v${i} = add(${names[a % names.length]}, ${names[b % names.length]})`;
    names.push(`v${i}`);
    return line;
  });
  return parseGraph(`graph chain(x: f32[16]) {\n${lines.join("\n")}\n  return ${names.at(-1)}\n}`);
}

test("values that are live together never share a buffer, whatever the graph", () => {
  const picks = fc.array(fc.tuple(fc.nat(50), fc.nat(50)), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(picks, (numbers) => {
      const graph = randomChain(numbers);
      // `place` checks its own result by running through the graph again, and throws where it finds an overlap.
      checkPlaces(graph, new MemoryPlan({}).place(graph));
    }),
    { numRuns: 200, seed: 7 },
  );
});

const CHAIN = parseGraph(`graph g(x: f32[4]) {
  a = neg(x)
  b = neg(a)
  c = add(a, b)
  return c
}`);

test("an overlap of live values is caught, with the names of both", () => {
  const places = new Map(new MemoryPlan({}).place(CHAIN));
  const [a, b] = [at(at(CHAIN.nodes, 0).results, 0), at(at(CHAIN.nodes, 1).results, 0)];
  places.set(b, places.get(a) ?? "");
  assert.throws(
    () => checkPlaces(CHAIN, places),
    (e: unknown) => e instanceof CompileError && /writes b to .* while it reads a there/.test(e.message),
  );
});

test("a long chain needs two buffers, for a kernel must not write what it reads", () => {
  const lines = Array.from({ length: 20 }, (_, i) => `v${i} = neg(${i === 0 ? "x" : `v${i - 1}`})`);
  const memory = new MemoryPlan({});
  memory.place(parseGraph(`graph g(x: f32[4]) { ${lines.join(" ")} y = neg(v19) return y }`));
  assert.is(memory.buffers.filter((b) => b.kind === "temporary").length, 2);
});

test("a cache and its update are one buffer", () => {
  const graph = parseGraph("graph g(state c: f32[8, 4], x: f32[1, 4]) { y = cache_update(c, x, start=2) return y }");
  const places = new MemoryPlan({}).place(graph);
  const place = (v: Value | undefined) => (v ? places.get(v) : undefined);
  assert.is(place(graph.results[0]), "c");
});

test("an update inside a region stays in the state's buffer too", () => {
  const graph = parseGraph(`graph g(state c: f32[8, 4], x: f32[1, 3], w: f32[3, 4]) {
    y = fused matmul(c, x, w) {
      m = matmul(x, w)
      z = cache_update(c, m, start=2)
      return z
    }
    return y
  }`);
  assert.is(new MemoryPlan({}).place(graph).get(at(graph.results, 0)), "c");
});

test("buffers are as large as the symbols' maxima ask for", () => {
  const memory = new MemoryPlan({ T: 100 });
  memory.place(parseGraph("graph g(x: f32[T, 4]) { a = neg(x) y = neg(a) return y }"));
  assert.is(memory.largestBytes, 1600);
});

test("an update of a temporary keeps its buffer until the last reader of the new value", () => {
  const graph = parseGraph(`graph g(x: f32[8, 4], r: f32[1, 4]) {
    a = neg(x)
    b = cache_update(a, r, start=2)
    c = neg(r)
    d = add(b, c)
    y = neg(d)
    return y
  }`);
  const places = new MemoryPlan({}).place(graph);
  const place = (name: string) =>
    places.get(
      at(
        graph.nodes.flatMap((n) => n.results).filter((v) => v.name === name),
        0,
      ),
    );
  assert.is(place("b"), place("a"));
  assert.is.not(place("c"), place("b"));
  assert.is.not(place("d"), place("b"));
});

test("places of random graphs hold what is read, and entry points share them", () => {
  fc.assert(
    fc.property(randomGraph(), randomGraph(), (first, second) => {
      const memory = new MemoryPlan(RANDOM_SYMBOLS);
      for (const graph of [first, { ...second, results: second.results.slice(-1) }]) {
        // Two graphs may give one name to an input and to a result; that is for the next test.
        const named = new Set(memory.buffers.map((b) => b.name));
        if (graph.results.some((r) => named.has(r.name) || graph.inputs.some((i) => i.value === r))) return;
        checkPlaces(graph, memory.place(graph));
      }
    }),
    { numRuns: 100, seed: 11 },
  );
});

test("a name can't be the weight of one entry point and the result of another", () => {
  const memory = new MemoryPlan({});
  memory.place(parseGraph("graph a(weight w: f32[4]) { y = neg(w) return y }"));
  const graph = parseGraph("graph b(x: f32[4]) { w = neg(x) return w }");
  assert.throws(() => memory.place(graph), /w: is weight of one entry point, but output of another/);
});

for (const name of ["temporary.0", "temporary.12"])
  test(`a value can't be called ${name}, as a buffer of the plan's own is`, () => {
    const graph = parseGraph(`graph g(${name}: f32[4]) { y = neg(${name}) return y }`);
    assert.throws(() => new MemoryPlan({}).place(graph), /has the name of one of the plan's own buffers/);
  });

test("a symbol without a largest value is an error that names the value", () => {
  const graph = parseGraph("graph g(x: f32[T, 4]) { a = neg(x) b = neg(a) y = neg(b) return y }");
  assert.throws(() => {
    const memory = new MemoryPlan({});
    memory.place(graph);
    return memory.largestBytes;
  }, /has the length T, a symbol of which has no largest value/);
});

test.run();
