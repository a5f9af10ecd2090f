// The types that storage and workgroup variables of a shader may have, read from their declarations.
import { CompileError } from "../../ir/index.ts";
import type { Token } from "./tokens.ts";

/** A type whose places can be counted. */
export type WgslType =
  | { readonly kind: "scalar"; readonly bytes: number; readonly atomic: boolean }
  | { readonly kind: "vector" | "matrix"; readonly length: string; readonly bytes: number; readonly element: WgslType }
  /** `length` is a constant expression as it stands in the text; an array whose length a buffer decides has none. */
  | { readonly kind: "array"; readonly length: string | undefined; readonly element: WgslType };

const SCALAR_BYTES: Readonly<Record<string, number>> = { f32: 4, i32: 4, u32: 4, f16: 2, bool: 4 };
const SUFFIXES: Readonly<Record<string, string>> = { f: "f32", i: "i32", u: "u32", h: "f16" };

/** A type and the place of the token after it. */
export interface ParsedType {
  readonly type: WgslType;
  readonly next: number;
}

/**
 * The type that begins at token `at`.
 * @throws CompileError for one whose places can't be counted: a struct, a pointer, vectors of three with gaps between them.
 */
export function parseWgslType(
  tokens: readonly Token[],
  at: number,
  aliases: ReadonlyMap<string, WgslType>,
  text: (from: number, to: number) => string,
): ParsedType {
  const name = tokens[at]?.text ?? "";
  const known = aliases.get(name);
  if (known) return { type: known, next: at + 1 };
  const refuse = (): never => {
    throw new CompileError(
      "WGSL type",
      `${name} is no array, vector or number`,
      "a shader that uses it can't be checked",
    );
  };
  const argument = (): ParsedType => {
    if (tokens[at + 1]?.text !== "<") return refuse();
    return parseWgslType(tokens, at + 2, aliases, text);
  };
  if (name in SCALAR_BYTES) return { type: scalar(name), next: at + 1 };
  if (name === "atomic") {
    const { type, next } = argument();
    if (type.kind !== "scalar" || tokens[next]?.text !== ">") return refuse();
    return { type: { ...type, atomic: true }, next: next + 1 };
  }
  if (name === "array") {
    const { type: element, next } = argument();
    if (tokens[next]?.text === ">") return { type: { kind: "array", length: undefined, element }, next: next + 1 };
    if (tokens[next]?.text !== ",") return refuse();
    let end = next + 1;
    for (let depth = 0; end < tokens.length && (depth > 0 || tokens[end]?.text !== ">"); end++)
      depth += tokens[end]?.text === "(" ? 1 : tokens[end]?.text === ")" ? -1 : 0;
    return { type: { kind: "array", length: text(next + 1, end), element }, next: end + 1 };
  }
  const [, vector, columns, rows, suffix] = /^(?:vec([24])|mat([234])x([24]))([fhiu]?)$/.exec(name) ?? [];
  if (suffix === undefined) return refuse();
  const inner = suffix === "" ? argument() : { type: scalar(SUFFIXES[suffix] ?? suffix), next: at + 1 };
  if (inner.type.kind !== "scalar" || (suffix === "" && tokens[inner.next]?.text !== ">")) return refuse();
  const next = suffix === "" ? inner.next + 1 : inner.next;
  const several = (kind: "vector" | "matrix", length: string, element: WgslType, each: number): WgslType => ({
    kind,
    length: `${length}u`,
    bytes: Number(length) * each,
    element,
  });
  const { bytes } = inner.type;
  if (vector !== undefined) return { type: several("vector", vector, inner.type, bytes), next };
  const column = several("vector", rows ?? "", inner.type, bytes);
  return { type: several("matrix", columns ?? "", column, Number(rows) * bytes), next };
}

const scalar = (name: string): WgslType => ({ kind: "scalar", bytes: SCALAR_BYTES[name] ?? 4, atomic: false });

/** Bytes between two elements of an array of the type; undefined for arrays of arrays, whose lengths are expressions. */
export const bytesOf = (type: WgslType): number | undefined => (type.kind === "array" ? undefined : type.bytes);
