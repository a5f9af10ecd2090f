// Where kernels find the symbols of a call: slots of one uniform buffer, bound with an offset. The slots of an entry point
// whose calls differ in one symbol at most (a decode step, in its position) are written once, before the first call: its
// steps need nothing from the host then.
import { own } from "../base/own.ts";
import type { Plan, PlanEntry, PlanSymbolValues } from "../base/plan.ts";
import { checkSymbols } from "./check-symbols.ts";

/** Bytes that a binding shows of a slot: each symbol as u32, padded to a multiple of 16. */
const slotBytes = ({ symbols }: Plan): number => 16 * Math.max(1, Math.ceil(symbols.length / 4));
/** The first slot belongs to the calls that no row was made for; it is written before each. */
const FREE_SLOT = 0;
/** An entry point that would need more than this gets no rows. */
const MOST_ROWS = 65536;

/** No device asks for more than 256 between two offsets; a slot is no longer than what is between. */
const strideOf = (plan: Plan): number => 256 * Math.ceil(slotBytes(plan) / 256);

interface Rows {
  readonly first: number;
  readonly count: number;
  /** The symbol that the rows count up; none when there is one row. */
  readonly symbol: string | undefined;
}

/** Where the rows of each entry point lie, and how many slots there are. */
function layOut(plan: Plan): { readonly rows: ReadonlyMap<string, Rows>; readonly slots: number } {
  const rows = new Map<string, Rows>();
  let slots = 1;
  for (const entry of plan.entries) {
    const [symbol, ...others] = plan.symbols.filter((s) => entry.symbols.includes(s.name));
    const count = symbol === undefined ? 1 : symbol.max + 1;
    if (others.length > 0 || count > MOST_ROWS) continue;
    rows.set(entry.name, { first: slots, count, symbol: symbol?.name });
    slots += count;
  }
  return { rows, slots };
}

/** Bytes that a plan's table takes. */
export const symbolTableBytes = (plan: Plan): number => layOut(plan).slots * strideOf(plan);

export class SymbolTable {
  readonly buffer: GPUBuffer;
  /** Group 1 of the kernels that read symbols. One group for all, so that a pass binds it once. */
  readonly layout: GPUBindGroupLayout;
  readonly group: GPUBindGroup;
  readonly #plan: Plan;
  readonly #queue: GPUQueue;
  readonly #rows: ReadonlyMap<string, Rows>;
  readonly #stride: number;
  readonly #values: Uint32Array<ArrayBuffer>;

  constructor(device: GPUDevice, plan: Plan) {
    this.#plan = plan;
    this.#queue = device.queue;
    const { rows, slots } = layOut(plan);
    this.#rows = rows;
    this.#stride = strideOf(plan);
    const bytes = slotBytes(plan);
    this.#values = new Uint32Array(bytes / 4);
    this.buffer = device.createBuffer({
      label: "symbols",
      size: slots * this.#stride,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(this.buffer, 0, this.#fill(slots));
    this.layout = device.createBindGroupLayout({
      label: "symbols",
      entries: [
        {
          binding: 0,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: bytes },
        },
      ],
    });
    this.group = device.createBindGroup({
      label: "symbols",
      layout: this.layout,
      entries: [{ binding: 0, resource: { buffer: this.buffer, size: bytes } }],
    });
  }

  /**
   * The offset of the slot with these values; `given` holds what the entry does not fix.
   * @throws RuntimeError for a symbol that is missing, or out of the plan's range, and for symbols that break a constraint of the
   * entry point.
   */
  place(entry: PlanEntry, given: PlanSymbolValues): number {
    checkSymbols(this.#plan, entry, given);
    const rows = this.#rows.get(entry.name);
    if (rows) return (rows.first + (rows.symbol === undefined ? 0 : (own(given, rows.symbol) ?? 0))) * this.#stride;
    for (const [i, { name: s }] of this.#plan.symbols.entries())
      this.#values[i] = own(entry.fixed, s) ?? own(given, s) ?? 0;
    this.#queue.writeBuffer(this.buffer, FREE_SLOT * this.#stride, this.#values);
    return FREE_SLOT * this.#stride;
  }

  #fill(slots: number): Uint32Array<ArrayBuffer> {
    const stride = this.#stride / 4;
    const words = new Uint32Array(slots * stride);
    for (const entry of this.#plan.entries) {
      const rows = this.#rows.get(entry.name);
      if (!rows) continue;
      for (let row = 0; row < rows.count; row++)
        for (const [i, { name: s }] of this.#plan.symbols.entries())
          words[(rows.first + row) * stride + i] = s === rows.symbol ? row : (own(entry.fixed, s) ?? 0);
    }
    return words;
  }
}
