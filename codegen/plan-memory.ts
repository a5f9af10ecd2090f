// Which buffer each value of a graph lives in. Values that are never live at the same time share a buffer; what is updated
// in place stays in the buffer of the old value.
import { DTYPE_BYTES } from "../base/dtype.ts";
import { type PlanBuffer, type PlanBufferKind, planDim } from "../base/plan.ts";
import {
  at,
  bindDim,
  CompileError,
  type Dim,
  type Graph,
  isLiteral,
  type Node,
  printDim,
  printType,
  type SymbolValues,
  typeEquals,
  updatedOperands,
  type Value,
} from "../ir/index.ts";

/** A buffer as it grows: its size is the largest of several products of dims, in bytes. */
interface Slot {
  readonly name: string;
  readonly kind: PlanBufferKind;
  readonly bytes: (readonly Dim[])[];
  /** The value that takes most of it. */
  largest: Value;
}

/** The largest buffer of a plan, at the symbols' maxima. */
export interface LargestBuffer {
  readonly name: string;
  /** The value that makes it so large. */
  readonly holds: string;
  readonly bytes: number;
}

const TEMPORARY = /^temporary\.\d+$/;

/** Buffers that all entry points of a plan share: weights, states, inputs and outputs by name, temporaries by number. */
export class MemoryPlan {
  readonly #maxima: SymbolValues;
  readonly #named = new Map<string, Slot>();
  readonly #temporaries: Slot[] = [];

  constructor(maxima: SymbolValues) {
    this.#maxima = maxima;
  }

