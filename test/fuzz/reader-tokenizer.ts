// Folders whose tokenizer files were made wrong, and texts that what is read of them has to encode and decode.
import { loadTokenizer } from "../../runtime/index.ts";
import { addedToken, END, END_ID, MERGES_TXT, tokenizerJson, VOCAB } from "../support/checkpoint-folders.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { pick, type Random } from "./mutate.ts";
import { mutateJson } from "./mutate-text.ts";

const PATTERNS = [
  "(a+)+$",
  "(?:a|a)*b",
  "\\p{N}{1,3}|\\s+",
  "a(?!b)",
  "[^\\s]+|\\s",
  "(",
  "\\p{No}",
  "(?:a{100}){100}",
  "a*b|a",
  { toString: 1 },
] as const;
const TEXTS = ["in the  end", `${"a".repeat(3000)}!`, `${" ".repeat(3000)}x`, `${END}é\uD800𝔘\u0085`, ""] as const;

const split = (random: Random) => ({
  type: "Split",
  pattern: { [pick(random, ["Regex", "Regex", "Regex", "String"])]: pick(random, PATTERNS) },
  behavior: pick(random, ["Isolated", "Removed", "MergedWithNext"]),
  invert: random() < 0.3,
});

/** A tokenizer.json with steps that GPT-2's does not have. */
function variedJson(random: Random): object {
  const bytes = { type: "ByteLevel", add_prefix_space: random() < 0.3, use_regex: random() < 0.5 };
  return tokenizerJson(random() < 0.5 ? [addedToken(END_ID + 1, "<|more|>", { normalized: random() < 0.5 })] : [], {
    ...(random() < 0.5 && { pre_tokenizer: { type: "Sequence", pretokenizers: [split(random), bytes] } }),
    ...(random() < 0.3 && {
      normalizer: {
        type: "Replace",
        pattern: { Regex: pick(random, PATTERNS) },
        content: pick(random, ["", "b", "aa"]),
      },
    }),
  });
}

function files(random: Random): Record<string, string> {
  const beside = {
    "tokenizer_config.json": {
      eos_token: { content: END },
      added_tokens_decoder: { [END_ID]: { content: END, special: true } },
    },
    "special_tokens_map.json": { eos_token: END, additional_special_tokens: ["<|x|>"] },
    "added_tokens.json": { "<|more|>": END_ID + 1 },
  };
  const some = Object.entries(beside).filter(() => random() < 0.3);
  const texts = Object.fromEntries(some.map(([name, json]) => [name, mutateJson(json, random)]));
  if (random() < 0.8) {
    const json = variedJson(random);
    return { ...texts, "tokenizer.json": random() < 0.4 ? JSON.stringify(json) : mutateJson(json, random) };
  }
  const at = Math.floor(random() * MERGES_TXT.length);
  const merges =
    random() < 0.5
      ? MERGES_TXT
      : MERGES_TXT.slice(0, at) + pick(random, [" ", "\n", "\u0000", "Ġ"]) + MERGES_TXT.slice(at);
  return { ...texts, "vocab.json": mutateJson(VOCAB, random), "merges.txt": merges };
}

export const fuzzTokenizer = (random: Random): Promise<void> =>
  inFolder(files(random), async (folder) => {
    const tokenizer = await loadTokenizer(folder);
    if (!tokenizer) return;
    const text = pick(random, TEXTS);
    tokenizer.decode(tokenizer.encode(text, { allowSpecial: random() < 0.5 }));
  });
