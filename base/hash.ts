// SHA-256, as files of a bundle are known by it; in the same way on Node and in a browser.

/** The SHA-256 of bytes, or of a text as UTF-8, in lower-case hexadecimal. */
export async function sha256(data: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
}

const NO_DIGITS = "0".repeat(64);

/** A JSON text whose `sha256` says its own SHA-256, made of one where that is 64 zeros. */
export const sealText = async (text: string): Promise<string> => text.replace(NO_DIGITS, await sha256(text));

/** The SHA-256 of a text with zeros in the place of the digits that it says it has: those digits, if it is as it was sealed. */
export const sealOf = (text: string, digits: string): Promise<string> => sha256(text.replace(digits, NO_DIGITS));
