// What a shader asks of an adapter's limits, read off its WGSL: any kernel's, so that none has to be trusted to say it.

/** Of one workgroup. */
export interface ShaderNeeds {
  readonly invocations: number;
  /** Along x, y and z; their product is `invocations`. */
  readonly size: readonly [x: number, y: number, z: number];
  /** Bytes of all its variables in workgroup memory, each in whole vectors of 16 bytes as WebGPU counts them. */
  readonly sharedBytes: number;
}

/** Undefined where the text has a size or a type that this does not understand. */
export function shaderNeeds(wgsl: string): ShaderNeeds | undefined {
  const names = new Map<string, number>();
  for (const [, name = "", text = ""] of wgsl.matchAll(/^const (\w+)(?:\s*:\s*\w+)? = ([^;]+);/gm)) {
    const value = evaluate(text, names);
    if (value !== undefined) names.set(name, value);
  }
  const aliases = new Map(
    [...wgsl.matchAll(/^alias (\w+) = ([^;]+);/gm)].map(([, name = "", type = ""]) => [name, type]),
  );
  const [, sizes = ""] = /@workgroup_size\(([^)]*)\)/.exec(wgsl) ?? [];
  const variables = [...wgsl.matchAll(/^var<workgroup> \w+\s*:\s*([^;]+);/gm)];
  const [x, y = 1, z = 1] = splitTop(sizes).map((text) => evaluate(text, names) ?? Number.NaN);
  const bytes = variables.map(([, type = ""]) => layoutOf(type, names, aliases)?.size);
  if (x === undefined || Number.isNaN(x * y * z) || bytes.includes(undefined)) return undefined;
  return {
    invocations: x * y * z,
    size: [x, y, z],
    sharedBytes: bytes.reduce<number>((n, size) => n + roundUp(size ?? 0, 16), 0),
  };
}

/** Bytes of an element of a WGSL type; undefined for one that this does not understand. */
export const typeBytes = (type: string): number | undefined => layoutOf(type, new Map(), new Map())?.size;

const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple;

/** A product, quotient, sum or difference of whole numbers, with the constants by name. */
function evaluate(text: string, names: ReadonlyMap<string, number>): number | undefined {
  if (/^\d+[ui]?$/.test(text)) return Number.parseInt(text, 10);
  const tokens = text.match(/\w+|[-+*/()]/g) ?? [];
  if (tokens.join("") !== text.replaceAll(/\s/g, "")) return undefined;
  let next = 0;
  const atom = (): number | undefined => {
    const token = tokens[next++] ?? "";
    if (token === "(") {
      const inner = sum();
      return tokens[next++] === ")" ? inner : undefined;
    }
    return /^\d+[ui]?$/.test(token) ? Number.parseInt(token, 10) : names.get(token);
  };
  const chain = (
    operand: () => number | undefined,
    apply: Readonly<Record<string, (a: number, b: number) => number>>,
  ) => {
    let left = operand();
    for (let op = apply[tokens[next] ?? ""]; op !== undefined; op = apply[tokens[next] ?? ""]) {
      next++;
      const right = operand();
      left = left === undefined || right === undefined ? undefined : op(left, right);
    }
    return left;
  };
  const term = () => chain(atom, { "*": (a, b) => a * b, "/": (a, b) => Math.floor(a / b) });
  const sum = (): number | undefined => chain(term, { "+": (a, b) => a + b, "-": (a, b) => a - b });
  const value = sum();
  return next === tokens.length ? value : undefined;
}

interface Layout {
  readonly size: number;
  readonly align: number;
}

const SCALARS: Readonly<Record<string, number>> = { f32: 4, i32: 4, u32: 4, bool: 4, f16: 2, f: 4, i: 4, u: 4, h: 2 };

function layoutOf(
  type: string,
  names: ReadonlyMap<string, number>,
  aliases: ReadonlyMap<string, string>,
): Layout | undefined {
  const text = type.replaceAll(/\s/g, "");
  const alias = aliases.get(text);
  if (alias !== undefined) return layoutOf(alias, names, aliases);
  const scalar = SCALARS[/^atomic<(\w+)>$/.exec(text)?.[1] ?? text];
  if (scalar !== undefined && text.length > 1) return { size: scalar, align: scalar };
  const [, width, item = ""] = /^vec([234])(?:<(\w+)>|[fiuh])$/.exec(text) ?? [];
  if (width !== undefined) {
    const bytes = SCALARS[item || text.slice(-1)];
    return bytes === undefined
      ? undefined
      : { size: Number(width) * bytes, align: (width === "3" ? 4 : Number(width)) * bytes };
  }
  const [, columns, rows = "", kind = ""] = /^mat([234])x([234])(<\w+>|[fh])$/.exec(text) ?? [];
  if (columns !== undefined) return layoutOf(`array<vec${rows}${kind},${columns}>`, names, aliases);
  const [, inside = ""] = /^array<(.*)>$/.exec(text) ?? [];
  const [element = "", length = ""] = splitTop(inside);
  const [layout, count] = [inside === "" ? undefined : layoutOf(element, names, aliases), evaluate(length, names)];
  return layout === undefined || count === undefined
    ? undefined
    : { size: count * roundUp(layout.size, layout.align), align: layout.align };
}

/** Cuts at the commas that stand in no brackets. */
function splitTop(text: string): readonly string[] {
  const parts: string[] = [];
  let [depth, start] = [0, 0];
  for (const [at, c] of [...text].entries()) {
    if ("<(".includes(c)) depth++;
    if (">)".includes(c)) depth--;
    if (c !== "," || depth > 0) continue;
    parts.push(text.slice(start, at));
    start = at + 1;
  }
  return [...parts, text.slice(start)].filter((part) => part.trim() !== "");
}
