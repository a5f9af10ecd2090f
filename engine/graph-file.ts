// A file of graphs in the text form: what it holds, and its graphs as entry points.
import { basename } from "node:path";
import type { SymbolValues } from "../base/dim.ts";
import { own } from "../base/own.ts";
import { CompileError, type EntrySpec, type Graph, graphSymbols, type OpSet, parseGraphs } from "../ir/index.ts";
import { fileError, optionError } from "../runtime/errors.ts";
import { openRegular } from "../runtime/open-regular.ts";
import { isMissing } from "../runtime/real-path.ts";
import { readRegular } from "../runtime/regular-file.ts";
import { decodeText, reasonOf } from "./text.ts";

/** Whether a file holds graphs: its name says so, also where there is no such file, or what it begins with. */
export async function isGraphFile(path: string): Promise<boolean> {
  const isNamed = path.endsWith(".graph");
  let isAbsent = false;
  const file = await openRegular(path).catch((error: unknown) => {
    isAbsent = isMissing(error);
    return undefined;
  });
  try {
    if (!file) return isNamed && isAbsent;
    if (isNamed) return true;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    const text = buffer.toString("latin1", 0, bytesRead);
    return /^(?:\s|#[^\n]*\n)*graph\s+[A-Za-z_]/.test(text);
  } finally {
    await file?.close();
  }
}

/**
 * The graphs of a file, in the text form.
 * @throws RuntimeError for a file that can't be read, CompileError with the line of what is no graph.
 */
export async function readGraphs(path: string, ops: OpSet): Promise<readonly Graph[]> {
  const bytes = await readRegular(path).catch((error: Error) => {
    throw fileError(path, `can't be read: ${reasonOf(error)}`, "it must be a file that you may read");
  });
  try {
    return parseGraphs(decodeText(bytes, path).replace(/^\uFEFF/, ""), ops);
  } catch (error) {
    if (error instanceof CompileError)
      throw new CompileError(`${path} ${error.place}`, error.facts, { hint: error.hint, code: error.code });
    throw error;
  }
}

/**
 * The graphs as entry points.
 * @throws RuntimeError for a symbol without a largest value, and a value for one that no graph has.
 */
export function entriesOf(path: string, graphs: readonly Graph[], maxima: SymbolValues = {}): readonly EntrySpec[] {
  const symbols = [...new Set(graphs.flatMap((g) => graphSymbols(g).map((s) => s.name)))];
  const unknown = Object.keys(maxima).find((name) => !symbols.includes(name));
  if (unknown !== undefined)
    throw optionError(
      "--max",
      `gives a value for ${unknown}, which no graph of ${path} has`,
      symbols.length === 0 ? "their shapes are numbers: leave it out" : `their symbols are ${symbols.join(", ")}`,
      { kind: "options", add: [], drop: ["--max", `${unknown}=${maxima[unknown]}`] },
    );
  const missing = symbols.filter((name) => own(maxima, name) === undefined);
  if (missing.length > 0)
    throw optionError(
      path,
      `has the symbol${missing.length === 1 ? "" : "s"} ${missing.join(", ")}, but buffers need a largest value`,
      `give ${missing.map((name) => `--max ${name}=128`).join(" ")}, or what your calls need`,
      { kind: "options", add: missing.flatMap((name) => ["--max", `${name}=128`]) },
    );
  return graphs.map((graph) => {
    const own = graphSymbols(graph).map((s) => s.name);
    return {
      name: graph.name,
      graph,
      maxima: Object.fromEntries(Object.entries(maxima).filter(([name]) => own.includes(name))),
    };
  });
}

/** What the module is called where the user does not say: the file's name. */
export const nameOf = (path: string): string => basename(path).replace(/\.[^.]*$/, "") || "graph";
