// The spellings that are attention by positions. What only looks like it is in fuse-paged-attention-look-alikes.test.ts.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { batchSpec } from "../../codegen/compile.ts";
import { kernelPolicy } from "../../codegen/select-kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import { printAttr } from "../../ir/attr.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import type { OpCase } from "../../ir/op.ts";
import { pagedAttention } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { hostTensor } from "../../ir/tensor.ts";
import { canonicalize } from "../../passes/canonicalize.ts";
import { eliminateCommonSubexpressions } from "../../passes/eliminate-common-subexpressions.ts";
import { expandUntaken } from "../../passes/expand-untaken.ts";
import { fuseAttention, fuseAttentionFor } from "../../passes/fuse-attention.ts";
import { expectPass } from "../support/expect-pass.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";
import type { Frame, Steps } from "./attention-text.ts";
import { expectRefusal, verdicts } from "./expect-report.ts";
import { tinyGpt2 } from "./gpt2-variants.ts";
import { fusedOverCache, fusedOverPages, overCache, overPages, withInputs } from "./positions-text.ts";

const test = suite("fuse-attention: positions");

const overAll = (steps: Steps = {}, ...fused: Parameters<typeof fusedOverCache>): void => {
  const [operands, options = {}] = fused;
  const { inputs } = options;
  for (const decode of [false, true])
    expectPass(
      fuseAttention,
      overCache(steps, { decode, ...(inputs !== undefined && { inputs }) }),
      fusedOverCache(operands, { ...options, decode }),
    );
};

const inPages = (
  steps: Parameters<typeof overPages>[0] = {},
  fused: Parameters<typeof fusedOverPages>[0] = {},
  options: Frame = {},
): void => {
  for (const decode of [false, true])
    expectPass(fuseAttention, overPages(steps, { ...options, decode }), fusedOverPages(fused, { ...options, decode }));
};

test("fuses attention over a whole cache, as one page", () => {
  overAll();
  assert.equal(verdicts(fuseAttention, overCache()), { e: "fired" });
});

test("takes any comparison that says the same", () => {
  overAll({ mask: "c = greater_equal(pc, ka)" });
  overAll({ mask: "next = add(pc, 1)\nc = less(ka, next)" });
  overAll({ mask: "next = add(pc, 1)\nc = greater(next, ka)" });
  overAll({ mask: "before = sub(ka, 1)\nc = less(before, pc)" });
  overAll({ mask: "ahead = sub(ka, pc)\nc = less_equal(ahead, 0)" });
});

test("takes a mask that is turned or repeated", () => {
  overAll({
    keyAt: "all = iota(length=9)\nka = reshape(all, shape=[9, 1])",
    queryAt: "",
    mask: "turned = less_equal(ka, positions)\nc = transpose(turned, perm=[1, 0])",
  });
  overAll({ mask: "pw = expand(pc, shape=[2, T, 9])\nc = less_equal(ka, pw)" });
});

test("takes positions that lie in another tensor, or with more axes", () => {
  overAll(
    { queryAt: "own = slice(all_positions, start=4, length=T)\npc = reshape(own, shape=[T, 1])" },
    "q, k, v, own",
    {
      inputs: "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8], all_positions: i32[9]",
      before: "own = slice(all_positions, start=4, length=T)",
    },
  );
  const column = { inputs: "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8], positions: i32[T, 1]" };
  expectPass(
    fuseAttention,
    overCache({ queryAt: "", mask: "c = less_equal(ka, positions)" }, column),
    fusedOverCache("q, k, v, y.3", column).replace("y = paged", "y.3 = reshape(positions, shape=[T])\ny = paged"),
  );
});

test("takes positions that are computed from data in a way that no form has", () => {
  const inputs = "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8], at: i32[T], skip: bool[T]";
  overAll({ queryAt: "positions = select(skip, 0, at)\npc = reshape(positions, shape=[T, 1])" }, undefined, {
    inputs,
    before: "positions = select(skip, 0, at)",
  });
});

