// Kernels that report their own reads and writes out of bounds: every index of shared memory goes through a function that
// compares it with the length, and counts. Lengths are those of the tensors, not of the buffers, which are often larger.
import { DTYPE_BYTES } from "../base/dtype.ts";
import type { Plan, PlanBuffer, PlanStep } from "../base/plan.ts";
import { at, CompileError, evalDim, type SymbolValues, type Value } from "../ir/index.ts";
import type { Compilation } from "./compile.ts";

import { type Access, findAccesses, type SharedVariable, type TextRange } from "./wgsl/accesses.ts";
import { bytesOf } from "./wgsl/types.ts";

/** One index of one access in a kernel's text. */
export interface CheckedIndex {
  readonly variable: string;
  readonly space: SharedVariable["space"];
  readonly kind: Access["kind"];
  readonly line: number;
  /** The line as it stands in the kernel. */
  readonly source: string;
}

/** An index that was outside of its array. */
export interface Violation extends CheckedIndex {
  readonly kernel: string;
  /** The IR value that the step computes. */
  readonly label: string;
  readonly times: number;
  /** One that was outside; one below 0 counts from 2³². */
  readonly index: number;
}

/** WGSL that checks itself. */
export interface InstrumentedWgsl {
  readonly wgsl: string;
  /** In the order of their counters. */
  readonly indices: readonly CheckedIndex[];
  /** Bytes of an element of each storage buffer, in the order of the bindings. */
  readonly elementBytes: readonly number[];
}

/**
 * The module with its indices checked. One more storage buffer of group 0, behind the others, holds the lengths of the
 * others, in elements as the shader declares them, and then two words for each index: how often it was outside, and one
 * that was. The module computes what it computed: an index outside stays as it is.
 * @throws CompileError for WGSL whose accesses can't be followed.
 */
export function instrumentWgsl(wgsl: string): InstrumentedWgsl {
  const { entryPoints, variables, accesses } = findAccesses(wgsl);
  if (/\bwgpt_/.test(wgsl)) throw new CompileError("WGSL", "a name begins with wgpt_, as those of the checks do");
  const buffers = variables.filter((v) => v.space === "storage").sort((a, b) => bindingOf(a) - bindingOf(b));
  const gap = buffers.findIndex((b, i) => bindingOf(b) !== i);
  if (gap >= 0) throw new CompileError("WGSL", `group 0 has no binding ${gap}, but one above it`);
  const lines = wgsl.split("\n");
  const edits: Edit[] = [];
  const indices: CheckedIndex[] = [];
  for (const { variable, kind, line, indices: uses } of accesses)
    for (const { start, end, length, extent } of uses) {
      const most = length === undefined ? `wgpt_checks.lengths[${bindingOf(variable)}]` : `u32(${length})`;
      const [name, reach] = extent === undefined ? ["wgpt_check", ""] : ["wgpt_check_range", `${extent}, `];
      edits.push({ start, end: start, text: `${name}(${indices.length}u, u32(` });
      edits.push({ start: end, end, text: `), ${reach}${most})` });
      indices.push({
        variable: variable.name,
        space: variable.space,
        kind,
        line,
        source: lines[line - 1]?.trim() ?? "",
      });
    }
  const elements = buffers.map(elementBytes);
  if (indices.length === 0) return { wgsl, indices, elementBytes: elements };
  // An entry point becomes a function that another one calls, so that what was counted is reported however it returns.
  const callers = entryPoints.map((entry, i) => {
    const name = `wgpt_entry_${i}`;
    edits.push({ ...entry.attributes, text: "" }, { ...entry.name, text: name });
    for (const range of entry.paramAttributes) edits.push({ ...range, text: "" });
    const [attributes, own, params] = [entry.attributes, entry.name, entry.params].map((r) =>
      wgsl.slice(r.start, r.end),
    );
    return `${attributes}\nfn ${own}(${params}) {\n  ${name}(${entry.paramNames.join(", ")});\n  wgpt_report();\n}\n`;
  });
  const text = [applyEdits(wgsl, edits), checks(buffers.length, indices.length), ...callers].join("\n");
  return { wgsl: text, indices, elementBytes: elements };
}

/** Puts `text` in the place of a range of the module. */
interface Edit extends TextRange {
  readonly text: string;
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let done = "";
  let place = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    done += text.slice(place, edit.start) + edit.text;
    place = edit.end;
  }
  return done + text.slice(place);
}

const bindingOf = ({ name, binding }: SharedVariable): number => {
  if (binding === undefined || !Number.isInteger(binding))
    throw new CompileError("WGSL", `${name} has no binding that is a number`);
  return binding;
};

function elementBytes({ name, type }: SharedVariable): number {
  const bytes = type.kind === "array" ? bytesOf(type.element) : undefined;
  if (bytes === undefined) throw new CompileError("WGSL", `${name} is an array of arrays in a buffer`);
  return bytes;
}

