// Which tokens end a text, as a checkpoint's config files say it.
import type { ReadConfigOptions } from "../family.ts";
import { type ConfigFile, configFile, tokenIds } from "./config-keys.ts";

/**
 * The end tokens of generation_config.json where it has some, else those of config.json; ids of no token are left out, with a
 * warning.
 * @throws CompileError for what is no list of ids.
 */
export function readEndTokens(
  file: ConfigFile,
  n_vocab: number,
  { generation, warn = () => undefined }: ReadConfigOptions,
): readonly number[] {
  const isToken = (id: number): boolean => id >= 0 && id < n_vocab;
  /** The ids of each key; one warning for those that are none. */
  const read = (from: ConfigFile, keys: readonly string[]): ReadonlyMap<string, readonly number[]> => {
    const all = keys.map((key) => [key, tokenIds(from, key)] as const);
    const wrong = all.flatMap(([key, ids]) => ids.filter((id) => !isToken(id)).map((id) => `${key} ${id}`));
    if (wrong.length > 0)
      warn(`${from.place}: ${wrong.join(", ")} ignored, for the vocabulary has ids 0 to ${n_vocab - 1} only`);
    return new Map(all.map(([key, ids]) => [key, ids.filter(isToken)]));
  };
  const generatedFile = generation && configFile(generation.json, generation.place);
  const generated = (generatedFile && read(generatedFile, ["eos_token_id"]).get("eos_token_id")) ?? [];
  // No number depends on the other two, but whoever reads them in the file should not go on believing them.
  const own = read(file, ["eos_token_id", "eos_token_ids", "bos_token_id", "pad_token_id"]);
  const ends = [...(own.get("eos_token_id") ?? []), ...(own.get("eos_token_ids") ?? [])];
  return generated.length > 0 ? generated : [...new Set(ends)];
}
