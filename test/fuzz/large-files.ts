// Files as large as are read, each filled with what costs a reader most, and what reading them takes: time, and memory as a
// multiple of the file. Each in a process of its own, whose peak of memory is the reader's.
import { fork } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WgptError } from "../../base/index.ts";
import { peakRssBytes } from "../../cli/memory.ts";
import { standard } from "../../codegen/index.ts";
import { readGraphs, readModel } from "../../engine/index.ts";
import { loadBundle, loadTokenizer, openCheckpoint, openDawn } from "../../runtime/index.ts";

const MIB = 2 ** 20;
/** Less than the 128 MiB that are read of a file, and than the 100 MB of a safetensors header. */
const SIZE = 90 * MIB;

/** A file of `SIZE` bytes: a beginning, and a piece again and again. */
interface LargeFile {
  readonly name: string;
  readonly file: string;
  readonly begin: string;
  readonly piece: (i: number) => string;
  read(folder: string): Promise<unknown>;
}

const entry = (i: number): string => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},`;
const checkpoint = (folder: string) => openCheckpoint(folder).then((source) => source.close());
const bundle = async (folder: string) => loadBundle(folder, await openDawn({ backend: "null" }));

const FILES: readonly LargeFile[] = [
  { name: "brackets", file: "model.safetensors", begin: "", piece: () => "[".repeat(4096), read: checkpoint },
  { name: "tensors", file: "model.safetensors", begin: "{", piece: entry, read: checkpoint },
  {
    name: "brackets",
    file: "model.safetensors.index.json",
    begin: "",
    piece: () => "[".repeat(4096),
    read: checkpoint,
  },
  {
    name: "names",
    file: "model.safetensors.index.json",
    begin: '{"weight_map":{',
    piece: (i) => `"t${i}":"f",`,
    read: checkpoint,
  },
  {
    name: "brackets",
    file: "config.json",
    begin: "",
    piece: () => "[".repeat(4096),
    read: (f) => readModel(f, standard),
  },
  { name: "keys", file: "config.json", begin: "{", piece: (i) => `"k${i}":1,`, read: (f) => readModel(f, standard) },
  { name: "brackets", file: "tokenizer.json", begin: "", piece: () => "[".repeat(4096), read: loadTokenizer },
  {
    name: "ids",
    file: "tokenizer.json",
    begin: '{"model":{"type":"BPE","vocab":{',
    piece: (i) => `"t${i}":${i},`,
    read: loadTokenizer,
  },
  { name: "brackets", file: "plan.json", begin: "", piece: () => "[".repeat(4096), read: bundle },
  {
    name: "symbols",
    file: "plan.json",
    begin: '{"format":"wgpt-bundle","version":2,"symbols":[',
    piece: (i) => `{"name":"s${i}","min":1,"max":2},`,
    read: bundle,
  },
  {
    name: "brackets",
    file: "g.graph",
    begin: "graph g",
    piece: () => "[".repeat(4096),
    read: (f) => readGraphs(join(f, "g.graph"), standard),
  },
  {
    name: "empty lines",
    file: "g.graph",
    begin: "graph g(",
    piece: () => "\n".repeat(4096),
    read: (f) => readGraphs(join(f, "g.graph"), standard),
  },
  {
    name: "inputs",
    file: "g.graph",
    begin: "graph g(",
    piece: (i) => `x${i}: f32[1], `,
    read: (f) => readGraphs(join(f, "g.graph"), standard),
  },
];

export interface LargeResult {
  readonly file: string;
  readonly name: string;
  readonly bytes: number;
  readonly ms: number;
  /** Of memory, over what the process had before. */
  readonly peakBytes: number;
  /** The refusal. */
  readonly says: string;
  readonly fault?: string;
}

/** Ten times what a file holds would be a tree of its values several times over. */
export const MOST_MULTIPLE = 10;
const MOST_MS = 10_000;

/** Reads each of them in a process of its own. */
export async function readLargeFiles(): Promise<readonly LargeResult[]> {
  const results: LargeResult[] = [];
  for (const [i, large] of FILES.entries()) {
    const folder = mkdtempSync(join(tmpdir(), "wgpt-large-"));
    try {
      write(folder, large);
      results.push(await readApart(i, large, folder));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  return results;
}

function write(folder: string, { file, begin, piece }: LargeFile): void {
  const out = openSync(join(folder, file), "w");
  if (file === "model.safetensors") {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(SIZE - 8));
    writeSync(out, length);
  }
  writeSync(out, begin);
  let bytes = begin.length;
  for (let i = 0; bytes < SIZE; ) {
    let text = "";
    for (; text.length < MIB; i++) text += piece(i);
    text = text.slice(0, SIZE - bytes);
    writeSync(out, text);
    bytes += text.length;
  }
  closeSync(out);
}

interface Message {
  readonly ms: number;
  readonly peakBytes: number;
  readonly says: string;
  readonly raw: boolean;
}

function readApart(index: number, { file, name }: LargeFile, folder: string): Promise<LargeResult> {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), ["--read", String(index), folder], {
      execArgv: process.execArgv,
    });
    let message: Message | undefined;
    child.on("message", (m) => {
      message = m as Message;
    });
    child.on("exit", (code, signal) => {
      const { ms = 0, peakBytes = 0, says = "", raw = false } = message ?? {};
      const fault = !message
        ? `the process ended with ${signal ?? code}`
        : raw
          ? "a raw error"
          : ms > MOST_MS
            ? `took ${Math.round(ms)} ms`
            : peakBytes > MOST_MULTIPLE * SIZE
              ? `took ${Math.round(peakBytes / MIB)} MiB`
              : undefined;
      resolve({ file, name, bytes: SIZE, ms, peakBytes, says, ...(fault !== undefined && { fault }) });
    });
  });
}

async function readHere(index: number, folder: string): Promise<void> {
  const large = FILES[index];
  if (!large) throw new Error(`there is no file ${index}`);
  // What reading takes besides: code, and what V8 keeps of it.
  const other = join(folder, "other");
  mkdirSync(other);
  await Promise.resolve(large.read(other)).catch(() => undefined);
  const before = peakRssBytes();
  const began = performance.now();
  const error: unknown = await Promise.resolve(large.read(folder)).then(
    () => undefined,
    (thrown) => thrown,
  );
  process.send?.({
    ms: performance.now() - began,
    peakBytes: peakRssBytes() - before,
    says: error instanceof WgptError ? error.facts : String(error),
    raw: error !== undefined && !(error instanceof WgptError),
  } satisfies Message);
  process.disconnect?.();
  // A device of Dawn's may be open.
  process.exit();
}

if (process.argv[2] === "--read") await readHere(Number(process.argv[3]), process.argv[4] ?? "");
