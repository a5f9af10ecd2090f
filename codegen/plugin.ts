// What a plugin is: a user's ops, kernels, passes and families under one name. What can be wrong with it by itself is found
// here; what is wrong beside other plugins, where a toolkit is extended.
import { CompileError, type Family, type Op, POINTWISE_ANCHOR } from "../ir/index.ts";
import { PASS_ROLES, type PassSpec } from "../passes/index.ts";
import { type Kernel, TRAIT_KINDS } from "./kernel.ts";

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
  const { name, ops = [], kernels = [], passes = [], families = [] } = spec;
  if (typeof name !== "string" || !/^[\w.@/-]+$/.test(name))
    throw new CompileError(
      "plugin",
      `its name is ${JSON.stringify(name) ?? "missing"}`,
      "name it in letters, digits and -",
    );
  const place = `plugin ${name}`;
  const parts = { op: ops, kernel: kernels, pass: passes.map((p) => p?.pass), family: families };
  for (const [what, list] of Object.entries(parts)) {
    list.forEach((part, i) => {
      const problem = problemOf(part, what);
      if (problem !== undefined)
        throw new CompileError(place, `${what} ${part?.name ?? i} ${problem}`, DEFINED_BY[what]);
    });
    const names = list.map((part) => part.name);
    const twice = names.find((n, i) => names.indexOf(n) < i);
    if (twice !== undefined)
      throw new CompileError(place, `two of its ${PLURALS[what]} are called ${twice}`, "names are unique");
  }
  for (const op of ops) checkOp(op, place);
  for (const { pass, before, after } of passes as readonly Partial<PlacedPass>[])
    if ((before === undefined) === (after === undefined))
      throw new CompileError(
        place,
        `pass ${pass?.name} stands ${before === undefined ? "nowhere" : "both before and after a pass"}`,
        "give `before` or `after`, with a pass's name",
      );
  const plugin: Plugin = { name, ops, kernels, passes, families };
  plugins.set(plugin, new Error(`${place} is defined here`));
  return plugin;
}

const DEFINED_BY: Readonly<Record<string, string>> = {
  op: "`defineOp` of wgpt/ir makes one, as `definePointwise`, `defineReads` and `defineReduction` do",
  kernel: "`defineKernel` of wgpt/codegen makes one",
  pass: "a pass is { name, summary, role, run }, or { name, summary, role, make }",
  family: "see `Family`",
};
const PLURALS: Readonly<Record<string, string>> = { op: "ops", kernel: "kernels", pass: "passes", family: "families" };

/** A plugin may be written in JavaScript, where a part may be anything. */
function problemOf(part: unknown, what: string): string | undefined {
  if (typeof part !== "object" || part === null) return `is ${String(part)}`;
  const has = (key: string, type: string): boolean => typeof (part as Record<string, unknown>)[key] === type;
  const wrong = (keys: Readonly<Record<string, string>>): string | undefined => {
    const key = Object.keys(keys).find((k) => !has(k, keys[k] ?? ""));
    return key === undefined ? undefined : `has no ${key}`;
  };
  switch (what) {
    case "op":
      return wrong({ name: "string", infer: "function", traits: "object", operands: "object", attrs: "object" });
    case "kernel":
      return (
        wrong({ name: "string", template: "object", refuses: "function", lower: "function" }) ??
        kindProblem((part as { readonly kind?: unknown }).kind)
      );
    case "pass": {
      const { role } = part as { readonly role?: unknown };
      if (!has("run", "function") && !has("make", "function")) return "has neither run nor make";
      if (!(PASS_ROLES as readonly unknown[]).includes(role))
        return `has the role ${String(role)}, but roles are ${PASS_ROLES.join(", ")}`;
      return wrong({ name: "string", summary: "string" });
    }
    default:
      return wrong({
        name: "string",
        presets: "object",
        readConfig: "function",
        printConfig: "function",
        graph: "function",
      });
  }
}

/** A kind is an op, not its name: a name is that of another toolkit's op as well. */
function kindProblem(kind: unknown): string | undefined {
  if (typeof kind === "object" && kind !== null && problemOf(kind, "op") === undefined) return undefined;
  if ((TRAIT_KINDS as readonly unknown[]).includes(kind)) return undefined;
  return `has the kind ${typeof kind === "object" ? "of no op" : String(JSON.stringify(kind))}, but a kind is an op itself, or ${TRAIT_KINDS.join(", ")}`;
}

/** Words that the text form reads as something else. */
const isKept = (name: string): boolean => ["fused", "return", "true", "false", POINTWISE_ANCHOR].includes(name);

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
