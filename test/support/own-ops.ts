// What a test's graph may name: wgpt's ops and the test's own, which take the place of those whose names they bear.
import type { Op, OpSet } from "../../ir/op.ts";
import { OPS } from "../../ir/ops/index.ts";

export const withOps = (own: readonly Op[]): OpSet => ({
  ops: [...own, ...OPS.filter(({ name }) => !own.some((op) => op.name === name))],
});
