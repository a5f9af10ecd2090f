// Whether a bundle is what this version of wgpt would write today, from what its plan.json says it was compiled from.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type BundleOptions, bundleTexts, compileBundle, targetByName } from "../codegen/index.ts";
import { readGpt2Config } from "../ir/index.ts";
import { readBundlePlan, readBundleWeights } from "../runtime/bundle.ts";
import { openBundleFolder } from "../runtime/bundle-folder.ts";
import { type BundleFiles, type BundlePlan, type BundleWeights, RuntimeError } from "../runtime/index.ts";
import { openPackedWeights } from "../runtime/packed-weights.ts";

/**
 * Returns how many files were compared, and of how many shards of weights the hashes, which `verify` asks for.
 * @throws RuntimeError that names the files that differ.
 */
export async function checkBundle(
  folder: string,
  verify: boolean,
): Promise<{ readonly texts: number; readonly shards: number }> {
  const files = await openBundleFolder(folder);
  try {
    return { texts: await checkTexts(folder, files), shards: verify ? await verifyShards(files) : 0 };
  } finally {
    await files.close();
  }
}

async function verifyShards(files: BundleFiles): Promise<number> {
  const weights = await readBundleWeights(files);
  const source = await openPackedWeights(files, weights, true);
  await source.close();
  return weights.shards?.length ?? 0;
}

async function checkTexts(folder: string, files: BundleFiles): Promise<number> {
  const [plan, weights] = [await readBundlePlan(files), await readBundleWeights(files)];
  const wanted = await texts(plan, weights, `${folder}/plan.json`);
  const problems: string[] = [];
  for (const [name, text] of wanted) {
    const found = await readFile(join(folder, name), "utf8").catch(() => undefined);
    if (found !== text) problems.push(found === undefined ? `${name} is missing` : `${name} differs`);
  }
  const kernels = await readdir(join(folder, "kernels")).catch((): string[] => []);
  for (const name of kernels.map((k) => `kernels/${k}`)) if (!wanted.has(name)) problems.push(`${name} is left over`);
  if (problems.length === 0) return wanted.size;
  const listed = problems.slice(0, 3).join(", ") + (problems.length > 3 ? `, and ${problems.length - 3} more` : "");
  throw new RuntimeError(
    folder,
    `is not what this wgpt compiles: ${listed}`,
    "compile it again, or use the version that compiled it",
  );
}

async function texts(plan: BundlePlan, weights: BundleWeights, place: string): Promise<ReadonlyMap<string, string>> {
  const { target, ...options } = plan.source.options as Omit<BundleOptions, "target"> & { readonly target: string };
  const { config } = plan.source;
  const bundle = compileBundle(readGpt2Config(config, place), {
    ...options,
    name: plan.name,
    target: targetByName(target),
    ...(plan.tokenizer && { tokenizer: plan.tokenizer }),
  });
  // What was packed is compared by its hashes, when it is loaded with `verify`.
  const { shards } = weights;
  return bundleTexts({ ...bundle, weights: { ...bundle.weights, ...(shards && { shards }) } });
}
