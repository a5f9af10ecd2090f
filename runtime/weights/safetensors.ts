// The header of a safetensors file, parsed and checked. Pure: bytes in, tensors out; file-source.ts reads the file.
//
// The format (github.com/huggingface/safetensors, README "Format"): 8 bytes, the length N of the header as a
// little-endian u64; N bytes of JSON, an object that begins with `{` and may end in spaces, from tensor name to
// `{ dtype, shape, data_offsets: [begin, end] }` with offsets relative to the end of the header; then the data.
// Names are unique, and the tensors cover the data exactly, with no overlap and no hole.

import { ITEM_SIZE, isStoredDType } from "../../base/dtype.ts";
import { shortJson, shortName } from "../../base/index.ts";
import { fileError } from "../errors.ts";
import { type ParsedJson, parseJsonKeys } from "../json.ts";
import { isRecord } from "../json-values.ts";
import { printShape, type StoredTensor } from "./source.ts";

/** The format's own limit on the JSON, in bytes. It keeps a wrong file from asking for gigabytes of memory. */
const MAX_HEADER = 100_000_000;
const LENGTH_BYTES = 8;
/** Of a tensor's name, in UTF-16 units; and of its shape. */
const MOST_NAME = 1000;
const MOST_AXES = 32;
const DOWNLOAD = "download it again and compare its size";

/** A tensor and where its bytes begin, counted from the start of the file. */
export interface LocatedTensor extends StoredTensor {
  readonly fileOffset: number;
}

export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, LocatedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** What the metadata says of tensors that were left out because another has the same data: from their name to its. */
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * The size in bytes of everything before the data (the length field and the JSON), from a file's first 8 bytes.
 * @throws RuntimeError when the file cannot be a safetensors file of `fileSize` bytes.
 */
export function safetensorsHeaderSize(place: string, prefix: Uint8Array, fileSize: number): number {
  if (fileSize < LENGTH_BYTES || prefix.length < LENGTH_BYTES)
    throw fileError(
      place,
      `the file has ${fileSize} bytes, but a safetensors file begins with 8 bytes of header length`,
      `the file is truncated or something else: ${DOWNLOAD}`,
    );
  // What git leaves in place of a large file whose content was never fetched is text: "version https://git-lfs…".
  if (new TextDecoder().decode(prefix.subarray(0, LENGTH_BYTES)) === "version ")
    throw fileError(
      place,
      `begins with the text "version ", but a safetensors file begins with its header's length`,
      "this looks like a Git LFS pointer: run `git lfs pull`, or download the file itself",
    );
  const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER))
    throw fileError(
      place,
      `the header claims ${length} bytes, but the format allows ${MAX_HEADER}`,
      "this is probably no safetensors file: look at its first bytes",
    );
  const size = LENGTH_BYTES + Number(length);
  if (size > fileSize)
    throw fileError(
      place,
      `the header ends at byte ${size}, but the file has ${fileSize} bytes`,
      `the file is truncated: ${DOWNLOAD}`,
    );
  return size;
}

/**
 * The tensors of a safetensors file. `headerBytes` are the file's first bytes, at least `safetensorsHeaderSize` of
 * them; `fileSize` is what the data offsets are checked against.
 * @throws RuntimeError naming the file, the tensor and the two facts that disagree, for every way a header can lie.
 */
export function parseSafetensorsHeader(place: string, headerBytes: Uint8Array, fileSize: number): SafetensorsHeader {
  const size = safetensorsHeaderSize(place, headerBytes, fileSize);
  if (headerBytes.length < size)
    throw fileError(place, `given ${headerBytes.length} bytes of header, but it has ${size}`);
  const text = decodeText(place, headerBytes.subarray(LENGTH_BYTES, size));
  const json = parseObject(place, text);

  const tensors: LocatedTensor[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, entry] of Object.entries(json))
    if (name === "__metadata__") metadata = readMetadata(place, entry);
    else tensors.push(readTensor(place, name, entry, size, fileSize));
  // Among equal starts the empty tensor comes first, so that it does not look like an overlap.
  tensors.sort((a, b) => a.fileOffset - b.fileOffset || a.byteLength - b.byteLength);
  checkCoverage(place, tensors, size, fileSize);
  const byName = new Map(tensors.map((t) => [t.name, t]));
  const aliases = Object.entries(metadata).filter(([name, kept]) => byName.has(kept) && !byName.has(name));
  return { tensors: byName, metadata, aliases: new Map(aliases) };
}

