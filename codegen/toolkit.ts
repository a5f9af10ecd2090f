// The compiler as a value: the ops, kernels, passes and families that it works with. Ours are one such value; a plugin makes
// another of it.
import { CompileError, causedBy, FAMILIES, type Family, OPS, type Op, type OpSet } from "../ir/index.ts";
import { PASSES, type PassSpec } from "../passes/index.ts";
import { type Kernel, TRAIT_KINDS } from "./kernel.ts";
import { KERNELS } from "./kernels/index.ts";
import { definedAt, definePlugin, isPlugin, type PlacedPass, type Plugin } from "./plugin.ts";
import type { Storage } from "./storage.ts";
import { STORAGES } from "./storages/index.ts";

/** What the compiler is made of. It is asked wherever wgpt's own parts are. */
export interface Toolkit extends OpSet {
  /** What a graph's text may name. Names are unique. */
  readonly ops: readonly Op[];
  /** Each kind from slow to fast: of the kernels that take a region, the last one computes it. */
  readonly kernels: readonly Kernel[];
  /** The ways in which tensors may lie in buffers: the last one that knows how a value lies is asked. */
  readonly storages: readonly Storage[];
  /** In the order in which they run. */
  readonly passes: readonly PassSpec[];
  readonly families: readonly Family[];
  /** The plugins that made it what it is, by name; none for `standard`. */
  readonly plugins: readonly string[];
  /** Which pass a plugin's pass was placed after, by name. */
  readonly placedAfter: ReadonlyMap<string, string>;
}

/** wgpt's own. */
export const standard: Toolkit = {
  ops: OPS,
  kernels: KERNELS,
  storages: STORAGES,
  passes: PASSES,
  families: FAMILIES,
  plugins: [],
  placedAfter: new Map(),
};

/**
 * The toolkit with a plugin's parts: its kernels are asked before those that were there, its passes stand where they say.
 * @throws CompileError for a name that is taken, a kernel or an op that nothing could use, a pass without a place.
 */
export function extend(toolkit: Toolkit, plugin: Plugin): Toolkit {
  const whole = isPlugin(plugin) ? plugin : definePlugin(plugin);
  const { name, ops, kernels, storages, passes, families } = whole;
  const fail = (facts: string, hint: string): never => {
    throw causedBy(new CompileError(`plugin ${name}`, facts, hint), definedAt(whole));
  };
  const join = <X extends { readonly name: string }>(what: string, before: readonly X[], added: readonly X[]) => {
    const taken = added.find((x) => before.some((b) => b.name === x.name));
    if (taken) fail(`${what} ${taken.name} is there already`, `give the plugin's ${what} another name`);
    return [...before, ...added];
  };
  for (const family of families) checkPresets(family, toolkit.families, fail);
  if (toolkit.plugins.includes(name)) fail("two plugins have this name", "load each once, and give each its name");
  const extended: Toolkit = {
    ops: join("op", toolkit.ops, ops),
    kernels: join("kernel", toolkit.kernels, kernels),
    storages: join("storage", toolkit.storages, storages),
    passes: placedPasses(toolkit, passes, fail),
    families: join("family", toolkit.families, families),
    plugins: [...toolkit.plugins, name],
    placedAfter: afterOf(toolkit, passes),
  };
  for (const kernel of kernels) checkKind(kernel, extended.ops, fail);
  for (const storage of storages) checkStorage(storage, extended.ops, fail);
  for (const op of ops) checkComputed(op, extended, fail);
  return extended;
}

/** A model is called by its preset's name alone. */
function checkPresets({ name, presets }: Family, others: readonly Family[], fail: Fail): void {
  for (const other of others) {
    const taken = Object.keys(presets).find((preset) => Object.hasOwn(other.presets, preset));
    if (taken !== undefined && other.name !== name)
      fail(`family ${name} has the preset ${taken}, which is one of ${other.name}'s`, "give the preset another name");
  }
}

type Fail = (facts: string, hint: string) => never;

const afterOf = ({ placedAfter }: Toolkit, passes: readonly PlacedPass[]): ReadonlyMap<string, string> =>
  new Map([
    ...placedAfter,
    ...passes.flatMap(({ pass, after }) => (after === undefined ? [] : [[pass.name, after] as const])),
  ]);

/** The list with a plugin's passes. What stands after one pass keeps the order in which plugins put it there. */
function placedPasses(toolkit: Toolkit, passes: readonly PlacedPass[], fail: Fail): readonly PassSpec[] {
  const afters = afterOf(toolkit, passes);
  const standsAfter = (name: string | undefined, anchor: string): boolean => {
    const after = name === undefined ? undefined : afters.get(name);
    return after !== undefined && (after === anchor || standsAfter(after, anchor));
  };
  return passes.reduce((list, { pass, before, after }) => {
    const names = list.map((p) => p.name);
    if (names.includes(pass.name)) fail(`pass ${pass.name} is there already`, "give the plugin's pass another name");
    const anchor = before ?? after ?? "";
    let at = names.indexOf(anchor);
    if (at < 0)
      fail(
        `pass ${pass.name} stands ${before === undefined ? "after" : "before"} ${anchor}, which is no pass`,
        `passes are ${names.join(", ")}`,
      );
    if (before === undefined)
      do at++;
      while (standsAfter(names[at], anchor));
    return list.toSpliced(at, 0, pass);
  }, toolkit.passes);
}

/** A kernel that is never asked is a mistake. */
function checkKind({ name, kind }: Kernel, ops: readonly Op[], fail: Fail): void {
  if (typeof kind === "string") return;
  if (!ops.includes(kind))
    fail(
      ops.some((o) => o.name === kind.name)
        ? `kernel ${name} computes another op called ${kind.name} than the toolkit's`
        : `kernel ${name} computes ${kind.name}, which is no op of the toolkit`,
      `a kernel's kind is an op that a graph may name, itself and no copy, or ${TRAIT_KINDS.join(", ")}`,
    );
  if (kind.traits.element)
    fail(
      `kernel ${name} computes ${kind.name}, but an op with the trait element is computed by kernels of the kind pointwise`,
      `give it the kind pointwise, and let it refuse regions without ${kind.name}`,
    );
}

/** A storage that is never asked is one too. */
function checkStorage({ name, op }: Storage, ops: readonly Op[], fail: Fail): void {
  if (op !== undefined && !ops.includes(op))
    fail(
      `storage ${name} is that of ${op.name}, which is no op of the toolkit`,
      "its op is one that a graph may name, itself and no copy",
    );
}

/** So is an op that nothing could compute. */
function checkComputed(op: Op, { kernels }: Toolkit, fail: Fail): void {
  const { name, traits, decompose } = op;
  const { element, writes, reduces, normalizes } = traits;
  if (element || writes || reduces || normalizes || decompose) return;
  if (kernels.some((k) => k.kind === op)) return;
  fail(
    `op ${name} has no kernel, no decompose, and no trait that a kernel computes`,
    "give it a kernel of its kind, a decompose, or one of element, writes, reduces, normalizes",
  );
}
