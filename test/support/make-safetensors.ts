// Small safetensors files, right and wrong, and folders to put them in.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface MadeTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/** An F32 tensor: of the values given, else counting up from 0. */
export function f32(shape: readonly number[], values?: ArrayLike<number>): MadeTensor {
  const length = shape.reduce((n, d) => n * d, 1);
  return { dtype: "F32", shape, data: Float32Array.from(values ?? { length }, (x, i) => (values ? Number(x) : i)) };
}

/** A correct file that holds `tensors` one after the other. */
export function makeSafetensors(
  tensors: Readonly<Record<string, MadeTensor>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    end += data.byteLength;
  }
  return rawSafetensors(header, Buffer.concat(parts));
}

/** A file with this header, whatever it claims, and this data, or as many zero bytes. Text is taken as it is. */
export function rawSafetensors(header: object | string, data: Uint8Array | number = 0): Uint8Array<ArrayBuffer> {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return new Uint8Array(Buffer.concat([length, json, typeof data === "number" ? Buffer.alloc(data) : data]));
}

/** Runs `body` in a new folder with these files, and removes it. */
export async function inFolder<T>(
  files: Readonly<Record<string, Uint8Array | string>>,
  body: (folder: string) => T | Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "wgpt-test-"));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
