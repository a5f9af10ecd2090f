import { at, attrOf, type Op, PART_BUCKETS, PART_WORDS, partStretch, unreachable } from "../../ir/index.ts";
import { sampleTokenParts, sampleTokensParts } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel, type Kernel } from "../kernel.ts";
import type { Region } from "../region.ts";
import { laneSpace } from "../space.ts";
import { type DrawnRows, MANY_ROWS, ONE_ROW } from "./drawn-rows.ts";
import { kernelTemplate } from "./kernel-template.ts";

const template = kernelTemplate("sample-parts", [
  "title",
  "bindings",
  "functions",
  "width",
  "lanes",
  "stretch",
  "ahead",
  "buckets",
  "least",
  "first",
  "weight",
  "counts",
  "weights",
  "keys",
  "wants",
  "step",
]);

/** Loads of one invocation that are on their way at a time. */
const AHEAD = 4;

/** How many loads the invocations make that go through so many ids, each so many a turn: one beyond the last is that again. */
function loadsOf(own: number, lanes: number, ahead: number): number {
  const turns = Math.floor(own / (ahead * lanes));
  return ahead * (turns * lanes + Math.min(own - turns * ahead * lanes, lanes));
}

const sizesOf = (region: Region) => {
  const width = constantDim(region.operand("logits").type.shape[1]);
  const parts = attrOf<number>(region.anchor?.attrs ?? {}, "parts");
  return { width, parts, stretch: partStretch(width, parts) };
};

/** Bytes of workgroup memory: a bit for each id of a part, and what the buckets add up to. */
const sharedBytes = (stretch: number): number => 4 * (Math.ceil(stretch / 32) + 3 * PART_BUCKETS + 5);

const partsKernel = (kind: Op, summary: string, drawn: DrawnRows): Kernel =>
  defineKernel({
    name: kind.name,
    summary,
    kind,
    template,
    space: (_region, target) => laneSpace(target, 256),
    refuses(region, { name, limits }) {
      const needed = sharedBytes(sizesOf(region).stretch);
      const most = limits.maxComputeWorkgroupStorageSize;
      return needed > most
        ? `so few parts need ${needed} bytes of workgroup memory, but ${name} has ${most}`
        : undefined;
    },
    lower(region, _target, { lanes }) {
      const { anchor } = region;
      if (!anchor) return unreachable(`${kind.name} without its node`);
      const logits = region.operand("logits");
      const { width, parts, stretch } = sizesOf(region);
      const rows = drawn.rows(logits);
      const steps = drawn.loadStep(region);
      const { least, first, weight, counts, weights, keys } = PART_WORDS;
      const ahead = Math.min(AHEAD, Math.ceil(stretch / lanes));
      return {
        params: {
          width,
          lanes,
          stretch,
          ahead,
          buckets: PART_BUCKETS,
          ...{ least, first, weight, counts, weights, keys },
          ...drawn.step(region, "group.y"),
        },
        functions: [
          region.loadFunction("load_logits", logits, ["row", "column"]),
          ...["settings", "suppressed", "sequence"].map((role) =>
            drawn.load(region, `load_${role}`, region.operand(role)),
          ),
          ...steps,
          region.storeFunction("store_parts", at(anchor.results, 0), ["row", "part", "word"]),
        ],
        workgroups: [count(parts), count(rows), count()],
        // Each id is read for the largest and for its weight. Ids that the sequence holds are read where there is a penalty.
        work: (n) => {
          const groups = parts * n(rows);
          const lengths = Array.from({ length: parts }, (_, p) => Math.min(Math.max(width - p * stretch, 0), stretch));
          const read = n(rows) * lengths.reduce((sum, own) => sum + loadsOf(own, lanes, ahead), 0);
          return {
            calls: {
              load_settings: 2 * lanes * groups,
              ...(steps.length > 0 && { load_step: lanes * groups }),
              load_logits: 2 * read,
              load_suppressed: 2 * read,
              store_parts: (keys + stretch) * groups,
            },
            ahead: { load_settings: 2, load_logits: ahead, load_suppressed: ahead },
            alike: {
              load_settings: lanes,
              ...(steps.length > 0 && { load_step: lanes }),
              load_suppressed: Math.min(32, lanes),
            },
            // An exponential and its sum are about so many steps.
            multiplyAdds: 16 * width * n(rows),
            shared: 6 * width * n(rows) + (4 * lanes + 3 * PART_BUCKETS) * groups,
            barriers: 2,
          };
        },
      };
    },
  });

/** Tells of each part of a row what a draw has to know. */
export const samplePartsKernel = partsKernel(sampleTokenParts, "one workgroup for each part of the row", ONE_ROW);

/** The same for rows of many sequences. */
export const sampleRowsPartsKernel = partsKernel(
  sampleTokensParts,
  "one workgroup for each part of each row",
  MANY_ROWS,
);
