// Big files that tests can use but the repository does not hold: they lie in `shared/`, beside the project's folder.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SHARED = new URL("../../../shared/", import.meta.url);

/** Where `path` is under ../shared, or undefined on a machine that does not have it. */
export function shared(path: string): string | undefined {
  const file = fileURLToPath(new URL(path, SHARED));
  return existsSync(file) ? file : undefined;
}
