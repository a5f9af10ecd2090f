// The JSON Schemas of a bundle's files, made from the types in base/bundle.ts and their comments: schemas/*.schema.json for
// other programs, with descriptions, and base/bundle-schemas.ts for the runtime's own checks, without.
//
//   npm run schemas        writes them; a test fails while they are stale
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createGenerator, type Schema } from "ts-json-schema-generator";
import { ROOT } from "./run-command.mjs";

const FILES = { plan: "BundlePlan", weights: "BundleWeights" } as const;
const CHECKS = "base/bundle-schemas.ts";

const HEAD = `// The schemas of plan.json and weights.json, as the runtime checks them. Generated from base/bundle.ts by \`npm run schemas\`.
`;

/** The text of every file that is made, by its path, before it is formatted. */
export function schemaTexts(): ReadonlyMap<string, string> {
  const generator = createGenerator({
    path: join(ROOT, "base", "bundle.ts"),
    tsconfig: join(ROOT, "tsconfig.json"),
    expose: "export",
    topRef: false,
    jsDoc: "extended",
    additionalProperties: false,
    sortProps: false,
    // `npm run check` has done that.
    skipTypeCheck: true,
  });
  const schemas = Object.entries(FILES).map(([name, type]) => [name, generator.createSchema(type), type] as const);
  const constants = schemas.map(
    ([name, schema]) =>
      `/** Of ${name}.json. */\nexport const ${name.toUpperCase()}_SCHEMA: object = ${JSON.stringify(withoutWords(schema))};\n`,
  );
  return new Map([
    ...schemas.map(
      ([name, { $schema, ...schema }, title]) =>
        [`schemas/${name}.schema.json`, `${JSON.stringify({ $schema, title, ...schema })}\n`] as const,
    ),
    [CHECKS, [HEAD, ...constants].join("\n")],
  ]);
}

/** The same without what only people read. A property may be called like a keyword, so that only schemas' own words go. */
function withoutWords(schema: Schema): unknown {
  const map = (of: object | undefined) =>
    of && Object.fromEntries(Object.entries(of).map(([name, s]) => [name, inner(s)]));
  const inner = (s: unknown): unknown => {
    if (Array.isArray(s)) return s.map(inner);
    if (typeof s !== "object" || s === null) return s;
    const { description: _, title: __, $comment: ___, properties, definitions, ...rest } = s as Schema;
    return {
      ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, isWords(key) ? value : inner(value)])),
      ...(properties && { properties: map(properties) }),
      ...(definitions && { definitions: map(definitions) }),
    };
  };
  return inner(schema);
}

/** Keywords whose values are no schemas. */
const isWords = (key: string): boolean => ["const", "enum", "required", "pattern", "type"].includes(key);

/** As the project's formatter has it. */
export function formatted(path: string, text: string): string {
  const biome = join(ROOT, "node_modules", "@biomejs", "biome", "bin", "biome");
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, "format", `--stdin-file-path=${path}`], {
    cwd: ROOT,
    input: text,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${path}: ${stderr}`);
  return stdout;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  for (const [path, text] of schemaTexts()) {
    const fresh = formatted(path, text);
    const place = join(ROOT, path);
    if (readFileSync(place, { encoding: "utf8", flag: "a+" }) !== fresh) writeFileSync(place, fresh);
  }
