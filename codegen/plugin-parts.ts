// What the parts of a plugin must be like. A plugin may be written in JavaScript, where a part may be anything: what is found
// here is one line that names the part, and not a TypeError of ours wherever it is used first.
import { shortName, shortValue } from "../base/short-json.ts";
import {
  ATTR_KINDS,
  type CheckpointNames,
  type Family,
  type Initialisation,
  MODEL_ROLES,
  type Op,
  type Traits,
} from "../ir/index.ts";
import { PASS_ROLES } from "../passes/index.ts";
import { type Kernel, TRAIT_KINDS } from "./kernel.ts";
import { type Storage, VECTOR_TYPES } from "./storage.ts";

/** The kinds of parts. */
export type PartKind = "op" | "kernel" | "storage" | "pass" | "family";

/** What a member must be. */
interface Member {
  readonly is: string;
  fits(value: unknown): boolean;
  readonly optional?: true;
  /** What it has itself. */
  readonly members?: Members;
  /** Whether it has nothing else. */
  readonly closed?: true;
}
type Members<K extends string = string> = Readonly<Record<K, Member>>;

const isRecord = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === "object" && x !== null && !Array.isArray(x);
const isText = (x: unknown): x is string => typeof x === "string";

const plain = (is: string, fits: (value: unknown) => boolean): Member => ({ is, fits });
const may = (member: Member): Member => ({ ...member, optional: true });
const record = (members: Members): Member => ({
  is: `an object with ${Object.keys(members).join(", ")}`,
  fits: isRecord,
  members,
});
const listOf = (is: string, fits: (item: unknown) => boolean): Member =>
  plain(`a list of ${is}`, (x) => Array.isArray(x) && x.every(fits));

/** A list of objects with the same members. */
const recordsOf = (members: Members): Member => {
  const words = Object.entries(members).map(([key, member]) => (member === PATTERN ? `${key} (${member.is})` : key));
  const is = `a list of objects with ${words.join(", ")}`;
  return plain(
    is,
    (x) => Array.isArray(x) && x.every((item) => isRecord(item) && memberProblem(item, members) === undefined),
  );
};

const CALL = plain("a function", (x) => typeof x === "function");
const TEXT = plain("a text", isText);
const FLAG = plain("true or false", (x) => typeof x === "boolean");
const PLACE = plain("the number of an operand", (x) => Number.isInteger(x));
const MOVED = plain('the number of an operand, or "each"', (x) => x === "each" || Number.isInteger(x));
const NUMBER = plain("a number", (x) => typeof x === "number");
const NAMES = plain(
  "a list of names, each once",
  (x) => Array.isArray(x) && x.every(isText) && new Set(x).size === x.length,
);
const oneOf = (words: readonly string[]): Member =>
  plain(`one of ${words.join(", ")}`, (x) => (words as readonly unknown[]).includes(x));

const TRAITS = {
  commutative: may(FLAG),
  element: may(CALL),
  writes: may(record({ operand: MOVED, targets: CALL })),
  ranges: may(CALL),
  updatesFirstOperand: may(FLAG),
  readsBeforeResults: may(NAMES),
  anchor: may(FLAG),
  reduces: may(
    record({ identity: NUMBER, combine: CALL, combineWgsl: CALL, finish: may(CALL), finishWgsl: may(CALL) }),
  ),
  normalizes: may(
    record({
      centre: oneOf(["mean", "none"]),
      moment: oneOf(["mean", "sum"]),
      eps: TEXT,
      scale: may(PLACE),
      shift: may(PLACE),
    }),
  ),
} satisfies Members<keyof Traits>;

const isSpec = (x: unknown): boolean =>
  isRecord(x) &&
  (ATTR_KINDS as readonly unknown[]).includes(x["kind"]) &&
  (x["kind"] !== "choice" || (Array.isArray(x["choices"]) && x["choices"].every(isText)));

const OP = {
  name: TEXT,
  infer: CALL,
  operands: NAMES,
  attrs: plain("an object of attributes such as `attr.int(0)`", (x) => isRecord(x) && Object.values(x).every(isSpec)),
  traits: { ...record(TRAITS), closed: true },
  reference: may(CALL),
  decompose: may(CALL),
  split: may(CALL),
} satisfies Members<Exclude<keyof Op, "summary" | "variadic" | "cases">>;

const KERNEL = {
  name: plain("a word such as matmul_rows", (x) => isText(x) && /^\w+$/.test(x)),
  template: record({ file: TEXT, render: CALL }),
  space: may(CALL),
  refuses: CALL,
  lower: CALL,
  features: may(listOf("names of features", isText)),
  takesNormalization: may(FLAG),
  storesPairs: may(FLAG),
  vectors: may(CALL),
} satisfies Members<Exclude<keyof Kernel, "summary" | "kind">>;

