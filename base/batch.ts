// What a batch of sequences is told in its buffers: the compiler makes them, the runtime fills them.

/** Rows of many sequences in one call, and where their keys and values lie. */
export interface BatchSpec {
  /** Sequences at a time. */
  readonly sequences: number;
  /** Rows of a page, which holds a sequence's keys and values for so many positions. */
  readonly pageSize: number;
  /** Pages of all sequences together. */
  readonly pages: number;
  /** The most rows of one call. */
  readonly rows: number;
}

/** What a batch's graphs call what is written before a step. */
export const BATCH_BUFFERS = {
  /** i32[sequences · (n_ctx + 1)]: the tokens of each sequence by position. */
  tokens: "tokens",
  /** i32[rows]: the position of each row, and below 0 where a row stands for nothing. A step that draws leaves the next ones. */
  positions: "positions",
  /** i32[rows]: the sequence of each row. */
  sequence: "sequence",
  /** i32[sequences, ⌈n_ctx / pageSize⌉]: the pages of each sequence, in order. */
  pages: "pages",
  /** f32[sequences, 5], u32[sequences] and u32[sequences, ⌈n_vocab / 32⌉], for each row of a draw; see `sample_tokens`. */
  settings: "settings",
  seed: "seed",
  suppressed: "suppressed",
} as const;
