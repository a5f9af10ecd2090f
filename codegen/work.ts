// What one dispatch of a kernel does, counted: loads and stores of each buffer, multiply-adds, workgroup memory, barriers. A kernel says
// how often it calls its functions; what those load and store is read off their text.
import type { Dim } from "../ir/index.ts";
import type { Binding } from "./binding.ts";
import { typeBytes } from "./shader-needs.ts";
import type { Param } from "./template.ts";

/** What a dispatch does, all its invocations together. */
export interface Work {
  /**
   * How often each function is called, by its name. A parameter with statements counts by its own name, and an array that the template
   * itself reads by that of its binding, an element at a time.
   */
  readonly calls: Readonly<Record<string, number>>;
  /** Of those, the ones of the innermost loop, and how many calls an invocation makes in it before it needs what they give; 1 when absent. */
  readonly ahead?: Readonly<Record<string, number>>;
  /** How many neighbouring invocations make a call with the same arguments at the same time: they share what is loaded. 1 when absent. */
  readonly alike?: Readonly<Record<string, number>>;
  /** Invocations that have work at all, where others of their workgroups have none; all when absent. */
  readonly busy?: number;
  /** A product and its sum, or another step of arithmetic in the innermost loop. */
  readonly multiplyAdds?: number;
  /** Loads and stores of workgroup memory. */
  readonly shared?: number;
  /** That each workgroup waits at. */
  readonly barriers?: number;
}

/** A kernel's account of its work, given what lengths are. */
export type WorkOf = (length: (d: Dim) => number) => Work;

/** Loads and stores of one call. */
export interface Accesses {
  readonly loads: ReadonlyMap<string, number>;
  readonly stores: ReadonlyMap<string, number>;
}

/** Of buffers, by binding. */
export interface Traffic {
  readonly binding: Binding;
  /** How many loads and stores, and how many bytes each has. */
  readonly loads: number;
  readonly stores: number;
  readonly bytes: number;
  /** Loads, of which those that neighbouring invocations share count once. */
  readonly fetches: number;
  /** How often invocations wait for loads of it, all together: once for all that are on their way at a time. */
  readonly waits: number;
}

/** A dispatch's work, and what that is for each buffer. */
export interface Account {
  readonly work: Work;
  /** In the order of the bindings. */
  readonly traffic: readonly Traffic[];
}

/**
 * What the functions and statements with these names load and store in one call; nothing for a name that is neither of a function, nor of a
 * parameter with text, nor of a binding. `share` says of a block's condition how many of the calls go through it, where that is known; otherwise
 * all are taken to.
 */
export function accessesOf(
  names: readonly string[],
  bindings: readonly Binding[],
  functions: readonly string[],
  params: Readonly<Record<string, Param>>,
  share: (condition: string) => number | undefined = () => undefined,
): ReadonlyMap<string, Accesses> {
  const buffers = new Set(bindings.map((b) => b.name));
  const bodies = bodiesOf(functions);
  const textOf = (name: string): string | undefined => {
    const text = buffers.has(name) ? undefined : (bodies.get(name) ?? params[name]);
    return typeof text === "string" ? text : undefined;
  };
  const known = new Map<string, Accesses>();
  const find = (name: string): Accesses => {
    const found = known.get(name);
    if (found) return found;
    const text = textOf(name);
    if (text === undefined) return onlyLoad(name, buffers);
    const sharesOf = sharesIn(text, share);
    const own = accessesIn(text, buffers, sharesOf);
    // WGSL has no recursion, but a plugin's text may.
    known.set(name, own);
    const called = calledIn(text, bodies).map(({ callee, at }) => times(find(callee), sharesOf(at)));
    const all = [own, ...called];
    const made = { loads: sum(all.map((a) => a.loads)), stores: sum(all.map((a) => a.stores)) };
    known.set(name, made);
    return made;
  };
  const there = names.filter((name) => buffers.has(name) || textOf(name) !== undefined);
  return new Map(there.map((name) => [name, find(name)]));
}

const onlyLoad = (name: string, buffers: ReadonlySet<string>): Accesses => ({
  loads: new Map(buffers.has(name) ? [[name, 1]] : []),
  stores: new Map(),
});