const checks = (
  buffers: number,
  indices: number,
): string => `struct WgptIndex { times: atomic<u32>, index: atomic<u32> }
struct WgptChecks { lengths: array<u32, ${Math.max(1, buffers)}>, indices: array<WgptIndex, ${indices}> }
@group(0) @binding(${buffers}) var<storage, read_write> wgpt_checks: WgptChecks;

// Counted by each invocation for itself: an atomic at every access would take drivers long to compile.
var<private> wgpt_times: array<u32, ${indices}>;
var<private> wgpt_outside: array<u32, ${indices}>;

fn wgpt_check(id: u32, index: u32, length: u32) -> u32 {
  let outside = index >= length;
  wgpt_times[id] += select(0u, 1u, outside);
  wgpt_outside[id] = select(wgpt_outside[id], index, outside);
  return index;
}

// The last place touched is index + extent.
fn wgpt_check_range(id: u32, index: u32, extent: u32, length: u32) -> u32 {
  return wgpt_check(id, index, select(0u, length - extent, extent < length));
}

fn wgpt_report() {
  for (var id = 0u; id < ${indices}u; id++) {
    if (wgpt_times[id] == 0u) { continue; }
    atomicAdd(&wgpt_checks.indices[id].times, wgpt_times[id]);
    atomicStore(&wgpt_checks.indices[id].index, wgpt_outside[id]);
  }
}
`;

/** A step of an instrumented plan, and the buffer that its kernel counts in. */
export interface InstrumentedStep {
  readonly entry: string;
  readonly kernel: string;
  readonly label: string;
  readonly buffer: string;
  readonly indices: readonly CheckedIndex[];
  /** The tensors that it binds, and the bytes of an element of each as the kernel declares it. */
  readonly tensors: readonly { readonly value: Value; readonly elementBytes: number }[];
}

/** A plan that any executor runs, and what to write and read around a run. */
export interface InstrumentedPlan {
  readonly plan: Plan;
  readonly steps: readonly InstrumentedStep[];
}

/**
 * The plan with every kernel instrumented and a buffer of counters for each step. Before an entry point runs, write
 * `initialChecks` to the buffers of its steps; afterwards `violationsOf` says what their bytes mean.
 * @throws CompileError for a kernel whose accesses can't be followed.
 */
export function instrumentPlan({ plan, entries }: Compilation): InstrumentedPlan {
  const texts = new Map(plan.kernels.map((k) => [k.name, instrumentWgsl(k.wgsl)]));
  const steps: InstrumentedStep[] = [];
  const buffers: PlanBuffer[] = [];
  const instrument = (entry: string, step: PlanStep, values: readonly Value[]): PlanStep => {
    const { indices = [], elementBytes: sizes = [] } = texts.get(step.kernel) ?? {};
    if (indices.length === 0) return step;
    const buffer = `checks.${steps.length}`;
    if (plan.buffers.some((b) => b.name === buffer))
      throw new CompileError(buffer, "a value has the name of a buffer of the checks", "give it another name");
    const tensors = values.map((value, i) => ({ value, elementBytes: at(sizes, i) }));
    steps.push({ entry, kernel: step.kernel, label: step.label, buffer, indices, tensors });
    buffers.push({
      name: buffer,
      kind: "temporary",
      bytes: [[4 * (Math.max(1, tensors.length) + 2 * indices.length)]],
    });
    return { ...step, bindings: [...step.bindings, buffer] };
  };
  const instrumented = plan.entries.map((entry, e) => ({
    ...entry,
    steps: entry.steps.map((step, i) => instrument(entry.name, step, at(at(entries, e).bound, i))),
  }));
  const { maxStorageBuffersPerShaderStage = 0 } = plan.requiredLimits;
  return {
    steps,
    plan: {
      ...plan,
      requiredLimits: { ...plan.requiredLimits, maxStorageBuffersPerShaderStage: maxStorageBuffersPerShaderStage + 1 },
      buffers: [...plan.buffers, ...buffers],
      kernels: plan.kernels.map((k) => {
        const text = texts.get(k.name);
        return !text || text.indices.length === 0 ? k : { ...k, wgsl: text.wgsl, access: [...k.access, "read_write"] };
      }),
      entries: instrumented,
    },
  };
}

/** What the buffer of a step holds before a run: the lengths of its tensors, and counters at 0. */
export function initialChecks({ tensors, indices }: InstrumentedStep, symbols: SymbolValues): Uint32Array<ArrayBuffer> {
  const data = new Uint32Array(Math.max(1, tensors.length) + 2 * indices.length);
  tensors.forEach(({ value, elementBytes: bytes }, i) => {
    const elements = value.type.shape.reduce<number>((n, d) => n * (evalDim(d, symbols) ?? Number.NaN), 1);
    data[i] = Math.ceil((elements * DTYPE_BYTES[value.type.dtype]) / bytes);
  });
  return data;
}

/** What a run has counted in the buffer of a step. */
export function violationsOf(step: InstrumentedStep, data: Uint32Array): readonly Violation[] {
  const counters = data.subarray(Math.max(1, step.tensors.length));
  return step.indices.flatMap((index, i) => {
    const [times = 0, outside = 0] = counters.subarray(2 * i, 2 * i + 2);
    return times === 0 ? [] : [{ ...index, kernel: step.kernel, label: step.label, times, index: outside }];
  });
}

/** `pointwise.add.4, step y: reads a[…] out of bounds, 3 times, once at 17; line 12: let b = a[i];` */
export function printViolation({ kernel, label, kind, variable, times, index, line, source }: Violation): string {
  const verb = { read: "reads", write: "writes", update: "updates" }[kind];
  return `${kernel}, step ${label}: ${verb} ${variable}[…] out of bounds, ${times} times, once at ${index}; line ${line}: ${source}`;
}
