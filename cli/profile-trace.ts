// Timed steps as a trace of events, which ui.perfetto.dev and chrome://tracing show
// (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU).
import { type Compilation, printConfig } from "../codegen/index.ts";
import type { TimeSpan } from "../runtime/index.ts";
import type { FileKind } from "./output-file.ts";
import type { ProfileReport, TimedStep } from "./profile-report.ts";

/** What a file with a trace begins with. */
export const TRACE: FileKind = { name: "trace", opening: '{"otherData":{"made_by":"wgpt profile"' };

const PROCESS = 1;
const [WHOLE, CUT] = [1, 2];

/** What the trace is of. */
export interface Traced {
  readonly model: string;
  readonly dtype: string;
  readonly adapter: string;
}

/** A trace: a row of whole steps, and one of those that are cut, with their kernels. Times are the device's, from the first on. */
export function traceText(
  of: Traced,
  { plan }: Pick<Compilation, "plan">,
  report: ProfileReport,
  timed: readonly TimedStep[],
): string {
  const steps = plan.entries.find((e) => e.name === "decode")?.steps ?? [];
  const summaries = new Map(plan.kernels.map((k) => [k.name, k.summary]));
  const known = new Map(report.kernels.map((k) => [k.kernel, k]));
  const start = Math.min(...timed.flatMap(({ times }) => [times.whole.begin, times.cut.begin]));
  const event = (name: string, thread: number, category: string, { begin, end }: TimeSpan, args: object): object => ({
    name,
    cat: category,
    ph: "X",
    pid: PROCESS,
    tid: thread,
    ts: (begin - start) / 1e3,
    dur: Math.max(0, end - begin) / 1e3,
    args,
  });
  const named = (what: "process_name" | "thread_name", name: string, thread?: number): object => ({
    name: what,
    ph: "M",
    pid: PROCESS,
    ...(thread !== undefined && { tid: thread }),
    args: { name },
  });
  const events = [
    named("process_name", `${of.model} as ${of.dtype} on ${of.adapter}`),
    named("thread_name", "whole steps, each in one pass", WHOLE),
    named("thread_name", "steps cut into a pass for each dispatch", CUT),
    ...timed.flatMap(({ past, times }) => [
      event("decode", WHOLE, "step", times.whole, { past_tokens: past }),
      event("decode, cut", CUT, "step", times.cut, { past_tokens: past }),
      ...steps.flatMap(({ kernel, label }, i) => {
        const span = times.steps[i];
        if (!span) return [];
        const profiled = known.get(kernel);
        const args = {
          step: label,
          ops: summaries.get(kernel) ?? "",
          ...(profiled && {
            config: printConfig(profiled.config),
            predicted_us: 1e6 * profiled.prediction.seconds,
          }),
        };
        return [event(kernel, CUT, "kernel", span, args)];
      }),
    ]),
  ];
  const { model, dtype, adapter } = of;
  const lines = events.map((e) => JSON.stringify(e)).join(",\n");
  const about = JSON.stringify({ model, dtype, adapter }).slice(1);
  return `${TRACE.opening},${about},"displayTimeUnit":"ns","traceEvents":[\n${lines}\n]}\n`;
}