function decodeText(place: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fileError(place, "the header must be UTF-8 JSON, but is not UTF-8", DOWNLOAD);
  }
}

function parseObject(place: string, text: string): Record<string, unknown> {
  if (!text.startsWith("{"))
    throw fileError(
      place,
      `the header begins with ${text === "" ? "nothing" : JSON.stringify(text.slice(0, 8))}, but must begin with "{"`,
      "this is probably no safetensors file: look at its first bytes",
    );
  const { json, twice } = parseKeys(place, text);
  if (twice !== undefined) throw fileError(nameIn(place, twice), "is in the header twice, but names must be unique");
  // Text that begins with `{` and parses is an object.
  return json as Record<string, unknown>;
}

function parseKeys(place: string, text: string): ParsedJson {
  try {
    return parseJsonKeys(text);
  } catch (error) {
    throw fileError(place, `the header can't be read as JSON: ${messageOf(error)}`, DOWNLOAD);
  }
}

const nameIn = (file: string, name: string): string => `${file} ${shortName(name)}`;

function readMetadata(place: string, entry: unknown): Readonly<Record<string, string>> {
  if (isRecord(entry) && Object.values(entry).every((v) => typeof v === "string"))
    return entry as Record<string, string>;
  throw fileError(`${place} __metadata__`, `must map text to text, but is ${print(entry)}`);
}

function readTensor(file: string, name: string, entry: unknown, headerSize: number, fileSize: number): LocatedTensor {
  const place = nameIn(file, name);
  if (name.length > MOST_NAME)
    throw fileError(place, `is a name of ${name.length} characters, but at most ${MOST_NAME} are read`, DOWNLOAD);
  if (!isRecord(entry)) throw fileError(place, `must be an object in the header, but is ${print(entry)}`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !isStoredDType(dtype))
    throw fileError(
      place,
      `its dtype is ${print(dtype)}, but known are ${Object.keys(ITEM_SIZE).join(", ")}`,
      "convert the checkpoint to F32, F16 or BF16",
    );
  if (!isCounts(shape)) throw fileError(place, `its shape must be a list of whole numbers ≥ 0, but is ${print(shape)}`);
  if (shape.length > MOST_AXES)
    throw fileError(place, `its shape has ${shape.length} axes, but at most ${MOST_AXES} are read`, DOWNLOAD);
  const [begin, end] = isCounts(offsets) && offsets.length === 2 ? offsets : [];
  if (begin === undefined || end === undefined)
    throw fileError(place, `its data_offsets must be two whole numbers ≥ 0, but are ${print(offsets)}`);
  if (begin > end) throw fileError(place, `its data begins at offset ${begin}, but ends at ${end}`);
  const byteLength = shape.reduce((n, d) => n * d, ITEM_SIZE[dtype]);
  if (byteLength !== end - begin)
    throw fileError(
      place,
      `${dtype}${printShape(shape)} takes ${byteLength} bytes, but data_offsets [${begin}, ${end}] hold ${end - begin}`,
      "whatever wrote the file is wrong about it: convert the checkpoint again",
    );
  if (headerSize + end > fileSize)
    throw fileError(
      place,
      `its data ends at byte ${headerSize + end}, but the file has ${fileSize} bytes`,
      `the file is truncated: ${DOWNLOAD}`,
    );
  return { name, dtype, shape, byteLength, fileOffset: headerSize + begin };
}

/** Sorted tensors follow each other without overlap or hole, from the header's end to the file's. */
function checkCoverage(place: string, tensors: readonly LocatedTensor[], headerSize: number, fileSize: number): void {
  let covered = headerSize;
  let last = "the header";
  for (const t of tensors) {
    if (t.fileOffset < covered)
      throw fileError(nameIn(place, t.name), `begins at byte ${t.fileOffset}, but ${last} ends at ${covered}`);
    if (t.fileOffset > covered)
      throw fileError(
        nameIn(place, t.name),
        `begins at byte ${t.fileOffset}, but ${last} ends at ${covered}, and the format allows no hole`,
      );
    covered += t.byteLength;
    last = shortName(t.name);
  }
  if (covered !== fileSize)
    throw fileError(
      place,
      `${last} ends at byte ${covered}, but the file has ${fileSize} bytes`,
      `bytes that no tensor owns are not allowed: ${DOWNLOAD}`,
    );
}

const isCounts = (x: unknown): x is number[] => Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && n >= 0);
const print = (x: unknown): string => (x === undefined ? "missing" : shortJson(x));
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
