// How the elements of a tensor lie in buffers, and how shaders read them: one alone, or several a load. A kernel asks for elements, and
// its region for the storage that holds them; no kernel knows which one that is.
import { shortValue } from "../base/short-json.ts";
import { CompileError, callMember, type Node, type Op, type TensorType, type Value } from "../ir/index.ts";
import type { Target } from "./target.ts";

/** How many elements a kernel may ask of one load. */
export type VectorSize = 4 | 8 | 16;

/** What so many elements are in registers: columns of four. All are added, and multiplied by a number, in the same words. */
export const VECTOR_TYPES: Readonly<Record<VectorSize, string>> = { 4: "vec4f", 8: "mat2x4f", 16: "mat4x4f" };

/** A buffer that holds a part of a tensor. */
export interface BoundPart {
  /** What the shader calls it. */
  readonly name: string;
  readonly type: TensorType;
}

/** A way in which tensors of f32 lie in buffers. Rows are those of the last axis. */
export interface Storage {
  readonly name: string;
  readonly summary: string;
  /** The op that makes the elements of what the buffers hold; absent where they hold the elements themselves. */
  readonly op?: Op;
  /** The tensors that hold the elements of `v`, which `producer` makes of them, if anything does; undefined where `v` does not lie so. */
  parts(v: Value, producer: Node | undefined): readonly Value[] | undefined;
  /** How many elements one load can give. Rows must be a multiple of it long. */
  readonly sizes: readonly VectorSize[];
  /** Why rows of such parts can't be read in loads of `size` elements, or nothing. */
  refuses?(size: VectorSize, parts: readonly TensorType[]): string | undefined;
  /** How many of its own elements each part is bound in arrays of, for loads of `size` elements. */
  widths(size: VectorSize): readonly number[];
  /** The statements of a function that returns the `i`-th `size` elements, as `VECTOR_TYPES` says; `features` are what `features` gave. */
  load(size: VectorSize, parts: readonly BoundPart[], features: readonly string[]): readonly string[];
  /** WGSL functions that `load` calls. */
  readonly helpers?: readonly string[];
  /** How many elements arithmetic makes of each element of a part, such as 4 of a word of four codes; 0 of every part when absent. */
  readonly unpacks?: readonly number[];
  /** Features of the adapter that its WGSL enables on the target; none when absent. */
  features?(target: Target): readonly string[];
}

/** A tensor's storage, and the tensors of the buffers. */
export interface Stored {
  readonly storage: Storage;
  readonly parts: readonly Value[];
}

/** How `v` lies, which `producer` makes, if anything does. The last storage that says so is right, as with kernels. */
export function storedAs(storages: readonly Storage[], v: Value, producer: Node | undefined): Stored | undefined {
  for (const storage of storages.toReversed()) {
    const parts = asked(
      storage,
      "parts",
      () => storage.parts(v, producer),
      isValuesOrNothing,
      "a list of values, or nothing",
    );
    if (parts !== undefined) return { storage, parts };
  }
  return undefined;
}

const isValuesOrNothing = (x: unknown): boolean =>
  x === undefined || (Array.isArray(x) && x.every((v: Partial<Value> | null) => typeof v?.name === "string"));

/**
 * What a member of a storage gives: a storage of a user's may give anything.
 * @throws CompileError that names storage and member for what is not what `is` says.
 */
export function asked<X>(
  { name }: Pick<Storage, "name">,
  member: string,
  call: () => X,
  fits: (given: unknown) => boolean,
  is: string,
): X {
  const place = `storage ${name}`;
  const given = callMember(place, member, call);
  if (fits(given)) return given;
  throw new CompileError(place, `its ${member} gives ${shortValue(given)}`, `it gives ${is}`);
}

/** Why rows of such a length can't be read in loads of `size` elements, or nothing. */
export function refusesSize({ storage, parts }: Stored, row: number, size: VectorSize): string | undefined {
  if (row % size !== 0) return `${row} is no multiple of ${size}`;
  if (!storage.sizes.includes(size)) return `a load of ${storage.name} gives ${storage.sizes.join(" or ")} elements`;
  const types = parts.map((p) => p.type);
  const isReason = (x: unknown) => x === undefined || typeof x === "string";
  return asked(storage, "refuses", () => storage.refuses?.(size, types), isReason, "the reason as a text, or nothing");
}

/** How many elements one load of such rows can give, the most first. */
export const vectorSizes = (stored: Stored, row: number): readonly VectorSize[] =>
  stored.storage.sizes.filter((size) => refusesSize(stored, row, size) === undefined).toSorted((a, b) => b - a);
