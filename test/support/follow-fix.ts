// Does what an error's `fix` says: changes files, and gives the arguments of the next try.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Fix } from "../../base/errors.ts";

/** The arguments of `wgpt` with which to try again; for a command that is not ours, the same ones. */
export function followFix(fix: Fix, args: readonly string[]): readonly string[] {
  switch (fix.kind) {
    case "edit-json": {
      // Files may begin with a byte-order mark, which wgpt reads over.
      const json = JSON.parse(readFileSync(fix.file, "utf8").replace(/^\uFEFF/, ""));
      for (const key of fix.unset ?? []) delete json[key];
      writeFileSync(fix.file, JSON.stringify({ ...json, ...fix.set }));
      return args;
    }
    case "rename":
      renameSync(fix.from, fix.to);
      return args;
    case "remove":
      rmSync(fix.file);
      return args;
    case "options": {
      const { drop = [] } = fix;
      return [...args.filter((arg) => !drop.includes(arg)), ...fix.add];
    }
    case "command": {
      const [program, ...rest] = fix.command;
      return program === "wgpt" ? rest : args;
    }
  }
}
