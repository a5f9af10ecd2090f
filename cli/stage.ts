// The folder in which one process at a time makes what it then puts in place: `.wgpt.part` in a folder that is filled, or
// `.wgpt-NAME.part` beside one that is replaced. Whoever has it is the one that writes there.
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileError } from "../runtime/index.ts";
import { parseObject } from "./folder-kinds.ts";
import type { Note } from "./undo.ts";

/** The stage's name in a folder that is filled. */
export const STAGE = ".wgpt.part";
const OWNER = "owner.json";

export interface Stage {
  readonly path: string;
  /** An empty folder for what is made. */
  readonly made: string;
  /** Where what is replaced goes; there is nothing yet. */
  readonly older: string;
}

/** Those of this process. */
const held = new Set<string>();

/** In bytes: file systems take 255, and what a stage is called by, and when it is removed, is longer than the folder's name. */
const LONGEST_NAME = 150;

export function stageBeside(folder: string): string {
  const name = basename(folder);
  const short =
    Buffer.byteLength(name) <= LONGEST_NAME ? name : createHash("sha256").update(name).digest("hex").slice(0, 32);
  return join(dirname(folder), `.wgpt-${short}.part`);
}

/**
 * Takes the stage at `path` for writing to `place`, as the user calls it.
 * @throws RuntimeError if another process has it. What one left that was killed is removed, unless it holds what was replaced.
 */
export function takeStage(path: string, place: string, note: Note): Stage {
  const stage = { path, made: join(path, "made"), older: join(path, "older") };
  removePending(path);
  if (!makeAlone(path)) {
    removeAbandoned(stage, place);
    if (!makeAlone(path)) throw busy(path, place, "another wgpt");
  }
  held.add(path);
  note(() => removeStage(stage));
  mkdirSync(stage.made);
  return stage;
}

/** Removes the stage and what it holds. A file that is being opened may come after the folder was listed. */
export function removeStage({ path }: Stage): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  held.delete(path);
}

/** What a stage is called until it says whose it is: a process that is killed in between leaves none without an owner. */
const pendingOf = (path: string, pid: number): string => `${path}-${pid}@${hostname()}`;

/** False where it is there already. */
function makeAlone(path: string): boolean {
  const pending = pendingOf(path, process.pid);
  try {
    mkdirSync(pending);
    writeFileSync(
      join(pending, OWNER),
      `${JSON.stringify({ format: "wgpt-owner", pid: process.pid, host: hostname() })}\n`,
    );
    if (existsSync(path)) return false;
    // Refused where another one was faster: a folder takes the place of an empty one only.
    renameSync(pending, path);
    return true;
  } catch (error) {
    if (existsSync(path)) return false;
    throw error;
  } finally {
    rmSync(pending, { recursive: true, force: true });
  }
}

/** Removes what processes of this machine left that were killed before their stage had its name. */
function removePending(path: string): void {
  const prefix = `${basename(path)}-`;
  let names: readonly string[] = [];
  try {
    names = readdirSync(dirname(path));
  } catch {
    // A folder may be written to and not listed; what can't be seen stays.
  }
  for (const name of names) {
    const [, pid = "", host] = name.startsWith(prefix) ? (/^(\d+)@(.*)$/.exec(name.slice(prefix.length)) ?? []) : [];
    // One with this process's number is from before: a container that is started again gives out the same ones.
    if (host === hostname() && (Number(pid) === process.pid || !isRunning(Number(pid))))
      rmSync(join(dirname(path), name), { recursive: true, force: true });
  }
}

/** @throws RuntimeError unless the process that made it is gone and it holds only what that one made. */
function removeAbandoned({ path, older }: Stage, place: string): void {
  const owner = ownerOf(path);
  if (owner === undefined) throw busy(path, place, "another wgpt");
  const { pid, host } = owner;
  if (host !== hostname()) throw busy(path, place, `process ${pid} of ${host}`);
  // A container that is started again gives out the same numbers.
  if (pid === process.pid ? held.has(path) : isRunning(pid)) throw busy(path, place, `process ${pid}`);
  if (existsSync(older))
    throw fileError(
      place,
      `process ${pid}, which has ended, left in ${older} what it was replacing`,
      `move from there what you want to keep, then remove ${path}`,
    );
  // Under a name that nobody else knows, so that what is removed is what was looked at.
  const removed = `${path}-${randomBytes(6).toString("hex")}`;
  renameSync(path, removed);
  const found = ownerOf(removed);
  if (found?.pid !== pid || found.host !== host) {
    renameSync(removed, path);
    throw busy(path, place, "another wgpt");
  }
  rmSync(removed, { recursive: true, force: true });
}

const busy = (path: string, place: string, who: string) =>
  fileError(place, `is being written by ${who}`, `wait until it ends; if none is at work, remove ${path}`);

function ownerOf(path: string): { readonly pid: number; readonly host: string } | undefined {
  let text = "";
  try {
    text = readFileSync(join(path, OWNER), "utf8");
  } catch {}
  const owner = parseObject(text);
  if (!owner || !("pid" in owner && "host" in owner)) return undefined;
  const { pid, host } = owner;
  return typeof pid === "number" && Number.isInteger(pid) && pid > 0 && typeof host === "string"
    ? { pid, host }
    : undefined;
}

/** Signal 0 reaches no process, but tells whether there is one. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
