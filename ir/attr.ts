// Attributes: what a node knows besides its operands. An op declares a spec for each; a spec fixes kind and default.
import { printNumber } from "./print-literal.ts";
import { bindDim, type Dim, DTYPES, type DType, dimEquals, isDim, printDim, type SymbolValues } from "./type.ts";

/** An attribute's value. */
export type Attr = boolean | string | Dim | readonly Dim[];
/** Attributes by name. */
export type Attrs = Readonly<Record<string, Attr>>;

/** The kinds of attributes. `word` is any name, `choice` one of some, `ints` a list of whole numbers, `dims` a shape. */
export const ATTR_KINDS = ["int", "float", "bool", "choice", "word", "dim", "dims", "ints"] as const;
/** The kinds of attributes; see `ATTR_KINDS`. */
export type AttrKind = (typeof ATTR_KINDS)[number];

/** What an attribute may be. Without a default it must be given. */
export interface AttrSpec<V extends Attr = Attr> {
  readonly kind: AttrKind;
  readonly default?: V;
  readonly choices?: readonly string[];
}
/** The attributes that an op has. */
export type AttrSpecs = Readonly<Record<string, AttrSpec>>;
/** The values that belong to specs. */
export type AttrsOf<S extends AttrSpecs> = { readonly [K in keyof S]: S[K] extends AttrSpec<infer V> ? V : never };

const spec = <V extends Attr>(kind: AttrKind, value?: V, choices?: readonly string[]): AttrSpec<V> => ({
  kind,
  ...(value === undefined ? {} : { default: value }),
  ...(choices === undefined ? {} : { choices }),
});

/** The attribute kinds, for op files: `attrs: { axis: attr.int(-1), shape: attr.dims() }`. */
export const attr = {
  /** A whole number. */
  int: (value?: number) => spec<number>("int", value),
  /** A number. */
  float: (value?: number) => spec<number>("float", value),
  /** True or false. */
  bool: (value?: boolean) => spec<boolean>("bool", value),
  /** A name. */
  word: (value?: string) => spec<string>("word", value),
  /** A length, which may be symbolic. */
  dim: (value?: Dim) => spec<Dim>("dim", value),
  /** A shape. */
  dims: (value?: readonly Dim[]) => spec<readonly Dim[]>("dims", value),
  /** Whole numbers, such as an order of axes. */
  ints: (value?: readonly number[]) => spec<readonly number[]>("ints", value),
  /** An element type. */
  dtype: (value?: DType) => spec<DType>("choice", value, DTYPES),
  /** One of the names given. */
  choice: <const C extends string>(choices: readonly C[], value?: C) => spec<C>("choice", value, choices),
};

/** Whether a dim is a whole number for all values of its symbols. */
export const isWhole = (d: Dim): boolean =>
  typeof d === "number"
    ? Number.isInteger(d)
    : Number.isInteger(d.constant) && d.terms.every((t) => Number.isInteger(t.factor));

/** Says what is wrong with a value for a spec, or nothing. */
export function attrProblem(spec: AttrSpec, value: Attr): string | undefined {
  const list = Array.isArray(value) ? value : undefined;
  const fits = {
    int: Number.isInteger(value),
    float: typeof value === "number",
    bool: typeof value === "boolean",
    choice: typeof value === "string" && (spec.choices ?? []).includes(value),
    word: typeof value === "string",
    dim: isDim(value) && isWhole(value),
    dims: list?.every(isWhole) === true,
    ints: list?.every((d) => Number.isInteger(d)) === true,
  }[spec.kind];
  if (fits) return undefined;
  const wanted = spec.kind === "choice" ? `one of ${(spec.choices ?? []).join(", ")}` : `a value of kind ${spec.kind}`;
  return `is ${printAttr(value)}, but wants ${wanted}`;
}

/** The value as the graph's text has it. */
export function printAttr(a: Attr): string {
  if (typeof a === "boolean" || typeof a === "string") return String(a);
  if (typeof a === "number") return Number.isInteger(a) ? String(a) : printNumber(a, "f32");
  if (isDim(a)) return printDim(a);
  return `[${a.map(printDim).join(", ")}]`;
}

/** Whether two values are the same. */
export function attrEquals(a: Attr, b: Attr): boolean {
  if (isDim(a) && isDim(b)) return dimEquals(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return printAttr(a) === printAttr(b);
  return a === b;
}

/** Whether two nodes have the same attributes. */
export const attrsEqual = (a: Attrs, b: Attrs): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => k in b && attrEquals(a[k] ?? "", b[k] ?? ""));
};

/** The lengths in an attribute. */
export const dimsOf = (a: Attr): readonly Dim[] =>
  typeof a === "boolean" || typeof a === "string" ? [] : isDim(a) ? [a] : a;

/** The attributes with symbols replaced by numbers wherever a dim stands. */
export function bindAttrs(attrs: Attrs, symbols: SymbolValues): Attrs {
  const bind = (a: Attr): Attr => {
    if (typeof a === "boolean" || typeof a === "string") return a;
    return isDim(a) ? bindDim(a, symbols) : a.map((d) => bindDim(d, symbols));
  };
  return Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, bind(v)]));
}

/** The attribute `name`, which the verifier knows to be there and to be of the kind its spec asks for. */
export function attrOf<A extends Attr>(attrs: Attrs, name: string): A {
  return attrs[name] as A;
}
