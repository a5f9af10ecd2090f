// How much of what comes from outside is taken at once, wherever it comes from.

/** Bytes of a file that is read whole: 128 MiB. The largest tokenizer has 35. Weights are read in ranges. */
export const MOST_FILE_BYTES = 2 ** 27;
/** Bytes of a range: 2 GiB. Packed weights are read whole, file by file, when they are compared with their hashes. */
export const MOST_RANGE_BYTES = 2 ** 31;
