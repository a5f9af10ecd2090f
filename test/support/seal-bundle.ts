// A bundle's hashes made anew, as somebody does who changes its files on purpose.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sealText, sha256 } from "../../base/hash.ts";

/** The text of plan.json with the hashes of the files that it names, and its own; as it is where it is no plan. */
export async function sealPlan(text: string, read: (file: string) => string | undefined): Promise<string> {
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch {
    return text;
  }
  if (!isRecord(plan)) return text;
  const seal = async (part: unknown): Promise<void> => {
    if (!isRecord(part) || typeof part["file"] !== "string" || typeof part["sha256"] !== "string") return;
    const found = read(part["file"]);
    if (found !== undefined) part["sha256"] = await sha256(found);
  };
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  await seal(plan["weights"]);
  for (const part of list(plan["tokenizer"])) await seal(part);
  for (const variant of list(plan["variants"]))
    if (isRecord(variant)) for (const kernel of list(variant["kernels"])) await seal(kernel);
  if (typeof plan["sha256"] === "string") plan["sha256"] = "0".repeat(64);
  try {
    return await sealText(`${JSON.stringify(plan, undefined, 1)}\n`);
  } catch {
    // Nested deeper than can be printed.
    return text;
  }
}

/** The same for a bundle in a folder. */
export async function sealFolder(folder: string): Promise<void> {
  const path = join(folder, "plan.json");
  if (!existsSync(path)) return;
  const read = (file: string): string | undefined => {
    const at = join(folder, file);
    return existsSync(at) ? readFileSync(at, "utf8") : undefined;
  };
  writeFileSync(path, await sealPlan(readFileSync(path, "utf8"), read));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
