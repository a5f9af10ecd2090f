// What a plugin is: a user's ops, kernels, storages, passes and families under one name. What can be wrong with it by itself is found
// here; what clashes with other plugins, where a toolkit is extended.
import { shortName, shortValue } from "../base/short-json.ts";
import { CompileError, type Family, type Op, POINTWISE_ANCHOR } from "../ir/index.ts";
import type { PassSpec } from "../passes/index.ts";
import type { Kernel } from "./kernel.ts";
import { type PartKind, partProblem } from "./plugin-parts.ts";
import type { Storage } from "./storage.ts";

/** A pass and its place: directly before or after another one, by name. */
export type PlacedPass =
  | { readonly pass: PassSpec; readonly before: string; readonly after?: undefined }
  | { readonly pass: PassSpec; readonly after: string; readonly before?: undefined };

/** What a plugin's author writes. */
export interface PluginSpec {
  /** What errors and bundles call it. */
  readonly name: string;
  readonly ops?: readonly Op[];
  /** Each kind from slow to fast. All are asked before the kernels that were there. */
  readonly kernels?: readonly Kernel[];
  /** All are asked before the storages that were there, the last one first. */
  readonly storages?: readonly Storage[];
  /** In the order in which those of one place run. */
  readonly passes?: readonly PlacedPass[];
  readonly families?: readonly Family[];
}

/** A plugin; `definePlugin` makes one. */
export interface Plugin extends Required<PluginSpec> {}

/** Where each plugin was defined, as an error that was never thrown: its stack has the file and the line. */
const plugins = new WeakMap<object, Error>();

/** Whether `definePlugin` has made it. */
export const isPlugin = (value: unknown): value is Plugin =>
  typeof value === "object" && value !== null && plugins.has(value);

/** Where the plugin was defined, for the `cause` of an error about it. */
export const definedAt = (plugin: Plugin): Error | undefined => plugins.get(plugin);

/**
 * A plugin, for `extend` and for the command's `--plugin`, which wants it as the default export of its file.
 * @throws CompileError for a part that is none, two of a name, and an op that nothing gives a meaning.
 */
export function definePlugin(spec: PluginSpec): Plugin {
  const name = nameOf(spec);
  const place = `plugin ${name}`;
  const { ops = [], kernels = [], storages = [], passes = [], families = [] } = listsOf(spec, place);
  const parts = { op: ops, kernel: kernels, storage: storages, pass: passes.map((p) => p.pass), family: families };
  for (const kind of ["op", "kernel", "storage", "pass", "family"] as const) checkParts(parts[kind], kind, place);
  for (const op of ops) checkOp(op, place);
  const plugin: Plugin = { name, ops, kernels, storages, passes, families };
  plugins.set(plugin, new Error(`${place} is defined here`));
  return plugin;
}

const LISTS = ["ops", "kernels", "storages", "passes", "families"] as const;
const DEFINED_BY: Readonly<Record<PartKind, string>> = {
  op: "`defineOp` of wgpt/ir makes one, as `defineElement`, `definePointwise` and `defineReduction` do",
  kernel: "`defineKernel` of wgpt/codegen makes one",
  storage: "see `Storage`",
  pass: "a pass is { name, summary, role, run }, or { name, summary, role, make }",
  family: "see `Family`",
};
const PLURALS: Readonly<Record<PartKind, string>> = {
  op: "ops",
  kernel: "kernels",
  storage: "storages",
  pass: "passes",
  family: "families",
};

/** A plugin may be written in JavaScript, where a spec may be anything. */
function nameOf(spec: unknown): string {
  if (typeof spec !== "object" || spec === null)
    throw new CompileError(
      "plugin",
      `its definition is ${shortValue(spec)}`,
      "it is { name, ops, kernels, storages, passes, families }",
    );
  const { name } = spec as { readonly name?: unknown };
  if (typeof name === "string" && /^[\w.@/-]+$/.test(name)) return name;
  const said = name === undefined ? "missing" : shortValue(name);
  throw new CompileError("plugin", `its name is ${said}`, "name it in letters, digits and -");
}

function listsOf(spec: PluginSpec, place: string): PluginSpec {
  const unknown = Object.keys(spec).find((key) => key !== "name" && !(LISTS as readonly string[]).includes(key));
  if (unknown !== undefined)
    throw new CompileError(
      place,
      `has ${shortName(unknown)}, which is no part of one`,
      `its parts are ${LISTS.join(", ")}`,
    );
  const strange = LISTS.find((key) => spec[key] !== undefined && !Array.isArray(spec[key]));
  if (strange !== undefined)
    throw new CompileError(place, `its ${strange} are ${shortValue(spec[strange])}`, "they are a list");
  for (const [i, placed] of (spec.passes ?? []).entries()) checkPlace(placed, i, place);
  return spec;
}

function checkPlace(placed: Partial<PlacedPass> | undefined, i: number, place: string): void {
  const { pass, before, after } = placed ?? {};
  if (pass === undefined)
    throw new CompileError(
      place,
      `pass ${i} is ${shortValue(placed)}`,
      "a pass and its place are { pass, before } or { pass, after }",
    );
  const facts =
    before === undefined && after === undefined
      ? "stands nowhere"
      : before !== undefined && after !== undefined
        ? "stands both before and after a pass"
        : typeof (before ?? after) === "string" && (before ?? after) !== ""
          ? undefined
          : `stands ${before === undefined ? "after" : "before"} ${shortValue(before ?? after)}`;
  if (facts !== undefined)
    throw new CompileError(place, `pass ${labelOf(pass, i)} ${facts}`, "give `before` or `after`, with a pass's name");
}

/** What errors call a part: its name, or its number where that is none. */
function labelOf(part: unknown, i: number): string {
  const { name } = (part ?? {}) as { readonly name?: unknown };
  return typeof name === "string" && name !== "" ? shortName(name) : String(i);
}

function checkParts(list: readonly { readonly name: string }[], kind: PartKind, place: string): void {
  list.forEach((part, i) => {
    const problem = partProblem(part, kind);
    if (problem !== undefined)
      throw new CompileError(place, `${kind} ${labelOf(part, i)} ${problem}`, DEFINED_BY[kind]);
  });
  const names = list.map((part) => part.name);
  const twice = names.find((n, i) => names.indexOf(n) < i);
  if (twice !== undefined)
    throw new CompileError(place, `two of its ${PLURALS[kind]} are called ${twice}`, "names are unique");
}

/** Words that the text form reads as something else. */
const isKept = (name: string): boolean =>
  name === POINTWISE_ANCHOR || /^(?:fused|return|true|false|(?:inf|nan)h?)$/.test(name);

function checkOp({ name, reference, decompose }: Op, place: string): void {
  if (!/^[A-Za-z_][\w.]*$/.test(name) || isKept(name))
    throw new CompileError(place, `${JSON.stringify(name)} is no name of an op`, "ops are called like layer_norm");
  if (!reference && !decompose)
    throw new CompileError(
      place,
      `op ${name} has neither reference nor decompose`,
      "one of them says what it computes, to the interpreter and to every test",
    );
}
