// A folder that is there while something uses it, and gone however the process ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonOf, wayOutOf } from "../../engine/index.ts";
import { fileError } from "../../runtime/index.ts";
import { isSystemError } from "../refused.ts";
import { beforeExit } from "../undo.ts";

/** @throws WgptError where the system's folder for such can't be written to. */
export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = makeFolder();
  // A process that was just killed may have a file on its way.
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  const forget = beforeExit(remove);
  try {
    return await use(folder);
  } finally {
    remove();
    forget();
  }
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "wgpt-isa-"));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const hint = wayOutOf(error, "set TMPDIR to a folder that you may write to");
    throw fileError(tmpdir(), `can't be written: ${reasonOf(error)}`, hint);
  }
}
