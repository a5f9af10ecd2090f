// What a kernel's machine code says of its speed, whatever the GPU's clock: how many bytes an invocation has asked for before it
// waits, and how much of its hot loop is multiply-adds.
//
// A kernel that reads memory moves at most (bytes in flight) / (latency), by Little's law; the bytes in flight are those of one
// invocation times the invocations that are resident. The machine answers loads in order and counts those that are on their way:
// `s_waitcnt vmcnt(n)`, or `s_wait_loadcnt n`, waits until all but the newest n are there. So a queue of loads, cut by each wait,
// tells what is in flight at any instruction. Stores, which GPUs before RDNA count in the same queue, are left out: no kernel
// stores in the loop in which it loads its matrices.
import { type Block, findLoops, type Instruction, type Loop } from "./disassembly.ts";

export interface CodeCounts {
  /** The most that an invocation has asked for of storage buffers before it waits. */
  readonly bytesInFlight: number;
  /** The loop that multiplies most, without the loops in it; of code without such a loop, all of it. */
  readonly hot: HotCode;
}

export interface HotCode {
  /** Names of its first and last block; absent where it is no loop. */
  readonly loop?: readonly [first: string, last: string];
  /** Of an invocation, in one turn; a packed instruction makes several. */
  readonly multiplyAdds: number;
  readonly instructions: number;
}

export function countCode(blocks: readonly Block[]): CodeCounts {
  const loops = findLoops(blocks);
  return { bytesInFlight: bytesInFlight(blocks, loops), hot: hotCode(blocks, loops) };
}

/** Bytes of the loads that stream a matrix; what is smaller reads an index or a bias, and waits for it at once. */
const STREAMED = 8;

function bytesInFlight(blocks: readonly Block[], loops: readonly Loop[]): number {
  const bodies = loops.map((loop) => codeOf(blocks.slice(loop.first, loop.last + 1)));
  const all = codeOf(blocks);
  // What a turn leaves on its way, the next one finds: each loop is gone through twice.
  const most = (least: number) =>
    Math.max(0, ...bodies.map((body) => longestQueue([...body, ...body], least))) || longestQueue(all, least);
  return most(STREAMED) || most(1);
}

/** In bytes, of the loads of at least so many. */
function longestQueue(code: readonly Instruction[], least: number): number {
  let queue: number[] = [];
  let longest = 0;
  for (const instruction of code) {
    const bytes = loadedBytes(instruction);
    if (bytes > 0) {
      queue.push(bytes >= least ? bytes : 0);
      longest = Math.max(longest, sum(queue));
    }
    const left = waitsFor(instruction);
    if (left !== undefined && left < queue.length) queue = left === 0 ? [] : queue.slice(-left);
  }
  return longest;
}

/** How many loads it lets be on their way; undefined where it waits for none. */
function waitsFor({ name, operands }: Instruction): number | undefined {
  const [, count] = /\b(?:vmcnt|loadcnt)\((\d+)\)/.exec(operands) ?? [];
  if (count !== undefined) return Number(count);
  // Mesa writes `imm:1`, LLVM `0x1`, and for both kinds of loads at once the counts in a byte each.
  const [, plain] = /^(?:imm:)?(0x[0-9a-f]+|\d+)$/.exec(operands.trim()) ?? [];
  if (plain === undefined) return undefined;
  if (name === "s_wait_loadcnt") return Number(plain);
  return name === "s_wait_loadcnt_dscnt" ? Number(plain) >> 8 : undefined;
}

const WORDS = /^dword(?:x(\d))?$/;
const BITS = /^(?:d16_)?(?:hi_)?[biu](\d+)$/;
const FORMAT = /^format_(d16_)?(?:hi_)?([xyzw]+)$/;

/** What an instruction loads of storage buffers for an invocation, in bytes; 0 of one that loads nothing. */
export function loadedBytes({ name }: Instruction): number {
  const [, what] = /^(?:buffer|global)_load_(\w+)$/.exec(name) ?? [];
  if (what === undefined) return 0;
  const words = WORDS.exec(what);
  if (words) return 4 * Number(words[1] ?? 1);
  const [, bits] = BITS.exec(what) ?? [];
  if (bits !== undefined) return Number(bits) / 8;
  const [, short, components] = FORMAT.exec(what) ?? [];
  if (components !== undefined) return (short === undefined ? 4 : 2) * components.length;
  return /byte/.test(what) ? 1 : 2;
}

const FUSED = /^v_(?:dual_)?(?:fma|fmac|fmaak|fmamk|mad|mac|madak|madmk)_(?:mix(?:lo|hi)?_|legacy_)?f\d+/;
const PACKED = /^v_pk_(?:fma|fmac|mad)_f\d+/;
const DOT = /^v_dot(\d)c?_/;

/** Multiply-adds that an instruction makes for each invocation. */
export function multiplyAddsOf({ name, operands }: Instruction): number {
  // Two instructions in one, of which the second stands among the operands.
  const second = operands.split("::").slice(1);
  return [name, ...second.map((text) => text.trim())].map(ofName).reduce((n, m) => n + m, 0);
}

function ofName(name: string): number {
  const [, width] = DOT.exec(name) ?? [];
  if (width !== undefined) return Number(width);
  if (PACKED.test(name)) return 2;
  return FUSED.test(name) ? 1 : 0;
}

function hotCode(blocks: readonly Block[], loops: readonly Loop[]): HotCode {
  let hot: HotCode | undefined;
  for (const loop of loops) {
    const own = codeOf(blocks.filter((_, i) => isIn(loop, i) && !loops.some((l) => isWithin(l, loop) && isIn(l, i))));
    const counted = countMultiplyAdds(own);
    const [first, last] = [blocks[loop.first], blocks[loop.last]];
    if (first && last && counted.multiplyAdds > (hot?.multiplyAdds ?? 0))
      hot = { loop: [first.name, last.name], ...counted };
  }
  return hot ?? countMultiplyAdds(codeOf(blocks));
}

const isIn = ({ first, last }: Loop, block: number): boolean => first <= block && block <= last;
const isWithin = (inner: Loop, outer: Loop): boolean =>
  inner !== outer && outer.first <= inner.first && inner.last <= outer.last;

const countMultiplyAdds = (code: readonly Instruction[]) => ({
  multiplyAdds: sum(code.map(multiplyAddsOf)),
  instructions: code.length,
});

const codeOf = (blocks: readonly Block[]): readonly Instruction[] => blocks.flatMap((b) => b.instructions);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
