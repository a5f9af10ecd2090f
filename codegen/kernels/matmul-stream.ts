// A few rows times a matrix that is read once: as on a decode step, whose time is that of reading the weights.
import { at, type Op, printDim, unreachable } from "../../ir/index.ts";
import { matmul, matmulParts } from "../../ir/ops/index.ts";
import { constantDim, count, defineKernel, type Kernel } from "../kernel.ts";
import type { Lowered } from "../lowered.ts";
import type { Region } from "../region.ts";
import type { Target } from "../target.ts";
import type { Work } from "../work.ts";
import { gathersOf } from "./gathers.ts";
import { kernelTemplate } from "./kernel-template.ts";
import {
  fewRows,
  type MatmulView,
  matmulOf,
  normalizationOf,
  refusesShapes,
  refusesVectors,
  refusesWeight,
} from "./matmul.ts";
import { elementFunction, longVector, longWeightFunction, longWeightVectors } from "./matmul-vectors.ts";
import { normFunctions, normParams, refusesPrologue } from "./normalization.ts";
import { foldsOf, refusesSoftware, type StreamConfig, streamSpace } from "./stream-space.ts";

const PARAMS = [
  "title",
  "bindings",
  "functions",
  "rows",
  "inner",
  "width",
  "vector",
  "size",
  "vectors",
  "lanes",
  "split",
  "ahead",
  "turns",
  "rest",
  "uneven",
  "folds",
  "start",
  "place",
  "step",
  "pairs",
] as const;

function refusesRows(view: MatmulView, target: Target): string | undefined {
  if (fewRows(view) === undefined) return `the left operand has ${printDim(view.rows)} rows`;
  return view.rows === 1 && view.node.op === matmul ? refusesSoftware(target) : undefined;
}

/** How the inner axis is walked: whole turns of `ahead` rows, and what is left. */
function walk(inner: number, { split, ahead }: StreamConfig) {
  const sure = Math.floor(inner / split);
  const turns = Math.floor(sure / ahead);
  return { turns, rest: Math.ceil(inner / split) - turns * ahead, uneven: inner % split !== 0 };
}

/** How many invocations lie side by side: no more than there are columns for. */
const lanesOf = (region: Region, { lanes, vectors }: StreamConfig): number =>
  Math.min(lanes, Math.ceil(constantDim(matmulOf(region).columns) / longVector(region).size / vectors));

/** What both kernels have in common of a region. */
function stream(region: Region, config: StreamConfig) {
  const view = matmulOf(region);
  const { node, y, inner, columns } = view;
  const { size, vector } = longVector(region);
  const { vectors, split, ahead } = config;
  const rows = fewRows(view) ?? 1;
  const { parts } = view;
  const n = constantDim(inner) / parts;
  const width = constantDim(columns) / size;
  const lanes = lanesOf(region, config);
  const { turns, rest, uneven } = walk(n, config);
  const folds = foldsOf(split);
  const params = {
    rows,
    inner: n,
    width,
    vector,
    size,
    vectors,
    lanes,
    split,
    ahead,
    turns,
    rest,
    uneven,
    folds,
    start: parts > 1 ? "group.z * INNER" : "0u",
    place: node.op === matmul ? "i / COLUMNS" : "group.z, i / COLUMNS",
    step: region.neighbours,
    pairs: region.neighbours === 2,
  };
  const functions = [
    longWeightFunction(region),
    elementFunction(region),
    region.storeFunction("store_result", y, node.op === matmul ? ["row", "column"] : ["part", "row", "column"]),
  ];
  const workgroups: Lowered["workgroups"] = [count([width, lanes * vectors]), count(), count(parts)];
  const groups = Math.ceil(width / (lanes * vectors)) * parts;
  const walked = Math.ceil(width / vectors) * parts * split * (turns * ahead + rest);
  const elements = rows * lanes * vectors * size;
  const work: Work = {
    calls: {
      load_b: walked * vectors,
      store_result: (parts * rows * constantDim(columns)) / region.neighbours,
    },
    ahead: { load_b: vectors * (turns > 0 ? ahead : rest) },
    multiplyAdds: walked * vectors * size * rows,
    shared: 2 * groups * elements * (split + folds),
    barriers: folds > 0 ? 2 : 1,
  };
  return { view, rows, params, functions, workgroups, groups, walked, work };
}

type Named = Pick<Kernel, "name" | "summary"> & { readonly kind: Op };

const plainTemplate = kernelTemplate("matmul-stream", PARAMS);

