// The bundle that is checked in: a GPT-2 small enough to be read.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleTexts, compileModelBundle } from "../../../codegen/emit/bundle.ts";
import { targetByName } from "../../../codegen/target.ts";
import { readGpt2Config } from "../../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../../ir/models/gpt2/family.ts";

export const TINY_CONFIG = { n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 32, vocab_size: 61, eos_token_id: 60 };
export const GOLDEN = fileURLToPath(new URL("../../golden/bundle", import.meta.url));

export const tinyBundle = () =>
  compileModelBundle(gpt2, readGpt2Config(TINY_CONFIG, "tiny"), {
    name: "tiny",
    chunk: 8,
    target: targetByName("webgpu-default"),
  });

export const tinyTexts = () => bundleTexts(tinyBundle());

/** The text of every file below, by its path with `/` between names. */
export function readTexts(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(folder, path).split(sep).join("/"), readFileSync(path, "utf8")];
    }),
  );
}