const times = ({ loads, stores }: Accesses, factor: number): Accesses => {
  if (factor === 1) return { loads, stores };
  const scaled = (counts: ReadonlyMap<string, number>) => new Map([...counts].map(([name, n]) => [name, n * factor]));
  return { loads: scaled(loads), stores: scaled(stores) };
};

/** How many of the calls come to a place of the text: the product of the shares of the blocks that it is in. */
function sharesIn(text: string, share: (condition: string) => number | undefined): (at: number) => number {
  const blocks = [...text.matchAll(/\bif \((.*)\) \{$/gm)].flatMap(({ 1: condition = "", 0: whole, index }) => {
    const part = share(condition);
    const first = index + whole.length;
    return part === undefined ? [] : [{ first, last: endOfBrackets(text, first, "{", "}"), part }];
  });
  return (at) => blocks.reduce((n, { first, last, part }) => (first <= at && at < last ? n * part : n), 1);
}

/** The names of the functions that texts declare, in their order. */
export const functionNames = (texts: readonly string[]): readonly string[] => [...bodiesOf(texts).keys()];

/** Functions by name; WGSL has no two of a name, and none inside another. */
function bodiesOf(texts: readonly string[]): ReadonlyMap<string, string> {
  const parts = texts.join("\n").split(/^fn (?=\w)/m);
  return new Map(parts.slice(1).map((part) => [/^\w+/.exec(part)?.[0] ?? "", part.slice(part.indexOf("{"))]));
}

const calledIn = (text: string, bodies: ReadonlyMap<string, string>) =>
  [...text.matchAll(/\b(\w+)\(/g)]
    .map(({ 1: callee = "", index: at }) => ({ callee, at }))
    .filter(({ callee }) => bodies.has(callee));

function accessesIn(text: string, buffers: ReadonlySet<string>, sharesOf: (at: number) => number): Accesses {
  const loads = new Map<string, number>();
  const stores = new Map<string, number>();
  for (const { 1: name = "", index, 0: whole } of text.matchAll(/\b(\w+)\[/g)) {
    if (!buffers.has(name)) continue;
    const isStore = /^\s*=[^=]/.test(text.slice(endOfBrackets(text, index + whole.length, "[", "]")));
    const counts = isStore ? stores : loads;
    counts.set(name, (counts.get(name) ?? 0) + sharesOf(index));
  }
  return { loads, stores };
}

/** Behind the bracket that closes what is open at `start`. */
function endOfBrackets(text: string, start: number, opening: string, closing: string): number {
  let at = start;
  for (let depth = 1; depth > 0 && at < text.length; at++)
    depth += text[at] === opening ? 1 : text[at] === closing ? -1 : 0;
  return at;
}

const sum = (maps: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> => {
  const total = new Map<string, number>();
  for (const map of maps) for (const [name, n] of map) total.set(name, (total.get(name) ?? 0) + n);
  return total;
};

/** What a dispatch's work is, given what a call of each function loads and stores. */
export function accountOf(work: Work, bindings: readonly Binding[], accesses: ReadonlyMap<string, Accesses>): Account {
  const { calls, alike = {}, ahead = {} } = work;
  const sumOf = (count: (name: string, calls: number) => number): number =>
    Object.entries(calls).reduce((n, [name, made]) => n + count(name, made), 0);
  const inOne = (name: string, kind: keyof Accesses, binding: Binding): number =>
    accesses.get(name)?.[kind].get(binding.name) ?? 0;
  const isLoaded = (name: string, binding: Binding): boolean => inOne(name, "loads", binding) > 0;
  const traffic = bindings.map((binding) => ({
    binding,
    loads: whole(sumOf((name, made) => made * inOne(name, "loads", binding))),
    stores: whole(sumOf((name, made) => made * inOne(name, "stores", binding))),
    bytes: typeBytes(binding.type) ?? 4,
    fetches: sumOf((name, made) => (made * inOne(name, "loads", binding)) / (alike[name] ?? 1)),
    waits: sumOf((name, made) => (isLoaded(name, binding) ? made / (ahead[name] ?? 1) : 0)),
  }));
  return { work, traffic };
}

/** Shares of calls come to whole accesses, but for rounding. */
const whole = (n: number): number => (Math.abs(n - Math.round(n)) < 1e-6 ? Math.round(n) : n);