  /** All buffers so far; sizes are in bytes. */
  get buffers(): readonly PlanBuffer[] {
    return [...this.#named.values(), ...this.#temporaries].map(({ name, kind, bytes }) => ({
      name,
      kind,
      bytes: bytes.map((product) => product.map(planDim)),
    }));
  }

  /** The size of the largest buffer at the symbols' maxima. */
  get largestBytes(): number {
    return this.largest.bytes;
  }

  /** The largest buffer; one of four bytes, which is the least that WebGPU makes, where there is none. */
  get largest(): LargestBuffer {
    const sized = [...this.#named.values(), ...this.#temporaries].map((slot) => ({
      name: slot.name,
      holds: slot.largest.name,
      bytes: Math.max(4, this.#slotBytes(slot)),
    }));
    return sized.reduce((a, b) => (b.bytes > a.bytes ? b : a), { name: "", holds: "", bytes: 4 });
  }

  /** Places every value of one entry point's graph; returns the buffer's name for each. */
  place(graph: Graph): ReadonlyMap<Value, string> {
    const places = new Map<Value, string>();
    for (const { kind, value } of graph.inputs) places.set(value, this.#name(value, kind));
    const owners = updatedOwners(graph);
    const lastUse = lastUses(graph);
    const free = [...this.#temporaries];
    for (const [step, node] of graph.nodes.entries()) {
      for (const r of node.results) {
        const owner = owners.get(r);
        places.set(
          r,
          owner
            ? this.#update(graph, places, node, owner, r)
            : graph.results.includes(r)
              ? this.#name(r, "output")
              : this.#take(free, r),
        );
      }
      // Freed only after the results are placed: a kernel must not write what it still reads.
      for (const v of new Set([...node.operands, ...node.results])) {
        if (isLiteral(v) || lastUse.get(v) !== step) continue;
        const slot = this.#temporaries.find((s) => s.name === places.get(v));
        if (slot && !free.includes(slot)) free.push(slot);
      }
    }
    checkPlaces(graph, places);
    return places;
  }

  #name(value: Value, kind: PlanBufferKind): string {
    const { name } = value;
    if (TEMPORARY.test(name))
      throw new CompileError(name, "a value has the name of one of the plan's own buffers", "give it another name");
    const slot = this.#slotOf(value, kind);
    const { type } = slot.largest;
    // What lives from call to call has one type; an input may be longer in one entry point than in another.
    const lives = kind === "weight" || kind === "state";
    if (slot.kind === kind && (lives ? !typeEquals(type, value.type) : type.dtype !== value.type.dtype))
      throw new CompileError(
        name,
        `is ${printType(type)} of one entry point, but ${printType(value.type)} of another`,
        "entry points share what they name alike",
      );
    if (slot.kind !== kind)
      throw new CompileError(
        name,
        `is ${slot.kind} of one entry point, but ${kind} of another`,
        "entry points share what they name alike",
      );
    this.#named.set(slot.name, slot);
    this.#grow(slot, value);
    return slot.name;
  }

  /** The slot of a value's name. What lives for one call only may have a name that another entry point gives to something else. */
  #slotOf(value: Value, kind: PlanBufferKind): Slot {
    const { name, type } = value;
    const fits = (slot: Slot | undefined): boolean =>
      !slot || (slot.kind === kind && slot.largest.type.dtype === type.dtype);
    const isCalls = (k: PlanBufferKind | undefined): boolean => k === "input" || k === "output";
    const known = this.#named.get(name);
    const apart = isCalls(kind) && isCalls(known?.kind) ? [`${name}.${kind}`, `${name}.${kind}.${type.dtype}`] : [];
    const free = [name, ...apart].find((n) => fits(this.#named.get(n))) ?? name;
    return this.#named.get(free) ?? { name: free, kind, bytes: [], largest: value };
  }

  #update(graph: Graph, places: ReadonlyMap<Value, string>, node: Node, old: Value, fresh: Value): string {
    const input = graph.inputs.find((i) => i.value === old);
    if (input && input.kind !== "state")
      throw new CompileError(
        `${node.op.name} ${fresh.name}`,
        `updates ${old.name} in place, but that is ${input.kind === "input" ? "an input" : "a weight"}`,
        `declare it as state: \`state ${old.name}: …\``,
      );
    return placeIn(places, old);
  }

  /** The smallest free buffer that is large enough, else the largest free one, which grows, else a new one. */
  #take(free: Slot[], value: Value): string {
    const wanted = this.#bytesOf(value);
    const sized = free.map((slot) => ({ slot, bytes: this.#slotBytes(slot) })).sort((a, b) => a.bytes - b.bytes);
    const found = (sized.find((s) => s.bytes >= wanted) ?? sized.at(-1))?.slot;
    const slot = found ?? {
      name: `temporary.${this.#temporaries.length}`,
      kind: "temporary" as const,
      bytes: [],
      largest: value,
    };
    if (found) free.splice(free.indexOf(found), 1);
    else this.#temporaries.push(slot);
    this.#grow(slot, value);
    return slot.name;
  }

  #grow(slot: Slot, value: Value): void {
    const product = [DTYPE_BYTES[value.type.dtype], ...value.type.shape];
    const text = JSON.stringify(product);
    if (!slot.bytes.some((b) => JSON.stringify(b) === text)) slot.bytes.push(product);
    if (this.#bytesOf(value) > this.#bytesOf(slot.largest)) slot.largest = value;
  }

  #bytesOf(value: Value): number {
    return this.#productBytes([DTYPE_BYTES[value.type.dtype], ...value.type.shape], value.name);
  }
  #slotBytes(slot: Slot): number {
    return Math.max(0, ...slot.bytes.map((product) => this.#productBytes(product, slot.name)));
  }
  #productBytes(product: readonly Dim[], place: string): number {
    return product.reduce<number>((n, d) => {
      const size = bindDim(d, this.#maxima);
      if (typeof size !== "number")
        throw new CompileError(
          place,
          `has the length ${printDim(size)}, a symbol of which has no largest value`,
          "give the plan a maximum for every symbol",
        );
      return n * size;
    }, 1);
  }
}

function placeIn(places: ReadonlyMap<Value, string>, v: Value): string {
  const place = places.get(v);
  if (place !== undefined) return place;
  throw new CompileError(`memory plan ${v.name}`, "has no buffer", "`verify` says what the graph lacks");
}

/** Which old value each in-place result takes the buffer of. */
function updatedOwners(graph: Graph): ReadonlyMap<Value, Value> {
  const owners = new Map<Value, Value>();
  for (const node of graph.nodes) {
    if (!node.body) {
      for (const old of updatedOperands(node)) owners.set(at(node.results, 0), old);
      continue;
    }
    const { body } = node;
    for (const inner of body.nodes)
      for (const old of updatedOperands(inner)) {
        const input = body.inputs.findIndex((i) => i.value === old);
        const result = body.results.indexOf(at(inner.results, 0));
        // What is made in the region itself lies nowhere yet.
        if (input < 0) continue;
        if (result < 0)
          throw new CompileError(
            `fused ${at(node.results, 0).name}`,
            `updates ${old.name} in place, but does not take it in and return it`,
          );
        owners.set(at(node.results, result), at(node.operands, input));
      }
  }
  return owners;
}

/** The last node that reads each value; for a value that nothing reads, the node that makes it; none for results. */
function lastUses(graph: Graph): ReadonlyMap<Value, number> {
  const last = new Map<Value, number>();
  for (const [step, node] of graph.nodes.entries()) {
    for (const v of node.operands) last.set(v, step);
    for (const v of node.results) last.set(v, step);
  }
  for (const v of graph.results) last.delete(v);
  // An in-place result keeps its buffer busy for as long as it lives itself.
  for (const [fresh, old] of updatedOwners(graph)) {
    const end = last.get(fresh);
    if (end === undefined) last.delete(old);
    else last.set(old, Math.max(end, last.get(old) ?? 0));
  }
  return last;
}

/**
 * Runs through the graph again with the buffers as they were placed, and throws when a node reads a value whose buffer
 * holds another one by then, or writes a buffer that it also reads.
 */
export function checkPlaces(graph: Graph, places: ReadonlyMap<Value, string>): void {
  const holds = new Map<string, Value>();
  for (const { value } of graph.inputs) holds.set(places.get(value) ?? "", value);
  const owners = updatedOwners(graph);
  const placeOf = (v: Value): string => placeIn(places, v);
  const mustHold = (v: Value, reader: string): void => {
    const found = holds.get(placeOf(v));
    if (found !== v)
      throw new CompileError(
        `memory plan ${reader}`,
        `reads ${v.name} in ${placeOf(v)}, which holds ${found?.name ?? "nothing"} by then`,
      );
  };
  for (const node of graph.nodes) {
    const label = at(node.results, 0).name;
    const operands = node.operands.filter((v) => !isLiteral(v));
    for (const v of operands) mustHold(v, label);
    for (const r of node.results) {
      const clash = operands.find((v) => placeOf(v) === placeOf(r) && owners.get(r) !== v);
      if (clash)
        throw new CompileError(
          `memory plan ${label}`,
          `writes ${r.name} to ${placeOf(r)} while it reads ${clash.name} there`,
        );
      const twin = node.results.find((o) => o !== r && placeOf(o) === placeOf(r));
      if (twin) throw new CompileError(`memory plan ${label}`, `writes ${r.name} and ${twin.name} to ${placeOf(r)}`);
      holds.set(placeOf(r), r);
    }
  }
  for (const v of graph.results) if (!isLiteral(v)) mustHold(v, "result");
}
