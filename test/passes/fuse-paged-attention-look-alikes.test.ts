// What is almost attention by positions and stays as it is. Each says which predicate is the one that said no, and by which facts.
import { suite } from "uvu";
import { fuseAttention } from "../../passes/fuse-attention.ts";
import type { Frame, Steps } from "./attention-text.ts";
import { expectRefusal } from "./expect-report.ts";
import { overCache, overPages, withInputs } from "./positions-text.ts";

const test = suite("fuse-attention: positions, look-alikes");

const refusesCache = (steps: Steps, predicate: string, facts: string, options: Frame = {}): void =>
  expectRefusal(fuseAttention, overCache(steps, options), { site: "e", predicate, facts });
const refusesPages = (
  steps: Parameters<typeof overPages>[0],
  predicate: string,
  facts: string,
  options: Frame = {},
): void => expectRefusal(fuseAttention, overPages(steps, options), { site: "e", predicate, facts });

const CACHES = "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8]";

test("a mask that shows one key too many, or hides a row's own", () => {
  refusesCache(
    { mask: "next = add(pc, 1)\nc = less_equal(ka, next)" },
    "mask-reads-positions",
    "c lets a key through where positions[i] + 1 − j ≥ 0; up to a row's position is positions[i] − j ≥ 0",
  );
  refusesCache({ mask: "c = less(ka, pc)" }, "mask-reads-positions", "where positions[i] − j − 1 ≥ 0");
});

test("a mask that lets the keys behind a position through", () => {
  refusesCache({ mask: "c = less_equal(pc, ka)" }, "mask-reads-positions", "where j − positions[i] ≥ 0");
});

test("a window of the last few keys, and positions that are doubled", () => {
  refusesCache(
    { mask: "back = sub(pc, 2)\nc = greater(ka, back)" },
    "mask-reads-positions",
    "where j − positions[i] + 1 ≥ 0",
  );
  refusesCache(
    { mask: "p2 = mul(pc, 2)\nc = less_equal(ka, p2)" },
    "mask-reads-positions",
    "where 2·positions[i] − j ≥ 0",
  );
});

test("the first row's position for every row", () => {
  refusesCache(
    { queryAt: "only = slice(positions, length=1)\npc = reshape(only, shape=[1, 1])" },
    "mask-reads-positions",
    "where positions[0] − j ≥ 0; up to a row's position is positions[i] − j ≥ 0",
  );
});

test("a position for each head, of which there are as many as rows", () => {
  refusesCache(
    {
      query: "q3 = reshape(q, shape=[2, 2, 4])\nqt = transpose(q3, perm=[1, 0, 2])",
      queryAt: "pc = reshape(positions, shape=[2, 1, 1])",
      merged: "y = reshape(ot, shape=[2, 8])",
    },
    "mask-reads-positions",
    "where positions[h] − j ≥ 0; up to a row's position is positions[i] − j ≥ 0",
    { inputs: "q: f32[2, 8], state k: f32[9, 8], state v: f32[9, 8], positions: i32[2]" },
  );
});

test("a number for each row that is computed of positions, and not read", () => {
  refusesCache(
    {
      queryAt:
        "all = iota(length=T)\nhalf = div(all, 2)\nown = gather(positions, half)\npc = reshape(own, shape=[T, 1])\nsum = add(pc, pc)",
      mask: "c = less_equal(ka, sum)",
    },
    "mask-reads-positions",
    "c lets a key through where 2·own[i] − j ≥ 0; up to a row's position is positions[i] − j ≥ 0",
  );
});

test("positions that f32 may have rounded", () => {
  refusesCache(
    { mask: "pf = cast(pc, to=f32)\nkf = cast(ka, to=f32)\nc = less_equal(kf, pf)" },
    "mask-reads-positions",
    "where f32(positions[i]) − j ≥ 0; up to a row's position is positions[i] − j ≥ 0",
  );
  refusesCache(
    { mask: "pf = cast(pc, to=f32)\nnext = add(pf, 1.0)\nkf = cast(ka, to=f32)\nc = less(kf, next)" },
    "mask-reads-positions",
    "c is less(kf, next), not a comparison of positions",
  );
});

test("keys whose own places are data", () => {
  refusesCache({ keyAt: "" }, "mask-reads-positions", "where positions[i] − ka[j] ≥ 0", {
    inputs: `${CACHES}, positions: i32[T], ka: i32[9]`,
  });
});