const STORAGE = {
  name: plain("a word such as int8", (x) => isText(x) && /^\w+$/.test(x)),
  op: may(plain("an op", isRecord)),
  parts: CALL,
  sizes: listOf("numbers of elements, which are 16, 8 or 4", (x) => Object.hasOwn(VECTOR_TYPES, String(x))),
  refuses: may(CALL),
  widths: CALL,
  load: CALL,
  helpers: may(listOf("WGSL functions", isText)),
  unpacks: may(listOf("numbers", (x) => typeof x === "number")),
  features: may(CALL),
} satisfies Members<Exclude<keyof Storage, "summary">>;

const PATTERN = plain("a regular expression", (x) => isText(x) && isPattern(x));

/** What a family says of its checkpoints. */
const CHECKPOINT_NAMES = {
  prefix: may(TEXT),
  transposed: may(TEXT),
  tied: may(record({ embedding: TEXT, head: TEXT, key: TEXT })),
  ignored: may(recordsOf({ name: PATTERN, shape: may(listOf("lengths and letters", () => true)) })),
  refused: may(recordsOf({ name: PATTERN, why: TEXT, hint: TEXT })),
} satisfies Members<keyof CheckpointNames>;

const INITIALISATION = {
  layer: may(PATTERN),
  rules: recordsOf({ name: PATTERN, std: may(NUMBER), value: may(NUMBER), perLayers: may(FLAG) }),
} satisfies Members<keyof Initialisation>;

const ROLES = Object.fromEntries(Object.keys(MODEL_ROLES).map((role) => [role, TEXT]));

const FAMILY = {
  name: plain("a word such as gpt2", (x) => isText(x) && /^[\w.-]+$/.test(x)),
  presets: plain("an object of configurations", (x) => isRecord(x) && Object.values(x).every(isRecord)),
  readConfig: CALL,
  printConfig: CALL,
  graph: CALL,
  batch: may(CALL),
  fitConfig: may(CALL),
  names: may({ ...record(CHECKPOINT_NAMES), closed: true }),
  initialisation: may({ ...record(INITIALISATION), closed: true }),
  roles: may({ ...record(ROLES), closed: true }),
} satisfies Members<keyof Family>;

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) !== undefined;
  } catch {
    return false;
  }
}

/** What is wrong with the part, behind its name; nothing where it is one. */
export function partProblem(part: unknown, kind: PartKind): string | undefined {
  if (!isRecord(part)) return `is ${shortValue(part)}`;
  switch (kind) {
    case "op":
      return memberProblem(part, OP);
    case "kernel":
      return memberProblem(part, KERNEL) ?? kindProblem(part["kind"]);
    case "storage":
      return memberProblem(part, STORAGE);
    case "pass":
      return passProblem(part);
    case "family":
      return memberProblem(part, FAMILY);
    default:
      return kind satisfies never;
  }
}

/** The first member that is not as it must be; `at` is what the part's own path ends with. */
function memberProblem(part: Readonly<Record<string, unknown>>, members: Members, at = ""): string | undefined {
  for (const [key, member] of Object.entries(members)) {
    const value = part[key];
    const path = `${at}${key}`;
    if (value === undefined && member.optional) continue;
    if (value === undefined) return `has no ${path}`;
    if (!member.fits(value)) return `has ${shortValue(value)} for ${path}, which must be ${member.is}`;
    if (!member.members || !isRecord(value)) continue;
    const inner =
      memberProblem(value, member.members, `${path}.`) ?? (member.closed && extraMember(value, member, path));
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** A member that nothing asks for is one whose name was misspelt. */
function extraMember(value: object, { members = {} }: Member, path: string): string | undefined {
  const extra = Object.keys(value).find((key) => !Object.hasOwn(members, key));
  return extra === undefined
    ? undefined
    : `has ${shortName(`${path}.${extra}`)}, but ${path} are ${Object.keys(members).join(", ")}`;
}

function passProblem(pass: Readonly<Record<string, unknown>>): string | undefined {
  const { run, make, role } = pass;
  if (run === undefined && make === undefined) return "has neither run nor make";
  if (run !== undefined && make !== undefined) return "has both run and make";
  return (
    memberProblem(pass, { run: may(CALL), make: may(CALL) }) ??
    ((PASS_ROLES as readonly unknown[]).includes(role)
      ? memberProblem(pass, { name: TEXT, summary: TEXT })
      : `has the role ${isText(role) ? shortName(role) : shortValue(role)}, but roles are ${PASS_ROLES.join(", ")}`)
  );
}

/** A kind is an op, not its name: a name is that of another toolkit's op as well. */
function kindProblem(kind: unknown): string | undefined {
  if ((TRAIT_KINDS as readonly unknown[]).includes(kind)) return undefined;
  if (isRecord(kind) && memberProblem(kind, OP) === undefined) return undefined;
  const said = isRecord(kind) ? "of no op" : isText(kind) ? JSON.stringify(kind) : shortValue(kind);
  return `has the kind ${said}, but a kind is an op itself, or ${TRAIT_KINDS.join(", ")}`;
}
