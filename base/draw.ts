// What a draw of a token is told in its buffers: the compiler makes them, the runtime fills them, and checks those of a bundle.

/** What `settings` hold, f32, in this order. */
export const DRAW_SETTINGS = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"] as const;

/** How many words of 32 bits have a bit for each of `width` ids. */
export const suppressedWords = (width: number): number => Math.ceil(width / 32);