test("takes the first rows of a longer cache, and columns of a wider one", () => {
  overAll(
    {
      keys: "kp = slice(k, length=6)\nk3 = reshape(kp, shape=[6, 2, 4])\nkt = transpose(k3, perm=[1, 2, 0])",
      values: "vp = slice(v, length=6)\nv3 = reshape(vp, shape=[6, 2, 4])\nvt = transpose(v3, perm=[1, 0, 2])",
      keyAt: "ka = iota(length=6)",
    },
    undefined,
    { room: 6 },
  );
  const cut = "ks = slice(kv, axis=1, length=8)\nvs = slice(kv, axis=1, start=8, length=8)";
  overAll(
    {
      keys: `${cut}\nk3 = reshape(ks, shape=[9, 2, 4])\nkt = transpose(k3, perm=[1, 2, 0])`,
      values: "v3 = reshape(vs, shape=[9, 2, 4])\nvt = transpose(v3, perm=[1, 0, 2])",
    },
    "q, ks, vs, positions",
    { inputs: "q: f32[T, 8], state kv: f32[9, 16], positions: i32[T]", before: cut },
  );
});

const GROUPED = "q: f32[T, 24], state k: f32[9, 8], state v: f32[9, 8], positions: i32[T]";

test("takes groups of heads that share keys and values, broadcast or repeated", () => {
  const grouped = { inputs: GROUPED, attrs: "n_head=6, n_kv_head=2" };
  overAll(
    {
      query: "q4 = reshape(q, shape=[T, 2, 3, 4])\nqt = transpose(q4, perm=[1, 2, 0, 3])",
      keys: "k4 = reshape(k, shape=[9, 2, 1, 4])\nkt = transpose(k4, perm=[1, 2, 3, 0])",
      values: "v4 = reshape(v, shape=[9, 2, 1, 4])\nvt = transpose(v4, perm=[1, 2, 0, 3])",
      turned: "ot = transpose(o, perm=[2, 0, 1, 3])",
      merged: "y = reshape(ot, shape=[T, 24])",
    },
    undefined,
    grouped,
  );
  const repeated = (name: string, perm: string): string =>
    `${name}4 = reshape(${name}, shape=[9, 2, 1, 4])
      ${name}r = expand(${name}4, shape=[9, 2, 3, 4])
      ${name}6 = reshape(${name}r, shape=[9, 6, 4])
      ${name}t = transpose(${name}6, perm=${perm})`;
  overAll(
    {
      query: "q3 = reshape(q, shape=[T, 6, 4])\nqt = transpose(q3, perm=[1, 0, 2])",
      keys: repeated("k", "[1, 2, 0]"),
      values: repeated("v", "[1, 0, 2]"),
      merged: "y = reshape(ot, shape=[T, 24])",
    },
    undefined,
    grouped,
  );
});

test("takes a group's queries as the rows of the product", () => {
  overAll(
    {
      query: "qt = reshape(q, shape=[T, 2, 3, 4])",
      queryAt: "pc = reshape(positions, shape=[T, 1, 1, 1])",
      turned: "",
      merged: "y = reshape(o, shape=[T, 24])",
    },
    undefined,
    { inputs: GROUPED, attrs: "n_head=6, n_kv_head=2" },
  );
});

test("takes queries, keys and values that lie as heads or pairs", () => {
  const inputs = "q: f32[T, 2, 2, 2], state k: f32[9, 2, 4], state v: f32[9, 8], positions: i32[T]";
  expectPass(
    fuseAttention,
    overCache({ keys: "kt = transpose(k, perm=[1, 2, 0])" }, { inputs }),
    fusedOverCache("y.3, y.4, v, positions", {
      inputs,
      before: "",
    }).replace("y = paged", "y.3 = reshape(q, shape=[T, 8])\ny.4 = reshape(k, shape=[9, 8])\ny = paged"),
  );
});

test("fuses what the op is made of: rows by pages, whichever sequence they are of", () => {
  inPages();
  assert.equal(verdicts(fuseAttention, overPages()), { e: "fired" });
});

