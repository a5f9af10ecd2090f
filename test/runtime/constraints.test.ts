// Calls whose symbols read or write beyond what there is: refused by the interpreter and by the runtime, in the same words.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { printPlanDim } from "../../base/plan.ts";
import { compileEntries } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { graphConstraints } from "../../ir/constraints.ts";
import { CompileError } from "../../ir/errors.ts";
import { shortenContext } from "../../ir/family.ts";
import { interpret } from "../../ir/interpret.ts";
import { PRESETS, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { Executor } from "../../runtime/executor.ts";
import { nullDevice } from "../support/gpu.ts";
import { seededTensor } from "../support/tensors.ts";

const test = suite("constraints");

const MAXIMA = { T: 4, P: 9 };

/** Graphs, what must hold of a call, symbols that just hold, and symbols that do not with what is said of them. */
const CASES: Readonly<
  Record<
    string,
    readonly [text: string, holds: readonly string[], good: SymbolValues, bad: SymbolValues, facts: string]
  >
> = {
  "reads rows of a state": [
    "graph g[T, P>=0](state k: f32[9, 4], x: f32[T, 4]) { s = slice(k, length=P+T) y = neg(s) z = neg(x) return y, z }",
    ["P+T <= 9"],
    { T: 4, P: 5 },
    { T: 4, P: 6 },
    "P+T is 10, but k lets it be 9 at most",
  ],
  "writes rows of a state": [
    "graph g[P>=0](state k: f32[9, 4], r: f32[T, 4]) { u = cache_update(k, r, start=P) return u }",
    ["P+T <= 9"],
    { T: 4, P: 5 },
    { T: 2, P: 8 },
    "P+T is 10, but k lets it be 9 at most",
  ],
  "reads a range of a weight's columns": [
    "graph g[P>=0](weight w: f32[2, 7], x: f32[T]) { s = slice(w, axis=-1, start=P, length=1) y = neg(x) return s, y }",
    ["P <= 6"],
    { T: 1, P: 6 },
    { T: 1, P: 7 },
    "P is 7, but w lets it be 6 at most",
  ],
  "attends to rows of caches": [
    `graph g[P>=0](q: f32[T, 4], state k: f32[9, 4], state v: f32[8, 4]) {
      y = scaled_dot_product_attention(q, k, v, n_head=1, length=P+T, scale=1.0)
      return y
    }`,
    ["P+T <= 8"],
    { T: 4, P: 4 },
    { T: 4, P: 5 },
    "P+T is 9, but v lets it be 8 at most",
  ],
  "writes inside a region": [
    `graph g[P>=0](state cache: f32[9, 4], r: f32[T, 3], weight w: f32[3, 4]) {
      u = fused matmul(cache, r, w) {
        m = matmul(r, w)
        k = cache_update(cache, m, start=P)
        return k
      }
      return u
    }`,
    ["P+T <= 9"],
    { T: 4, P: 5 },
    { T: 4, P: 6 },
    "P+T is 10, but cache lets it be 9 at most",
  ],
  "reads as many rows as another symbol says": [
    "graph g[P>=0](x: f32[T, 4], k: f32[P, 4]) { s = slice(x, length=P) y = add(s, k) return y }",
    ["P-T <= 0"],
    { T: 3, P: 3 },
    { T: 3, P: 4 },
    "P-T is 1, but x lets it be 0 at most",
  ],
};

const inputsOf = (text: string, symbols: SymbolValues) =>
  new Map(parseGraph(text).inputs.map(({ value }, i) => [value.name, seededTensor(value.type, symbols, i)]));

for (const [name, [text, holds, good, bad, facts]] of Object.entries(CASES)) {
  test(`a call that ${name} which are not there is refused by the interpreter`, () => {
    const graph = parseGraph(text);
    assert.equal(
      graphConstraints(graph).map(({ value, most }) => `${printPlanDim(value)} <= ${most}`),
      holds,
    );
    interpret(graph, inputsOf(text, good), good);
    assert.throws(
      () => interpret(graph, inputsOf(text, bad), bad),
      (e: Error) => e instanceof CompileError && e.place === "interpret g" && e.facts === facts,
    );
  });

  test(`and by the runtime, in the same words, before anything is submitted`, async () => {
    const { plan } = compileEntries("g", [{ name: "run", graph: parseGraph(text), maxima: MAXIMA }]);
    const open = await nullDevice();
    const executor = await Executor.create(open, plan);
    const { queue } = open.device;
    const submit = queue.submit.bind(queue);
    let submitted = 0;
    queue.submit = (commands) => {
      submitted++;
      return submit(commands);
    };
    try {
      executor.run("run", good as Record<string, number>);
      assert.is(submitted, 1);
      const refuses = (call: () => unknown) =>
        assert.throws(call, (e: Error) => {
          return e instanceof RuntimeError && e.code === "bad-dim" && e.place === "g.run" && e.facts === facts;
        });
      refuses(() => executor.run("run", bad as Record<string, number>));
      const range = { buffer: plan.entries[0]?.outputs[0]?.buffer ?? plan.buffers[0]?.name ?? "", offset: 0, size: 4 };
      const error = await executor.runAndRead("run", bad as Record<string, number>, range).catch((e: unknown) => e);
      refuses(() => {
        throw error;
      });
      assert.is(submitted, 1, "what is refused reaches no queue");
    } finally {
      queue.submit = submit;
      executor.destroy();
    }
  });
}

test("what the largest values imply is not said, and what the entry point fixes is no symbol", () => {
  const graph = parseGraph(
    "graph g[P>=0](state k: f32[9, 4], r: f32[T, 4]) { u = cache_update(k, r, start=P) return u }",
  );
  const constraints = (maxima: SymbolValues, fixed: SymbolValues = {}) =>
    compileEntries("g", [{ name: "run", graph, maxima, fixed }]).plan.entries[0]?.constraints;
  assert.equal(constraints({ T: 4, P: 5 }), []);
  assert.equal(constraints({ T: 4, P: 6 }), [
    {
      value: [
        [1, "P"],
        [1, "T"],
      ],
      most: 9,
      of: "k",
    },
  ]);
  assert.equal(constraints({ P: 9 }, { T: 1 }), [{ value: [[1, "P"]], most: 8, of: "k" }]);
  assert.equal(constraints({ P: 8 }, { T: 1 }), []);
});

test("nothing is asked for what no result needs", () => {
  const graph = parseGraph(
    "graph g[P>=0](state k: f32[9, 4], x: f32[T]) { s = slice(k, length=P+T) y = neg(x) return y }",
  );
  assert.equal(graphConstraints(graph), []);
});

test("a GPT-2 says that its tokens fit its context, once for each entry point", () => {
  const small = readGpt2Config({ n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 24, vocab_size: 61 });
  for (const config of [small, shortenContext(small, 10), PRESETS["gpt2"] ?? small]) {
    const { plan } = compileGpt2({ ...config, n_layer: 1 });
    assert.equal(
      plan.entries.map((e) => [e.name, ...e.constraints.map(({ value, most }) => `${printPlanDim(value)} <= ${most}`)]),
      [
        ["prefill", `P+T <= ${config.n_ctx}`],
        ["decode", `P <= ${config.n_ctx - 1}`],
        ["logits", `P+T <= ${config.n_ctx}`],
      ],
    );
  }
});

test.run();
