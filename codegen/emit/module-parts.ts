// What the modules of language models and of graphs have in common, and where they differ.
import type { MethodSignatureStructure, OptionalKind, PropertySignatureStructure } from "ts-morph";
import type { BundleWeights } from "../../base/bundle.ts";

/** What differs between the modules of a language model and of graphs. */
export interface ModuleParts {
  /** Types that the module imports besides `LOADING_TYPES`. */
  readonly types: readonly string[];
  /** The function of wgpt/runtime that loads it. */
  readonly loader: string;
  /** The properties of `facts`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Of the interface. */
  readonly docs: string;
  readonly properties: readonly OptionalKind<PropertySignatureStructure>[];
  readonly methods: readonly OptionalKind<MethodSignatureStructure>[];
  /** What `load` returns, member by member: shapes are written out, so that the compiler checks them against the interface. */
  readonly members: readonly string[];
}

/** How matrices and tables are stored. */
export function matrixDType({ tensors }: BundleWeights): "f16" | "f32" {
  const matrices = tensors.filter((t) => t.shape.length > 1);
  return matrices.length > 0 && matrices.every((t) => t.dtype === "f16") ? "f16" : "f32";
}

/** A property of an interface. */
export const reader = (name: string, type: string, doc: string): OptionalKind<PropertySignatureStructure> => ({
  name,
  type,
  isReadonly: true,
  docs: [doc],
});
