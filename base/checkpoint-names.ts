// How a family's published checkpoints name their tensors, and what its weights are before training: data, which plans and bundles
// carry, so that a runtime knows no family. Patterns are the sources of regular expressions, tried on a tensor's whole name.

/** What a family's checkpoints hold besides the weights of its graphs, and under which names. */
export interface CheckpointNames {
  /** What its language model has before every name but the head's, such as `transformer.`. */
  readonly prefix?: string;
  /** A head that may be the table of embeddings. */
  readonly tied?: TiedHead;
  /** Tensors that change no result. */
  readonly ignored?: readonly TensorPattern[];
  /** Tensors that change the result of the model that has them, so that another one can't leave them out. */
  readonly refused?: readonly RefusedTensor[];
  /** What is said of a matrix that is stored as the transpose of what is wanted. */
  readonly transposed?: string;
}

/** Of a tied pair, either may be the one that a checkpoint keeps. */
export interface TiedHead {
  /** The table. */
  readonly embedding: string;
  /** The head. */
  readonly head: string;
  /** The key of config.json that says whether they are one. */
  readonly key: string;
}

/** Tensors of some names and, where it says one, of a shape. */
export interface TensorPattern {
  /** A regular expression. */
  readonly name: string;
  /** Lengths; axes that have the same letter have the same length. */
  readonly shape?: readonly (number | string)[];
}

/** Tensors that another model has. */
export interface RefusedTensor {
  /** A regular expression. */
  readonly name: string;
  /** Why the graph can't be right without it. */
  readonly why: string;
  /** The way out. */
  readonly hint: string;
}

/** What a family's weights are before training. The first rule that fits a tensor counts. */
export interface Initialisation {
  /** A regular expression with a layer's number in it, in parentheses. */
  readonly layer?: string;
  /** In order. */
  readonly rules: readonly InitialRule[];
}

/** Normal with a standard deviation, or one value everywhere. */
export interface InitialRule {
  /** A regular expression. */
  readonly name: string;
  readonly std?: number;
  readonly value?: number;
  /** Divides the standard deviation by √(2 · layers), as for what writes to the residual stream. */
  readonly perLayers?: boolean;
}
