// The byte-level alphabet of GPT-2's BPE: every byte has a printable character that stands for it inside vocabulary
// and merges, so that those are text without spaces or control characters (" a" is written "Ġa").
// From `bytes_to_unicode` in openai/gpt-2 src/encoder.py.

/** Printable and not a space in Latin-1: these bytes stand for themselves. */
const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** The character of each byte, by byte. The others follow from U+0100 on, in the order of the bytes. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();

const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((c, byte) => [c, byte]));

/**
 * The bytes that a vocabulary entry stands for. One with a character outside the alphabet was put there as plain
 * text (padding entries such as `<pad 1>`) and stands for its UTF-8, as in Hugging Face's ByteLevel decoder.
 */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_CHARACTER.get(token.charAt(i));
    if (byte === undefined) return new TextEncoder().encode(token);
    bytes[i] = byte;
  }
  return bytes;
}
