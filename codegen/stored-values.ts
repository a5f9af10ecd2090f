// The values of one region as they lie in buffers: which storage holds each, and the WGSL that declares and reads them.
import { at, type Graph, type GraphIndex, indexGraph, type Value } from "../ir/index.ts";
import type { Binding } from "./binding.ts";
import type { ElementScope, Neighbours } from "./buffer-format.ts";
import { asked, type Storage, type Stored, storedAs, type VectorSize } from "./storage.ts";
import { BUFFER_FORMATS } from "./storages/index.ts";
import type { Target } from "./target.ts";

/** What a region's values lie by. */
export interface StoredOptions {
  /** The ways in which tensors may lie in buffers. */
  readonly storages: readonly Storage[];
  /** Whose features may be used; none when absent. */
  readonly target?: Target | undefined;
}

/** What may be asked for features. */
type Featured = Pick<Storage, "name" | "features">;

/** How the values of a region's body lie. */
export class StoredValues {
  readonly index: GraphIndex;
  readonly #body: Graph;
  readonly #inputs: ReadonlySet<Value>;
  readonly #options: StoredOptions;

  constructor(body: Graph, options: StoredOptions) {
    this.index = indexGraph(body);
    this.#body = body;
    this.#inputs = new Set(body.inputs.map((i) => i.value));
    this.#options = options;
  }

  /** Whether the value is an input of the body. */
  isInput(v: Value): boolean {
    return this.#inputs.has(v);
  }

  /** How a value lies in buffers; undefined where the region computes it of something else. */
  of(v: Value): Stored | undefined {
    const producer = this.index.producer(v);
    const found = storedAs(this.#options.storages, v, producer);
    return found?.parts.every((p) => this.#inputs.has(p)) ? found : undefined;
  }

  /** What a buffer of the value is an array of, where that holds so many of its elements. */
  typeOf({ type }: Value, width = 1): string {
    const format = BUFFER_FORMATS[type.dtype];
    return format.type(width, this.#featuresOf(format));
  }

  /** A name for the element at `place` of the value's binding. */
  element({ type }: Value, binding: string, place: string, scope: ElementScope): string {
    const format = BUFFER_FORMATS[type.dtype];
    return format.element(binding, place, scope, this.#featuresOf(format));
  }

  /** How many neighbours of the value along its last axis are stored at a time. */
  together({ type }: Value): Neighbours {
    const format = BUFFER_FORMATS[type.dtype];
    return format.together(this.#featuresOf(format));
  }

  /** The statement that stores so many elements in the value's binding, at a place that counts groups of them. */
  store({ type }: Value, binding: string, place: string, elements: readonly string[]): string {
    const format = BUFFER_FORMATS[type.dtype];
    return format.store(binding, place, elements, this.#featuresOf(format));
  }

  /** The statements of a function that loads `size` elements, whose buffers are called so. */
  load({ storage, parts }: Stored, size: VectorSize, nameOf: (part: Value) => string): readonly string[] {
    const bound = parts.map((part) => ({ name: nameOf(part), type: part.type }));
    const features = this.#featuresOf(storage);
    return asked(
      storage,
      "load",
      () => storage.load(size, bound, features),
      isTexts,
      "the statements of a WGSL function",
    );
  }

  /** How many of its own elements each input is bound in arrays of, where a kernel reads values by so many elements a load. */
  widths(vectors: ReadonlyMap<Value, VectorSize>): ReadonlyMap<Value, number> {
    return new Map(
      [...vectors].flatMap(([v, size]) => {
        const stored = this.of(v);
        if (!stored) return [];
        const { storage, parts } = stored;
        const areWidths = (x: unknown) =>
          Array.isArray(x) && x.length === parts.length && x.every((n) => [1, 2, 4, 8].includes(n));
        const widths = asked(
          storage,
          "widths",
          () => storage.widths(size),
          areWidths,
          "1, 2, 4 or 8 for each of its parts",
        );
        return parts.map((part, i) => [part, at(widths, i)] as const);
      }),
    );
  }

  /** How many elements arithmetic makes of each of a value's. */
  unpacks(v: Value): number {
    for (const made of this.index.users(v).flatMap((n) => n.results)) {
      const { storage, parts = [] } = this.of(made) ?? {};
      const unpacked = storage?.unpacks?.[parts.indexOf(v)];
      if (unpacked !== undefined) return unpacked;
    }
    return BUFFER_FORMATS[v.type.dtype].unpacks;
  }

  /** Features of the adapter that shaders read these bindings by. */
  featuresOf(bindings: readonly Binding[]): readonly string[] {
    const formats = bindings.map((b): Featured => BUFFER_FORMATS[b.value.type.dtype]);
    const storages = this.#body.nodes
      .flatMap((n) => n.results)
      .flatMap((v): readonly Featured[] => {
        const { storage } = this.of(v) ?? {};
        return storage ? [storage] : [];
      });
    return [...new Set([...formats, ...storages].flatMap((source) => this.#featuresOf(source)))];
  }

  #featuresOf(source: Featured): readonly string[] {
    const { target } = this.#options;
    if (!target || !source.features) return [];
    return asked(source, "features", () => source.features?.(target) ?? [], isTexts, "a list of features");
  }
}

const isTexts = (x: unknown): boolean => Array.isArray(x) && x.every((text) => typeof text === "string");
