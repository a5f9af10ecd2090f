// What a driver must be told of a shader besides its SPIR-V: the name of its entry point, and which buffers it binds where.
import { driverFault } from "./errors.ts";

export type BufferKind = "storage" | "uniform";

export interface SpirvBinding {
  readonly set: number;
  readonly binding: number;
  readonly kind: BufferKind;
}

export interface SpirvInterface {
  readonly entryPoint: string;
  /** Invocations of a workgroup. */
  readonly workgroup: readonly [number, number, number];
  readonly bindings: readonly SpirvBinding[];
}

const MAGIC = 0x07230203;
const HEADER_WORDS = 5;
/** From the specification's tables: https://registry.khronos.org/SPIR-V/specs/unified1/SPIRV.html */
const OP = { entryPoint: 15, executionMode: 16, variable: 59, decorate: 71 } as const;
const LOCAL_SIZE = 17;
const DECORATION = { binding: 33, set: 34 } as const;
const STORAGE_CLASSES: ReadonlyMap<number, BufferKind> = new Map([
  [2, "uniform"],
  [12, "storage"],
]);

/** @throws WgptError naming `place` for what is no SPIR-V, or holds no compute shader. */
export function readSpirv(bytes: Uint8Array, place: string): SpirvInterface {
  const words = wordsOf(bytes);
  if (words[0] !== MAGIC) throw notSpirv(place, "does not begin with SPIR-V's number");
  let entryPoint: string | undefined;
  let workgroup: [number, number, number] | undefined;
  const kinds = new Map<number, BufferKind>();
  const [sets, bindings] = [new Map<number, number>(), new Map<number, number>()];
  for (let at = HEADER_WORDS; at < words.length; ) {
    const head = words[at] ?? 0;
    const length = head >>> 16;
    if (length === 0 || at + length > words.length) throw notSpirv(place, `ends within an instruction, at word ${at}`);
    const [first = 0, second = 0, third = 0, ...rest] = words.subarray(at + 1, at + length);
    switch (head & 0xffff) {
      case OP.entryPoint:
        entryPoint = textOf(words.subarray(at + 3, at + length));
        break;
      case OP.executionMode:
        if (second === LOCAL_SIZE) workgroup = [third, rest[0] ?? 1, rest[1] ?? 1];
        break;
      case OP.variable: {
        const kind = STORAGE_CLASSES.get(third);
        if (kind) kinds.set(second, kind);
        break;
      }
      case OP.decorate:
        if (second === DECORATION.binding) bindings.set(first, third);
        if (second === DECORATION.set) sets.set(first, third);
    }
    at += length;
  }
  if (entryPoint === undefined || workgroup === undefined) throw notSpirv(place, "has no entry point with a workgroup");
  const found = [...kinds].map(([id, kind]) => ({ set: sets.get(id) ?? 0, binding: bindings.get(id) ?? 0, kind }));
  return { entryPoint, workgroup, bindings: found.sort((a, b) => a.set - b.set || a.binding - b.binding) };
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(4 * i, true));
}

/** Four characters a word, up to a zero. */
function textOf(words: Uint32Array): string {
  const bytes = [...words].flatMap((w) => [w & 255, (w >>> 8) & 255, (w >>> 16) & 255, w >>> 24]);
  return String.fromCharCode(...bytes.slice(0, bytes.indexOf(0)));
}

const notSpirv = (place: string, facts: string) => driverFault(place, `Mesa wrote SPIR-V that ${facts}`);
