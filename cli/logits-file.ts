// Writes logits as safetensors while they are computed: under a temporary name first, so that nothing half-written stays.
import { rmSync } from "node:fs";
import { createSafetensors, type SafetensorsFile } from "../runtime/index.ts";
import type { Note } from "./undo.ts";

export interface LogitsFile extends Pick<SafetensorsFile, "finish" | "abandon"> {
  write(rows: Float32Array): Promise<void>;
}

/** A file with one F32 tensor `logits` of the given shape, whose rows are written in order. */
export async function createLogitsFile(path: string, rows: number, columns: number, note: Note): Promise<LogitsFile> {
  const file = await createSafetensors(path, [{ name: "logits", dtype: "F32", shape: [rows, columns] }], {
    onTemporary: (temporary) => note(() => rmSync(temporary, { force: true })),
  });
  return {
    write: ({ buffer, byteOffset, byteLength }) => file.write(new Uint8Array(buffer, byteOffset, byteLength)),
    finish: file.finish,
    abandon: file.abandon,
  };
}
