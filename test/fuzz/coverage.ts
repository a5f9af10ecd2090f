// Which branches of the readers a fuzz has taken: V8 counts, c8 reads it off by the sources' lines.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What reads files from outside, and texts of graphs. */
const READERS = [
  "ir/lex.ts",
  "ir/parse*.ts",
  "ir/models/gpt2/config*.ts",
  "runtime/json*.ts",
  "runtime/check-json.ts",
  "runtime/bundle.ts",
  "runtime/bundle-parts.ts",
  "runtime/download.ts",
  "runtime/tokenizer*.ts",
  "runtime/added-tokens.ts",
  "runtime/linear-*.ts",
  "runtime/known-patterns.ts",
  "runtime/weights/safetensors.ts",
  "runtime/weights/shards.ts",
  "runtime/weights/url-source.ts",
] as const;

export const LEAST_BRANCHES = 0.9;

export interface Branches {
  readonly covered: number;
  readonly total: number;
}

export interface Coverage {
  /** Variables of the environment with which processes are watched. */
  readonly env: Readonly<Record<string, string>>;
  /** Of each reader that any process loaded. Once. */
  report(): Promise<ReadonlyMap<string, Branches>>;
}

/** Watches the processes that are started from now on with `env`. */
export function watchBranches(): Coverage {
  const folder = mkdtempSync(join(tmpdir(), "wgpt-coverage-"));
  return {
    env: { NODE_V8_COVERAGE: join(folder, "v8") },
    async report() {
      try {
        const c8 = join(ROOT, "node_modules", "c8", "bin", "c8.js");
        const wanted = READERS.flatMap((pattern) => ["--include", pattern]);
        const to = ["--temp-directory", join(folder, "v8"), "--reports-dir", folder, "--reporter", "json-summary"];
        await promisify(execFile)(process.execPath, [c8, "report", ...to, ...wanted], {
          cwd: ROOT,
          maxBuffer: 2 ** 26,
        });
        const summary: Readonly<Record<string, { readonly branches: Branches }>> = JSON.parse(
          readFileSync(join(folder, "coverage-summary.json"), "utf8"),
        );
        const files = Object.entries(summary).filter(([path]) => path !== "total");
        return new Map(files.map(([path, { branches }]) => [relative(ROOT, path), branches]));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** All of them together. */
export function sumBranches(files: ReadonlyMap<string, Branches>): Branches {
  const all = [...files.values()];
  return { covered: all.reduce((n, b) => n + b.covered, 0), total: all.reduce((n, b) => n + b.total, 0) };
}