test("takes rows that are found otherwise", () => {
  // By a division of places, as the kernel finds them.
  inPages({
    rows: `all = iota(length=4)
      page = div(all, 2)
      start = mul(page, 2)
      offset = sub(all, start)
      own = gather(pages, sequence)
      turned = transpose(own, perm=[1, 0])
      wide = gather(turned, page)
      first = mul(wide, 2)
      column = reshape(offset, shape=[4, 1])
      table = add(column, first)
      places = transpose(table, perm=[1, 0])`,
  });
  // By a table of all sequences' pages in one row.
  inPages({
    rows: `flat = reshape(pages, shape=[6])
      sm = mul(sequence, 2)
      sc = reshape(sm, shape=[T, 1])
      entry = iota(length=2)
      entries = add(sc, entry)
      own = gather(flat, entries)
      o3 = reshape(own, shape=[T, 2, 1])
      first = mul(o3, 2)
      offset = iota(length=2)
      table = add(first, offset)
      places = reshape(table, shape=[T, 4])`,
  });
});

test("takes a page table that has a row for each query, or one for all", () => {
  const rows = (own: string): string => `${own}
      first = mul(o3, 2)
      offset = iota(length=2)
      table = add(first, offset)
      narrow = reshape(table, shape=[-1, 4])`;
  const each = rows("o3 = reshape(pages, shape=[T, 2, 1])").replace("narrow", "places").replace("-1", "T");
  inPages(
    { rows: each },
    { before: "y.0 = iota(length=T)", operands: "q, k, v, positions, y.0, pages" },
    withInputs("pages: i32[T, 2]"),
  );
  const all = rows("o3 = reshape(pages, shape=[1, 2, 1])").replace("-1", "1");
  for (const shape of ["3, 2", "2"] as const) {
    const one =
      shape === "2"
        ? all
        : all.replace("o3 = ", "only = slice(pages, length=1)\no3 = ").replace("reshape(pages", "reshape(only");
    const made =
      shape === "2"
        ? "y.0 = reshape(pages, shape=[1, 2])\ny.1 = iota(length=1)\ny.2 = expand(y.1, shape=[T])"
        : "y.0 = iota(length=1)\ny.1 = expand(y.0, shape=[T])";
    expectPass(
      fuseAttention,
      overPages({ rows: `${one}\nplaces = expand(narrow, shape=[T, 4])` }, withInputs(`pages: i32[${shape}]`)),
      fusedOverPages(
        { before: made, operands: shape === "2" ? "q, k, v, positions, y.2, y.0" : "q, k, v, positions, y.1, pages" },
        withInputs(`pages: i32[${shape}]`),
      ),
    );
  }
});

test("takes a row for each place as pages of one", () => {
  inPages(
    { rows: "" },
    {
      before: "y.0 = iota(length=T)",
      operands: "q, k, v, positions, y.0, places",
      attrs: "n_head=2, page_size=1, scale=0.5",
    },
    withInputs("places: i32[T, 4]"),
  );
});

test("fuses in every layer that shares rows and mask", () => {
  const more = `qt2 = reshape(y, shape=[T, 2, 1, 1, 4])
      s02 = matmul(qt2, kt2)
      s2 = mul(s02, 0.5)
      m2 = select(c, s2, -inf)
      mx2 = reduce_max(m2)
      sh2 = sub(m2, mx2)
      e2 = exp(sh2)
      su2 = reduce_sum(e2)
      p2 = div(e2, su2)
      o2 = matmul(p2, vt2)
      y2 = reshape(o2, shape=[T, 8])`;
  const gathers = ["k", "v"].map(
    (x) => `${x}g2 = gather(${x}, places)
      ${x}52 = reshape(${x}g2, shape=[T, 4, 2, 1, 4])
      ${x}t2 = transpose(${x}52, perm=${x === "k" ? "[0, 2, 3, 4, 1]" : "[0, 2, 3, 1, 4]"})`,
  );
  expectPass(
    fuseAttention,
    overPages({ merged: `y = reshape(o, shape=[T, 8])\n${gathers.join("\n")}\n${more}` }, { results: "y2" }),
    fusedOverPages({}, { results: "y2" }).replace(
      "return",
      "y2 = paged_attention(y, k, v, positions, sequence, pages, n_head=2, page_size=2, scale=0.5)\nreturn",
    ),
  );
});

