// Writes logits as safetensors while they are computed: under a temporary name first, so that nothing half-written stays.
import { open, rename, rm } from "node:fs/promises";
import { RuntimeError } from "../runtime/index.ts";

export interface LogitsFile {
  write(rows: Float32Array): Promise<void>;
  /** Puts the file in its place. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  abandon(): Promise<void>;
}

/** A file with one F32 tensor `logits` of the given shape, whose rows are written in order. */
export async function createLogitsFile(path: string, rows: number, columns: number): Promise<LogitsFile> {
  const temporary = `${path}.${process.pid}.part`;
  const file = await open(temporary, "w").catch((error: Error) => {
    throw new RuntimeError(path, `can't be written: ${error.message}`, "the folder must exist and be writable");
  });
  const json = JSON.stringify({
    logits: { dtype: "F32", shape: [rows, columns], data_offsets: [0, rows * columns * 4] },
  });
  // The format wants the data aligned to 8 bytes; spaces after the JSON are part of the header.
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  await file.write(Buffer.concat([size, header]));
  return {
    async write(data) {
      await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    },
    async finish() {
      await file.close();
      await rename(temporary, path);
    },
    async abandon() {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
}
