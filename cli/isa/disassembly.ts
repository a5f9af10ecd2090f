// The text of a disassembly as blocks of instructions. Mesa prints one of two forms: LLVM's, with an encoding behind each
// instruction, or, of a GPU that Mesa's LLVM does not know, its own compiler's, with types and names of results before it.
// Not here: what the instructions do; see count-code.ts.

export interface Instruction {
  /** `buffer_load_b128` */
  readonly name: string;
  /** The rest of the line, without results (in Mesa's form) and encoding. */
  readonly operands: string;
}

/** Instructions that run one after the other; only the last may branch, and only the first is branched to. */
export interface Block {
  /** `BB3` */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** Blocks that run over and over: those from a block to the last one that branches back to it. */
export interface Loop {
  /** Indices of its first and last block. */
  readonly first: number;
  readonly last: number;
}

const LABEL = /^(BB\d+):?\s*$/;
const REPEATED = /^\(then repeated (\d+) times?\)$/;
/** Mesa's form: ` v1: %45:v[6] = v_lshlrev_b32 2, %33:v[5]`; results are types and names, of which none has a blank around `=`. */
const RESULTS = /^[a-z]+\d*b?: .*? = /;
const INSTRUCTION = /^([a-z]\w*)\s*(.*)$/;

/** What stands before the first block, and comments, are no code. */
export function parseDisassembly(text: string): readonly Block[] {
  const blocks: { readonly name: string; readonly instructions: Instruction[] }[] = [];
  for (const line of text.split("\n")) {
    const [, label] = LABEL.exec(line) ?? [];
    if (label !== undefined) blocks.push({ name: label, instructions: [] });
    const into = blocks.at(-1)?.instructions;
    if (into === undefined || !/^\s/.test(line)) continue;
    const body = bodyOf(line);
    const times = Number(REPEATED.exec(body)?.[1] ?? 0);
    const before = into.at(-1);
    if (before) for (let i = 0; i < times; i++) into.push(before);
    const [, name, operands = ""] = INSTRUCTION.exec(body.replace(RESULTS, "")) ?? [];
    if (name !== undefined) into.push({ name, operands });
  }
  return blocks;
}

/** How many instructions the disassembler could not read, such as those that Mesa makes for a GPU that lacks them. */
export const countUnreadable = (text: string): number => text.match(/^\s*\(invalid instruction\)/gm)?.length ?? 0;

/** A line of code without indentation and encoding. */
export const bodyOf = (line: string): string => line.replace(/;[ 0-9a-f]*$/, "").trim();

/** Outer and inner ones. */
export function findLoops(blocks: readonly Block[]): readonly Loop[] {
  const at = new Map(blocks.map((b, i) => [b.name, i]));
  const last = new Map<number, number>();
  for (const [i, { instructions }] of blocks.entries())
    for (const { name, operands } of instructions) {
      const target = /^s_c?branch/.test(name) ? at.get(/BB\d+/.exec(operands)?.[0] ?? "") : undefined;
      if (target !== undefined && target <= i) last.set(target, i);
    }
  return [...last].map(([first, end]) => ({ first, last: end })).sort((a, b) => a.first - b.first);
}
