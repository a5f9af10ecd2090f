import { at, type Op, unreachable } from "../../ir/index.ts";
import { sampleToken, sampleTokens } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel, type Kernel } from "../kernel.ts";
import { laneSpace } from "../space.ts";
import { type DrawnRows, MANY_ROWS, ONE_ROW } from "./drawn-rows.ts";
import { kernelTemplate } from "./kernel-template.ts";

const template = kernelTemplate("sample-token", [
  "title",
  "bindings",
  "functions",
  "width",
  "lanes",
  "wants",
  "step",
  "words",
  "inMemory",
]);

/** Reading a row of 50,257 is little work compared with the layers' weights, but one workgroup is a small part of a GPU. */
const drawKernel = (kind: Op, summary: string, drawn: DrawnRows): Kernel =>
  defineKernel({
    name: kind.name,
    summary,
    kind,
    template,
    space: (_region, target) => laneSpace(target, 256),
    refuses: () => undefined,
    lower(region, { limits }, { lanes }) {
      const { anchor } = region;
      if (!anchor) return unreachable(`${kind.name} without its node`);
      const logits = region.operand("logits");
      const width = constantDim(logits.type.shape[1]);
      // A bit for each id, besides what the sums need: a vocabulary of 100,000 fits everywhere. Else the sequence is searched.
      const words = Math.ceil(width / 32);
      const inMemory = 4 * (words + 2 * lanes) <= limits.maxComputeWorkgroupStorageSize;
      const rows = drawn.rows(logits);
      return {
        params: { width, lanes, words: inMemory ? words : 1, inMemory, ...drawn.step(region, "group.x") },
        functions: [
          region.loadFunction("load_logits", logits, ["row", "column"]),
          ...["settings", "suppressed", "sequence"].map((role) =>
            drawn.load(region, `load_${role}`, region.operand(role)),
          ),
          region.loadFunction("load_seed", region.operand("seed"), ["row"]),
          ...drawn.loadStep(region),
          region.storeFunction("store_token", at(anchor.results, 0), ["i"]),
        ],
        workgroups: [count(rows), count(), count()],
        // The largest logit and the draw. What filters add depends on the settings.
        work: (n) => ({
          calls: { load_logits: 2 * width * n(rows), load_suppressed: 2 * width * n(rows), store_token: n(rows) },
          multiplyAdds: 2 * width * n(rows),
          shared: 2 * lanes * lanes * n(rows),
          barriers: 8,
        }),
      };
    },
  });

/** Draws a token without the logits leaving the GPU. */
export const sampleTokenKernel = drawKernel(sampleToken, "one workgroup for the whole row", ONE_ROW);

/** The same for rows of many sequences. */
export const sampleTokensKernel = drawKernel(sampleTokens, "one workgroup for each row", MANY_ROWS);
