// Reads apt's source lists, in both of their formats, and derives a backports suite from what they name.
// Pure: text in, values out. Mirrors always come from the machine's own lists, never from us.

/**
 * @typedef {object} AptSource
 * @property {readonly string[]} uris
 * @property {readonly string[]} suites
 * @property {readonly string[]} components
 * @property {Readonly<Record<string, string>>} options deb822 fields such as Signed-By, kept as they were written
 */

/** One-line options → deb822 fields. What else a line may carry (lang, target, …) says nothing about trust. */
const OPTION_FIELDS = /** @type {const} */ ({
  arch: "Architectures",
  "signed-by": "Signed-By",
  trusted: "Trusted",
  "check-valid-until": "Check-Valid-Until",
});

/**
 * The binary sources that `text` enables; `file` decides the format, as it does for apt.
 * @param {string} file
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseAptSources(file, text) {
  if (file.endsWith(".sources")) return parseStanzas(text);
  return file.endsWith(".list") ? parseLines(text) : [];
}

/**
 * `deb [arch=amd64 signed-by=/some.gpg] http://mirror/debian bookworm main contrib`
 * @param {string} text
 */
function parseLines(text) {
  /** @type {AptSource[]} */
  const sources = [];
  for (const line of text.split("\n")) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) continue;
    const [, bracket = "", uri = "", suite = "", components = ""] = match;
    /** @type {Record<string, string>} */
    const options = {};
    for (const option of words(bracket)) {
      const [name = "", value = ""] = option.split("=");
      const field = Object.entries(OPTION_FIELDS).find(([key]) => key === name)?.[1];
      if (field !== undefined) options[field] = value.replaceAll(",", " ");
    }
    sources.push({ uris: [uri], suites: [suite], components: words(components), options });
  }
  return sources;
}

/**
 * deb822: stanzas of `Field: value`, continued by lines that begin with a blank (a key may stand in Signed-By whole).
 * @param {string} text
 */
function parseStanzas(text) {
  /** @type {AptSource[]} */
  const sources = [];
  const withoutComments = text.split("\n").filter((line) => !line.startsWith("#"));
  for (const stanza of withoutComments.join("\n").split(/\n\s*\n/)) {
    /** @type {Map<string, string>} */
    const fields = new Map();
    for (const [, name = "", value = ""] of stanza.matchAll(/^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm))
      fields.set(name.toLowerCase(), value.trimEnd());
    /** @param {string} name */
    const list = (name) => words(fields.get(name) ?? "");
    if (!list("types").includes("deb") || /^(no|false|0)$/i.test(fields.get("enabled") ?? "yes")) continue;
    /** @type {Record<string, string>} */
    const options = {};
    for (const field of Object.values(OPTION_FIELDS)) {
      const value = fields.get(field.toLowerCase());
      if (value !== undefined) options[field] = value;
    }
    sources.push({ uris: list("uris"), suites: list("suites"), components: list("components"), options });
  }
  return sources;
}

/**
 * @param {readonly AptSource[]} sources
 * @param {string} suite
 */
export function offersSuite(sources, suite) {
  return sources.some((source) => source.suites.includes(suite) && source.components.includes("main"));
}

/**
 * A deb822 file that adds `<codename>-backports` from where this machine gets `<codename>` itself, with the same
 * key. Undefined when no source has that suite's main component.
 * @param {readonly AptSource[]} sources
 * @param {string} codename
 */
export function backportsFile(sources, codename) {
  const base = sources.find(
    ({ uris, suites, components }) =>
      suites.includes(codename) && components.includes("main") && uris.some((uri) => !uri.startsWith("cdrom:")),
  );
  if (base === undefined) return undefined;
  return [
    "# Added by wgpt's setup, for a Mesa that Dawn accepts. The mirror is the one this machine already uses.",
    "Types: deb",
    `URIs: ${base.uris.filter((uri) => !uri.startsWith("cdrom:")).join(" ")}`,
    `Suites: ${codename}-backports`,
    "Components: main",
    ...Object.entries(base.options).map(([field, value]) => `${field}: ${value}`),
    "",
  ].join("\n");
}

/** @param {string} text */
function words(text) {
  return text.split(/\s+/).filter((word) => word !== "");
}
