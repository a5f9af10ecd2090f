// Attention whose positions are data, in primitive ops, as text whose steps a test can write otherwise: two heads of four, over the nine
// rows of a cache, or over four places in pages of two rows.
import { attentionGraph, type Frame, fusedAttentionGraph, type Steps } from "./attention-text.ts";

const WHOLE: Steps = {
  keys: "k3 = reshape(k, shape=[9, 2, 4])\nkt = transpose(k3, perm=[1, 2, 0])",
  values: "v3 = reshape(v, shape=[9, 2, 4])\nvt = transpose(v3, perm=[1, 0, 2])",
  queryAt: "pc = reshape(positions, shape=[T, 1])",
  keyAt: "ka = iota(length=9)",
  mask: "c = less_equal(ka, pc)",
  masked: "m = select(c, s, -inf)",
};

const CACHE: Frame = { inputs: "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8], positions: i32[T]" };

/** Over the whole of a cache. */
export const overCache = (steps: Steps = {}, options: Frame = {}): string =>
  attentionGraph({ ...WHOLE, ...steps }, { ...CACHE, ...options });

const ROWS = `own = gather(pages, sequence)
    o3 = reshape(own, shape=[T, 2, 1])
    first = mul(o3, 2)
    offset = iota(length=2)
    table = add(first, offset)
    places = reshape(table, shape=[T, 4])
`;

const gathered = (name: string, perm: string): string =>
  `${name}g = gather(${name}, places)
    ${name}5 = reshape(${name}g, shape=[T, 4, 2, 1, 4])
    ${name}t = transpose(${name}5, perm=${perm})`;

const PAGED: Steps = {
  query: "qt = reshape(q, shape=[T, 2, 1, 1, 4])",
  keys: ROWS + gathered("k", "[0, 2, 3, 4, 1]"),
  values: gathered("v", "[0, 2, 3, 1, 4]"),
  queryAt: "pc = reshape(positions, shape=[T, 1, 1, 1, 1])",
  keyAt: "ka = iota(length=4)",
  mask: "c = less_equal(ka, pc)",
  masked: "m = select(c, s, -inf)",
  turned: "",
  merged: "y = reshape(o, shape=[T, 8])",
};

const POOL = "q: f32[T, 8], state k: f32[6, 8], state v: f32[6, 8], positions: i32[T]";
const PAGES: Frame = { inputs: `${POOL}, sequence: i32[T], pages: i32[3, 2]` };

/** Over rows that a page table leads to, which are looked up by `rows`. */
export const overPages = (steps: Steps & { readonly rows?: string } = {}, options: Frame = {}): string => {
  const { rows = ROWS, ...others } = steps;
  return attentionGraph(
    { ...PAGED, keys: `${rows}\n${gathered("k", "[0, 2, 3, 4, 1]")}`, ...others },
    { ...PAGES, ...options },
  );
};

/** The inputs of the pool, with others than a sequence and its pages. */
export const withInputs = (more: string): Frame => ({ inputs: `${POOL}, ${more}` });

/** What they are fused into. */
export const fusedOverCache = (
  operands = "q, k, v, positions",
  options: Frame & { before?: string; attrs?: string; room?: number } = {},
): string => {
  const { before = "", attrs = "n_head=2", room = 9, decode = false, ...frame } = options;
  return fusedAttentionGraph(
    {
      before: `${before}
        y.0 = iota(length=1)
        y.1 = expand(y.0, shape=[1, 1])${decode ? "" : "\ny.2 = expand(y.0, shape=[T])"}`,
      statement: `y = paged_attention(${operands}, ${decode ? "y.0" : "y.2"}, y.1, ${attrs}, page_size=${room}, scale=0.5)`,
    },
    { ...CACHE, decode, ...frame },
  );
};

export const fusedOverPages = (
  { before = "", operands = "q, k, v, positions, sequence, pages", attrs = "n_head=2, page_size=2, scale=0.5" } = {},
  options: Frame = {},
): string =>
  fusedAttentionGraph({ before, statement: `y = paged_attention(${operands}, ${attrs})` }, { ...PAGES, ...options });
