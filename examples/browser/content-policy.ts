// What a page of ours may load: its own files, the icon in its head, and the inline scripts that it was written with.
import { createHash } from "node:crypto";

/** Of what is no page. A bundle's module runs in the page that imports it, and under that page's policy. */
export const NO_PAGE = "default-src 'none'; frame-ancestors 'none'";

/**
 * The Content-Security-Policy of a page: files from where it comes from, and of inline scripts those in its text, by their
 * hashes. Its import map is one, for no browser takes an import map from a file.
 */
export function pagePolicy(html: string): string {
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(([, text = ""]) => text);
  const hashes = inline.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`);
  return [
    "default-src 'none'",
    ["script-src 'self'", ...hashes].join(" "),
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
