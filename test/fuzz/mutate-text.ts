// Texts of JSON made wrong, with the structure that they have: a value of another kind, a name that every object has, a key that
// stands twice, a list that is nested without an end; and some that are no JSON any more.
import { changeTree, pick, type Random } from "./mutate.ts";

const DEPTHS = [150, 201, 5000, 100_000] as const;
const CHARACTERS = ["\u0000", "}", "{", "]", "[", '"', "\\", ",", ":", "\uD800", "\n", "é", "-", "1e999"] as const;
const NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "",
  "a\nb",
  "\u2028",
  "x".repeat(2000),
] as const;

/** A place within the text. */
const placeIn = (text: string, random: Random): number => Math.floor(random() * (text.length + 1));

const TEXT_CHANGES: readonly ((text: string, random: Random) => string)[] = [
  (text, random) => text.slice(0, placeIn(text, random)),
  (text, random) => {
    const at = placeIn(text, random);
    return text.slice(0, at) + pick(random, CHARACTERS) + text.slice(at);
  },
  // A stretch of it a second time: a key that stands twice, where the stretch is an entry.
  (text, random) => {
    const [from, to] = [placeIn(text, random), placeIn(text, random)].sort((a, b) => a - b);
    return text.slice(0, to) + text.slice(from, Math.min(to ?? 0, (from ?? 0) + 200)) + text.slice(to);
  },
  (text, random) => text.replace(/"[^"]*":/, (key) => `${key}0,${key}`.slice(0, 200 + Math.floor(random() * 10))),
  // Another value in the place of a number.
  (text, random) => {
    const numbers = [...text.matchAll(/\b\d+\b/g)];
    const found = numbers.length > 0 ? pick(random, numbers) : undefined;
    if (!found) return text;
    const depth = pick(random, DEPTHS);
    const value = pick(random, [
      "-1",
      "1e400",
      "9007199254740993",
      "0.1",
      "2147483648",
      "[".repeat(depth),
      `${"[".repeat(depth)}${"]".repeat(depth)}`,
    ]);
    return text.slice(0, found.index) + value + text.slice(found.index + found[0].length);
  },
  (text, random) => {
    const keys = [...text.matchAll(/"(?:[^"\\]|\\.)*"/g)];
    const found = keys.length > 0 ? pick(random, keys) : undefined;
    if (!found) return text;
    return text.slice(0, found.index) + JSON.stringify(pick(random, NAMES)) + text.slice(found.index + found[0].length);
  },
];

/** A place in a tree where something stands that holds nothing. */
interface Leaf {
  readonly holder: Record<string, unknown>;
  readonly key: string;
  readonly value: unknown;
}

function leavesOf(tree: unknown, found: Leaf[] = []): readonly Leaf[] {
  if (typeof tree !== "object" || tree === null) return found;
  const holder = tree as Record<string, unknown>;
  for (const [key, value] of Object.entries(holder))
    if (typeof value === "object" && value !== null) leavesOf(value, found);
    else found.push({ holder, key, value });
  return found;
}

/**
 * The JSON of a value of which one to three leaves are something else of their own kind: a name another name of the tree, a number
 * one beside it. It says what its schema wants, and the parts no longer fit each other.
 */
export function misfit(json: unknown, random: Random): string {
  const tree: unknown = structuredClone(json);
  const leaves = leavesOf(tree);
  for (let n = 1 + Math.floor(random() * 3); n > 0; n--) {
    const { holder, key, value } = pick(random, leaves);
    const alike = leaves.filter((leaf) => typeof leaf.value === typeof value && leaf.key === key);
    holder[key] =
      typeof value === "number" && random() < 0.6
        ? pick(random, [value + 1, value - 1, value * 2, 0, 2 ** 40, -value])
        : pick(random, random() < 0.5 ? alike : leaves.filter((leaf) => typeof leaf.value === typeof value)).value;
  }
  return JSON.stringify(tree);
}

/** The JSON of a value that one to three things were changed in. */
export function mutateJson(json: unknown, random: Random): string {
  const tree: unknown = structuredClone(json);
  for (let n = Math.floor(random() * 3); n > 0; n--)
    if (tree !== null && typeof tree === "object" && Object.keys(tree).length > 0) changeTree(tree, random);
  let text = JSON.stringify(tree);
  for (let n = random() < 0.6 ? 1 : 0; n > 0; n--) text = pick(random, TEXT_CHANGES)(text, random);
  return text;
}

/** A place in a tree, and which kind of place: its keys, with `*` for the index in a list. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
  readonly kind: string;
}

function placesOf(tree: unknown, above = "", found: Place[] = []): readonly Place[] {
  if (typeof tree !== "object" || tree === null) return found;
  for (const [key, value] of Object.entries(tree)) {
    const kind = `${above}.${Array.isArray(tree) ? "*" : key}`;
    found.push({ holder: tree as Record<string, unknown>, key, kind });
    placesOf(value, kind, found);
  }
  return found;
}

const KINDS_OF_VALUE: readonly unknown[] = [null, true, 0, 7, -1, 0.5, "7", "", "gone", [], [0], {}, { toString: 1 }];

const SHAPE_CHANGES: readonly ((place: Place, places: readonly Place[], random: Random) => void)[] = [
  ({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  },
  ({ holder, key }, _, random) => {
    const value = holder[key];
    const others = KINDS_OF_VALUE.filter((v) => typeof v !== typeof value || Array.isArray(v) !== Array.isArray(value));
    holder[key] = structuredClone(pick(random, others));
  },
  // Nothing of its own kind, or a name that is not there.
  ({ holder, key }, _, random) => {
    const value = holder[key];
    if (Array.isArray(value)) holder[key] = [];
    else if (typeof value === "object" && value !== null) holder[key] = {};
    else if (typeof value === "string") holder[key] = random() < 0.5 ? `${value}0` : pick(random, NAMES);
    else holder[key] = pick(random, [0, -1, 2 ** 32, 2 ** 53]);
  },
  // What stands elsewhere, moved or twice.
  ({ holder, key }, places, random) => {
    const from = pick(random, places);
    const moved = structuredClone(from.holder[from.key]);
    if (random() < 0.3 && !Array.isArray(from.holder)) delete from.holder[from.key];
    holder[key] = moved;
  },
  // An entry a second time.
  ({ holder, key }, _, random) => {
    const again = structuredClone(holder[key]);
    if (Array.isArray(holder)) holder.splice(Number(key), 0, again);
    else holder[random() < 0.5 ? `${key}0` : pick(random, Object.keys(holder))] = again;
  },
];

/**
 * The JSON of a value of which one or two places have another shape. Each kind of place is as likely as any other, however often
 * it occurs: a field that stands once is not lost beside a list of hundreds.
 */
function reshape(json: unknown, random: Random): string {
  const tree: unknown = structuredClone(json);
  for (let n = random() < 0.6 ? 1 : 2; n > 0; n--) {
    const places = placesOf(tree);
    if (places.length === 0) break;
    const kind = pick(random, [...new Set(places.map((place) => place.kind))]);
    const alike = places.filter((place) => place.kind === kind);
    pick(random, SHAPE_CHANGES)(pick(random, alike), places, random);
  }
  return JSON.stringify(tree);
}

/** The JSON of a value made wrong, most often in its shape. */
export function mutateShape(json: unknown, random: Random): string {
  const way = random();
  return (way < 0.5 ? reshape : way < 0.75 ? misfit : mutateJson)(json, random);
}
