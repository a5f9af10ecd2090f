import { at, attrOf, type Op, PART_BUCKETS, PART_WORDS, partStretch, unreachable } from "../../ir/index.ts";
import { sampleTokenFromParts, sampleTokensFromParts } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel, type Kernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { addIndex, indexName, indexOf } from "../wgsl-index.ts";
import { type DrawnRows, MANY_ROWS, ONE_ROW } from "./drawn-rows.ts";
import { kernelTemplate } from "./kernel-template.ts";

const template = kernelTemplate("sample-from-parts", [
  "title",
  "bindings",
  "functions",
  "width",
  "lanes",
  "parts",
  "stretch",
  "ownAhead",
  "memberAhead",
  "wordsAhead",
  "ahead",
  "buckets",
  "largest",
  "least",
  "first",
  "weight",
  "counts",
  "weights",
  "held",
  "wants",
  "step",
]);

/** Bins of amounts, and groups of those; see the template. */
const [BINS, GROUPS] = [256, 16];
/** Ids that may matter to a filter and are held in workgroup memory, at most: it is cleared before each draw. */
const MOST_HELD = 2048;

/** How many are held beside the bins and the keys of the parts; where there are more, all are read again in each step. */
function heldWithin(bytes: number, parts: number): number {
  const free = bytes - 4 * (2 * BINS + 2 * GROUPS + parts + 7);
  return Math.min(MOST_HELD, 256 * Math.floor(free / (8 * 256)));
}

/**
 * Loads of one invocation that are on their way at a time: where it walks a whole row, those that may matter, what parts tell of their
 * buckets, and its own stretch.
 */
const AHEAD = { ahead: 16, memberAhead: 8, wordsAhead: 8, ownAhead: 4 } as const;
/** What a software driver loads is there at once. */
const AT_ONCE: Readonly<Record<keyof typeof AHEAD, number>> = { ahead: 1, memberAhead: 1, wordsAhead: 1, ownAhead: 1 };

const fromPartsKernel = (kind: Op, summary: string, drawn: DrawnRows): Kernel =>
  defineKernel({
    name: kind.name,
    summary,
    kind,
    template,
    space: (_region, target) => laneSpace(target, 256),
    refuses: () => undefined,
    lower(region, { machine, limits }, { lanes }) {
      const { anchor } = region;
      if (!anchor) return unreachable(`${kind.name} without its node`);
      const given = region.operand("parts");
      const width = attrOf<number>(anchor.attrs, "width");
      const parts = constantDim(given.type.shape[1]);
      const stretch = partStretch(width, parts);
      const own = Math.ceil(stretch / lanes);
      const most = machine.software ? AT_ONCE : AHEAD;
      const ahead = {
        ahead: Math.min(most.ahead, Math.ceil(width / lanes)),
        memberAhead: Math.min(most.memberAhead, Math.ceil(width / lanes)),
        wordsAhead: Math.min(most.wordsAhead, Math.ceil((parts * PART_BUCKETS) / lanes)),
        ownAhead: Math.min(most.ownAhead, own),
      };
      const rows = drawn.rows(given);
      const steps = drawn.loadStep(region);
      const { keys, ...words } = PART_WORDS;
      return {
        params: {
          width,
          lanes,
          parts,
          stretch,
          ...ahead,
          buckets: PART_BUCKETS,
          ...words,
          held: heldWithin(limits.maxComputeWorkgroupStorageSize, parts),
          ...drawn.step(region, "group.x"),
        },
        functions: [
          region.loadFunction("load_word", given, ["row", "part", "word"]),
          region.loadFunction(
            "load_key",
            given,
            ["row", "part", "place"],
            [indexName("row"), indexName("part"), addIndex(indexName("place"), indexOf(keys))],
          ),
          drawn.load(region, "load_settings", region.operand("settings")),
          region.loadFunction("load_seed", region.operand("seed"), ["row"]),
          ...steps,
          region.storeFunction("store_token", at(anchor.results, 0), ["i"]),
        ],
        workgroups: [count(rows), count(), count()],
        // What the parts tell of themselves, and the keys of the part that is drawn from. What filters add depends on the settings.
        work: (n) => {
          const all = lanes * n(rows);
          const walked = stretch + own;
          // Clearing and adding up the bins, and finding one, twice.
          const bins = 2 * (2 * BINS + 2 * BINS + 2 * GROUPS * lanes + BINS * (GROUPS + BINS / GROUPS));
          // Few invocations load, and all wait for them.
          const wordWaits = 2 * Math.ceil(parts / lanes);
          const keyWaits = 2 * Math.ceil(own / ahead.ownAhead);
          return {
            calls: {
              load_settings: 4 * all,
              load_seed: all,
              ...(steps.length > 0 && { load_step: 2 * all }),
              load_word: 3 * parts * n(rows),
              load_key: walked * n(rows),
              store_token: n(rows),
            },
            ahead: {
              load_settings: 4,
              load_word: (3 * parts) / (wordWaits * lanes),
              load_key: walked / (keyWaits * lanes),
            },
            alike: { load_settings: lanes, load_seed: lanes, ...(steps.length > 0 && { load_step: lanes }) },
            multiplyAdds: 16 * (parts + stretch) * n(rows),
            shared: bins * n(rows) + 4 * all,
            barriers: 9,
          };
        },
      };
    },
  });

/** Draws a token from what the parts of a row tell. */
export const sampleFromPartsKernel = fromPartsKernel(sampleTokenFromParts, "one workgroup for the whole row", ONE_ROW);

/** The same for rows of many sequences. */
export const sampleRowsFromPartsKernel = fromPartsKernel(
  sampleTokensFromParts,
  "one workgroup for each row",
  MANY_ROWS,
);
