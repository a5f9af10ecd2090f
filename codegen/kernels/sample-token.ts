import { at, attrOf, type Dim, type Op, unreachable, type Value } from "../../ir/index.ts";
import { sampleToken, sampleTokens } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel, type Kernel } from "../kernel.ts";
import type { Region } from "../region.ts";
import { laneSpace } from "../space.ts";
import { indexName } from "../wgsl-index.ts";
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

/** What tells a draw for one row of logits from draws for many. */
interface Draw {
  readonly kind: Op;
  readonly summary: string;
  /** At which step the row is drawn, and a number that is below 0 where it is not; WGSL. */
  readonly step: (region: Region) => { readonly step: string; readonly wants: string | false };
  /** A function that loads element `i` of the row's part of an operand. */
  readonly load: (region: Region, name: string, v: Value) => string;
  readonly functions: (region: Region) => readonly string[];
  readonly rows: (logits: Value) => Dim;
}

/** Reading a row of 50,257 is little work compared with the layers' weights. */
const drawKernel = (draw: Draw): Kernel =>
  defineKernel({
    name: draw.kind.name,
    summary: draw.summary,
    kind: draw.kind,
    template,
    space: (_region, target) => laneSpace(target, 256),
    refuses: () => undefined,
    lower(region, { limits }, { lanes }) {
      const { anchor } = region;
      if (!anchor) return unreachable(`${draw.kind.name} without its node`);
      const logits = region.operand("logits");
      const width = constantDim(logits.type.shape[1]);
      // A bit for each id, besides what the sums need: a vocabulary of 100,000 fits everywhere. Else the sequence is searched.
      const words = Math.ceil(width / 32);
      const inMemory = 4 * (words + 2 * lanes) <= limits.maxComputeWorkgroupStorageSize;
      const rows = draw.rows(logits);
      return {
        params: { width, lanes, words: inMemory ? words : 1, inMemory, ...draw.step(region) },
        functions: [
          region.loadFunction("load_logits", logits, ["row", "column"]),
          ...["settings", "suppressed", "sequence"].map((role) =>
            draw.load(region, `load_${role}`, region.operand(role)),
          ),
          ...draw.functions(region),
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
export const sampleTokenKernel = drawKernel({
  kind: sampleToken,
  summary: "one workgroup for the whole row",
  step: ({ anchor, print }) => ({ step: print.dim(attrOf<Dim>(anchor?.attrs ?? {}, "step")), wants: false }),
  load: (region, name, v) => region.loadFunction(name, v, ["row", "i"], [indexName("i")]),
  functions: (region) => [region.loadFunction("load_seed", region.operand("seed"), ["row"])],
  rows: () => 1,
});

/** The same for rows of many sequences. */
export const sampleTokensKernel = drawKernel({
  kind: sampleTokens,
  summary: "one workgroup for each row",
  step: () => ({ step: "u32(load_step(row))", wants: "load_step(group.x)" }),
  load: (region, name, v) => region.loadFunction(name, v, ["row", "i"]),
  functions: (region) =>
    (["seed", "steps"] as const).map((role) =>
      region.loadFunction(role === "steps" ? "load_step" : "load_seed", region.operand(role), ["row"]),
    ),
  rows: (logits) => at(logits.type.shape, 0),
});
