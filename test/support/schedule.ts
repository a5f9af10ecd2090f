// The order in which test files are given to the processes that run them.

/** What takes a minute or about that, the longest first: begun late, one of them would run on alone. All others follow by name. */
export const LONGEST: readonly string[] = [
  "package/",
  "runtime/session",
  "runtime/graph-model",
  "cli/compile",
  "cli/generate",
  "cli/plugins",
  "cli/usage",
  "examples/browser",
];

/** Files that stay together, in one process and one after the other, and why. */
export const TOGETHER: readonly (readonly string[])[] = [
  // They share one installed package, and packing it makes dist/ anew.
  ["package/"],
  // The one has a folder among the sources for a moment, and the other copies the sources.
  ["runtime/graph-model", "tools/contributing"],
];

/** Files that hold the processor's time or memory to bounds, which a second process on the same cores would make worse: after all others. */
export const ALONE: readonly string[] = ["cli/inspect", "soak/soak"];

/** Files that share the machine with others, and those that have it for themselves. */
export const apart = (
  files: readonly string[],
): { readonly shared: readonly string[]; readonly alone: readonly string[] } => ({
  shared: files.filter((name) => !begins(name, ALONE)),
  alone: files.filter((name) => begins(name, ALONE)),
});

const begins = (name: string, starts: readonly string[]): boolean => starts.some((start) => name.startsWith(start));

/** The files in batches: a batch goes to one process. */
export function inOrder(files: readonly string[]): (readonly string[])[] {
  const batches = new Map<unknown, string[]>();
  for (const name of files.toSorted()) {
    const key = TOGETHER.find((starts) => begins(name, starts)) ?? name;
    batches.set(key, [...(batches.get(key) ?? []), name]);
  }
  const rank = ([first = ""]: readonly string[]): number => {
    const found = LONGEST.findIndex((start) => first.startsWith(start));
    return found < 0 ? LONGEST.length : found;
  };
  return [...batches.values()].sort((a, b) => rank(a) - rank(b));
}