test("a mask that is data itself", () => {
  refusesCache({ queryAt: "", keyAt: "", mask: "" }, "mask-reads-positions", "c is an input, not a comparison", {
    inputs: `${CACHES}, c: bool[T, 9]`,
  });
});

test("masked scores that a row may yet count", () => {
  refusesCache(
    { masked: "m = select(c, s, -1e10)" },
    "masks-by-minus-infinity",
    "a masked score becomes -10000000000, and",
  );
});

test("scores of f16", () => {
  refusesCache({ scaled: "", masked: "m = select(c, s0, -60000.0h)" }, "works-in-f32", "s0 is f16[2, T, 9]", {
    inputs: "q: f16[T, 8], state k: f16[9, 8], state v: f16[9, 8], positions: i32[T]",
  });
});

test("keys up to a symbol", () => {
  refusesCache(
    {
      keys: "kp = slice(k, length=P+T)\nk3 = reshape(kp, shape=[P+T, 2, 4])\nkt = transpose(k3, perm=[1, 2, 0])",
      values: "vp = slice(v, length=P+T)\nv3 = reshape(vp, shape=[P+T, 2, 4])\nvt = transpose(v3, perm=[1, 0, 2])",
      keyAt: "ka = iota(length=P+T)",
    },
    "query-rows",
    "s is f32[2, T, P+T], whose keys are no number",
  );
});

test("heads that are interleaved: of the queries, the keys or the result", () => {
  refusesCache(
    { query: "q3 = reshape(q, shape=[T, 4, 2])\nqt = transpose(q3, perm=[2, 0, 1])" },
    "query-rows",
    "qt reads q3 at [i, 2·d + h], not rows with their heads side by side",
  );
  refusesCache(
    { keys: "k3 = reshape(k, shape=[9, 4, 2])\nkt = transpose(k3, perm=[2, 1, 0])" },
    "key-rows",
    "kt reads k3 at [j, 2·d + h], not at j",
  );
  refusesCache({ turned: "ot = transpose(o, perm=[1, 2, 0])" }, "merges-heads", "the heads side by side");
});

test("a softmax that something else reads", () => {
  refusesCache({}, "intermediates-are-private", "p is also returned by the graph", { results: "y, p" });
});

const rowsBy = (pages: string, suffix = ""): string =>
  `own = gather(${pages}, sequence)
    o3 = reshape(own, shape=[T, 2, 1])
    first = mul(o3, 2)
    offset = iota(length=2)
    table = add(first, offset)
    places = reshape(table, shape=[T, 4])`.replaceAll(/\b(own|o3|first|offset|table|places)\b/g, `$1${suffix}`);

test("values in pages of another table, or after each other", () => {
  const turned = "v5 = reshape(vg, shape=[T, 4, 2, 1, 4])\nvt = transpose(v5, perm=[0, 2, 3, 1, 4])";
  refusesPages(
    { values: `${rowsBy("others", "_v")}\nvg = gather(v, places_v)\n${turned}` },
    "keys-and-values-lie-alike",
    "key j is row 2·pages[sequence[h0], j div 2] + j − 2·(j div 2), but its value is row 2·others[sequence[h0], j div 2]",
    withInputs("sequence: i32[T], pages: i32[3, 2], others: i32[3, 2]"),
  );
  refusesPages(
    {
      values: `few = slice(v, length=4)\nv4 = reshape(few, shape=[1, 4, 8])\nvg = expand(v4, shape=[T, 4, 8])\n${turned}`,
    },
    "keys-and-values-lie-alike",
    "but its value is row j",
  );
});

test("rows of keys for each head", () => {
  const rows = (name: string, perm: string): string =>
    `${name}h = reshape(${name}, shape=[12, 4])
      ${name}g = gather(${name}h, places)
      ${name}5 = reshape(${name}g, shape=[T, 2, 1, 4, 4])
      ${name}t = transpose(${name}5, perm=${perm})`;
  refusesPages(
    { rows: "", keys: rows("k", "[0, 1, 2, 4, 3]"), values: rows("v", "[0, 1, 2, 3, 4]") },
    "key-rows",
    "kt reads k5 at [h0, 16·h1 + 4·j + d], not at j",
    withInputs("places: i32[T, 2, 4]"),
  );
});

test.run();
