// Folders that can be filled, but not renamed.
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Whether the folder is there but can't be replaced by another: a container's volume, or one in a folder that is only read. */
export const isFixed = (real: string): boolean =>
  existsSync(real) && (isMountPoint(real) || !isWritable(dirname(real)));

/** Whether a file system, or a folder of one, is mounted here. */
export function isMountPoint(real: string): boolean {
  if (statSync(real).dev !== statSync(dirname(real)).dev) return true;
  // A folder of the same file system, which only Linux can tell.
  return mounts().includes(real);
}

function mounts(): readonly string[] {
  try {
    const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    // A blank in a path is `\040`.
    return lines.map((line) =>
      (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
  } catch {
    return [];
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
