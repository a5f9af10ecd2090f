// Tries checkpoint folders that were made wrong: each ends in a run or in a refusal, and every `fix` of a refusal leads on.
import { WgptError } from "../../base/errors.ts";
import { printError } from "../../cli/errors.ts";
import { checkpointFolder } from "../support/checkpoint-folders.ts";
import { followFix } from "../support/follow-fix.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { runInProcess } from "../support/run-in-process.ts";
import { mutate, pickBase, seededRandom } from "./mutate.ts";

/** What became of the folders of some seeds. */
export interface FuzzTally {
  readonly cases: number;
  /** Ended in tokens. */
  readonly generated: number;
  /** The refusals' facts, numbers and quoted words left out, with how often each came. */
  readonly refusals: ReadonlyMap<string, number>;
  /** How many of them had a `fix`, and how many of those ended in tokens when it was followed to the end. */
  readonly fixes: number;
  readonly fixed: number;
  /** What must not be, each with its seed. */
  readonly faults: readonly string[];
  readonly slowestMs: number;
}

/** Fixes that are followed one after the other before a folder counts as a circle. */
const MOST_FIXES = 8;

/** Folders of the seeds `first` to `first + count − 1`. */
export async function fuzzFolders(first: number, count: number): Promise<FuzzTally> {
  const refusals = new Map<string, number>();
  const faults: string[] = [];
  let [generated, fixes, fixed, slowestMs] = [0, 0, 0, 0];
  for (let seed = first; seed < first + count; seed++) {
    const random = seededRandom(seed);
    const files = mutate(checkpointFolder(pickBase(random)), random);
    // With an id where there may be no tokenizer, with a text where one is wanted.
    const prompt = random() < 0.3 ? ["--tokens", "1,2"] : ["in the"];
    await inFolder(files, async (folder) => {
      let args: readonly string[] = [
        "generate",
        "--model",
        folder,
        "--max-new-tokens",
        "3",
        "--seed",
        "1",
        "--json",
        ...prompt,
      ];
      const said = new Set<string>();
      for (let tries = 0; ; tries++) {
        const began = performance.now();
        const { error, stdout } = await runInProcess(args);
        slowestMs = Math.max(slowestMs, performance.now() - began);
        if (error === undefined) {
          if (!/"tokens":\[/.test(stdout)) faults.push(`seed ${seed}: no tokens, and no error: ${stdout}`);
          if (tries === 0) generated++;
          else fixed++;
          return;
        }
        if (!(error instanceof WgptError)) {
          faults.push(`seed ${seed}: a raw error: ${error instanceof Error ? error.stack : error}`);
          return;
        }
        const message = printError(error).replaceAll(folder, "FOLDER");
        if (tries === 0) {
          const kind = kindOf(error.place.replaceAll(folder, "FOLDER"), error.facts.replaceAll(folder, "FOLDER"));
          refusals.set(kind, (refusals.get(kind) ?? 0) + 1);
          if (error.fix) fixes++;
        }
        if (said.has(message)) faults.push(`seed ${seed}: a fix leads back to: ${message}`);
        if (!error.fix || said.has(message)) return;
        if (tries === MOST_FIXES) {
          faults.push(`seed ${seed}: ${MOST_FIXES} fixes lead nowhere, the last from: ${message}`);
          return;
        }
        said.add(message);
        try {
          args = followFix(error.fix, args);
        } catch (problem) {
          faults.push(`seed ${seed}: ${JSON.stringify(error.fix)} of «${message}» can't be followed: ${problem}`);
          return;
        }
      }
    });
  }
  return { cases: count, generated, refusals, fixes, fixed, faults, slowestMs };
}

/** The same for refusals that differ in numbers, names and lists alone: the place, and the first of the facts. */
const kindOf = (place: string, facts: string): string =>
  `${place.replace(/^FOLDER\//, "")}: ${facts.split(", but ")[0]}`
    .replaceAll(/"[^"]*"|‘[^’]*’|«[^»]*»/g, "…")
    .replaceAll(/-?\d+(\.\d+)?(e-?\d+)?/g, "N")
    .replaceAll(/ is (\{.*\}|\[.*\]|N|true|false|null|…)/g, " is …")
    .replace(/ no JSON: .*| must be JSON$/, " no JSON")
    .slice(0, 80);