test("leaves alone what no kernel computes, with the kernels' words", () => {
  const policy = kernelPolicy(targetByName("webgpu-default"));
  const odd = overCache(
    {
      query: "q3 = reshape(q, shape=[T, 2, 3])\nqt = transpose(q3, perm=[1, 0, 2])",
      keys: "k3 = reshape(k, shape=[9, 2, 3])\nkt = transpose(k3, perm=[1, 2, 0])",
      values: "v3 = reshape(v, shape=[9, 2, 3])\nvt = transpose(v3, perm=[1, 0, 2])",
      merged: "y = reshape(ot, shape=[T, 6])",
    },
    { inputs: "q: f32[T, 6], state k: f32[9, 6], state v: f32[9, 6], positions: i32[T]" },
  );
  const pass = fuseAttentionFor((node) => policy.refusesNode?.(node));
  expectRefusal(pass, odd, {
    site: "e",
    predicate: "kernel-computes-it",
    facts: "the head size 3 is no multiple of 4",
  });
});

/** The op on its case, by itself and as what it is made of, with the tensors that it is tried on. */
function madeOf({ types, attrs = {}, given = {} }: OpCase) {
  const { operands } = pagedAttention;
  const text = Object.entries(attrs).map(([name, value]) => `${name}=${printAttr(value)}`);
  const graph = parseGraph(`graph g(${operands.map((name, i) => `${name}: ${types[i]}`).join(", ")}) {
    y = paged_attention(${operands.join(", ")}, ${text.join(", ")})
    return y
  }`);
  const inputs = new Map(
    graph.inputs.map(({ value: { name, type } }, i) => {
      const own = given[name];
      return [name, own ? hostTensor(type.dtype, type.shape.map(Number), own) : seededTensor(type, {}, i + 1)];
    }),
  );
  const expand = expandUntaken((node) => (node.op === pagedAttention ? "is to be taken apart" : undefined));
  return { graph, inputs, made: expand.run(graph) };
}

test("the graph of a batch, its attention taken apart, is fused to what it was", () => {
  const tiny = tinyGpt2();
  const spec = batchSpec(tiny, { sequences: 3, pageSize: 4 });
  const graph = gpt2.batch?.(tiny, spec, "logits");
  assert.ok(graph);
  const expand = expandUntaken((node) => (node.op === pagedAttention ? "is to be taken apart" : undefined));
  const first = [canonicalize, eliminateCommonSubexpressions];
  const again = [expand, ...first, fuseAttention].reduce((g, pass) => pass.run(g), graph);
  assert.is(again.nodes.filter(({ op }) => op === pagedAttention).length, tiny.n_layer);
  assert.equal(callOf(again), callOf(first.reduce((g, pass) => pass.run(g), graph)));
});

/** What the node is, wherever it stands. */
const callOf = ({ nodes }: Graph) =>
  nodes.map(({ op, operands, attrs }) => [op.name, operands.map((v) => v.name), attrs]);

test("every case of the op, taken apart, becomes the op again, and its numbers stay", () => {
  for (const passes of [[canonicalize], [canonicalize, eliminateCommonSubexpressions], []])
    for (const each of pagedAttention.cases) {
      const { graph, inputs, made } = madeOf(each);
      const spelled = passes.reduce((g, pass) => pass.run(g), made);
      const again = fuseAttention.run(spelled);
      assert.equal(callOf(again), callOf(graph));
      const close = { rtol: 1e-9, atol: 1e-9 };
      assertClose(at(interpret(again, inputs), 0), at(interpret(spelled, inputs), 0), close, "fused");
    }
});

test("cases of any size", () => {
  const count = (max: number) => fc.integer({ min: 1, max });
  const sizes = fc.record({
    rows: count(4),
    kept: count(3),
    group: count(3),
    size: count(5),
    page: count(4),
    pages: count(4),
    sequences: count(3),
  });
  fc.assert(
    fc.property(sizes, ({ rows, kept, group, size, page, pages, sequences }) => {
      const width = kept * size;
      const pool = `f32[${page * pages * sequences}, ${width}]`;
      const { graph, made } = madeOf({
        types: [
          `f32[${rows}, ${width * group}]`,
          pool,
          pool,
          `i32[${rows}]`,
          `i32[${rows}]`,
          `i32[${sequences}, ${pages}]`,
        ],
        attrs: { n_head: kept * group, ...(group > 1 && { n_kv_head: kept }), page_size: page, scale: 0.25 },
      });
      const again = fuseAttention.run(canonicalize.run(made));
      assert.equal(callOf(again), callOf(graph));
    }),
    { numRuns: 60, seed: 3 },
  );
});

test.run();