const plainKernel = (named: Named): Kernel =>
  defineKernel({
    ...named,
    template: plainTemplate,
    storesPairs: true,
    space: (region, target) => streamSpace(region, fewRows(matmulOf(region)) ?? 1, target),
    vectors: longWeightVectors,
    refuses(region, target) {
      const view = matmulOf(region);
      return refusesRows(view, target) ?? refusesShapes(view, region, false) ?? refusesVectors(view, region);
    },
    lower(region, _target, config) {
      const { view, rows, params, functions, workgroups, walked, work } = stream(region, config);
      const loads = walked * rows;
      return {
        params,
        functions: [region.loadFunction("load_x", view.a, ["row", "k"]), ...functions],
        workgroups,
        work: () => ({
          ...work,
          calls: { ...work.calls, load_x: loads },
          ahead: { ...work.ahead, load_x: loads },
          alike: { load_x: params.lanes },
        }),
      };
    },
  });

/** A few rows times a matrix, several loads on their way. */
export const matmulStream = plainKernel({
  name: "matmul_stream",
  summary: "a few rows times a matrix, of which many loads are on their way",
  kind: matmul,
});

/** The same in sums over parts of the inner axis. */
export const matmulPartsStream = plainKernel({
  name: "matmul_parts_stream",
  summary: "a few rows times a matrix, a workgroup for a part of the inner axis",
  kind: matmulParts,
});

/** Columns of a row that an invocation normalises at most: it keeps them all. */
const MOST_STRIDES = 16;

const normalizedTemplate = kernelTemplate("matmul-stream-normalized", [
  ...PARAMS,
  "normal",
  "eps",
  "centred",
  "overCount",
  "gathers",
  "strides",
]);

const normalizedKernel = (named: Named): Kernel =>
  defineKernel({
    ...named,
    template: normalizedTemplate,
    takesNormalization: true,
    storesPairs: true,
    space(region, target) {
      const view = matmulOf(region);
      const rows = fewRows(view) ?? 1;
      const row = typeof view.inner === "number" ? view.inner : 0;
      // The rows themselves, and terms of the invocations.
      return streamSpace(
        region,
        rows,
        target,
        (invocations) => 4 * (rows * row + invocations + gathersOf(invocations)),
      );
    },
    vectors: longWeightVectors,
    refuses(region, target, config) {
      const view = matmulOf(region);
      const problem =
        refusesPrologue(view, region) ??
        refusesRows(view, target) ??
        refusesWeight(view, false) ??
        refusesVectors(view, region);
      if (problem) return problem;
      const invocations = lanesOf(region, config) * config.split;
      const strides = Math.ceil(constantDim(view.inner) / invocations);
      return strides > MOST_STRIDES
        ? `each of ${invocations} invocations would keep ${strides} columns of the row`
        : undefined;
    },
    lower(region, _target, config) {
      const { view, rows, params, functions, workgroups, groups, walked, work } = stream(region, config);
      const norm = normalizationOf(region, view.a);
      if (!norm) return unreachable("a normalised matmul without normalisation");
      const invocations = params.lanes * params.split;
      const normal = constantDim(view.inner);
      const strides = Math.ceil(normal / invocations);
      const gathers = gathersOf(invocations);
      const { overCount, centred, eps } = normParams(norm, "NORMAL");
      const sums = centred ? 2 : 1;
      const normalised = groups * rows * strides * invocations;
      return {
        params: { ...params, normal, eps, centred, overCount, gathers, strides },
        functions: [
          region.loadFunction("load_row", at(norm.operands, 0), ["row", "column"]),
          ...normFunctions(region, norm),
          ...functions,
        ],
        workgroups,
        work: () => ({
          ...work,
          calls: { ...work.calls, load_row: normalised, load_weight: normalised, load_bias: normalised },
          ahead: { ...work.ahead, load_row: 3 * strides, load_weight: 3 * strides, load_bias: 3 * strides },
          multiplyAdds: (work.multiplyAdds ?? 0) + 3 * normalised,
          shared:
            (work.shared ?? 0) +
            walked * rows +
            groups * rows * (normal + sums * (2 * invocations + gathers + gathers * invocations)),
          barriers: (work.barriers ?? 0) + 1 + 2 * sums * rows,
        }),
      };
    },
  });

/** A few rows times a matrix with the normalisation of the rows before it: one kernel where there were two, and no row in between. */
export const matmulStreamNormalized = normalizedKernel({
  name: "matmul_stream_normalized",
  summary: "a few rows, normalised on the way in, times a matrix",
  kind: matmul,
});

/** The same in sums over parts of the inner axis. */
export const matmulPartsStreamNormalized = normalizedKernel({
  name: "matmul_parts_stream_normalized",
  summary: "a few rows, normalised on the way in, times a part of a matrix",
  kind: matmulParts,
});
