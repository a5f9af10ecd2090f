// The configuration of a preset, or of the checkpoint that a folder or a file in it names: config.json, and the end tokens of
// generation_config.json.
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Gpt2Config, isPreset, PRESETS, readGpt2Config } from "../ir/index.ts";
import { fileError } from "../runtime/errors.ts";
import type { RuntimeError } from "../runtime/index.ts";
import { adapterAlone, hasAdapter } from "../runtime/weights/file-source.ts";
import { printWarning } from "./errors.ts";
import { reasonOf } from "./usage.ts";

/** A preset's or a checkpoint's configuration. `warn` hears what the user should know, though it is no error. */
export async function readConfig(model: string, warn: (text: string) => void = printWarning): Promise<Gpt2Config> {
  const preset = isPreset(model) ? PRESETS[model] : undefined;
  if (preset) return preset;
  const folder = await folderOf(model);
  const names = await readdir(folder);
  const place = join(folder, "config.json");
  const text = await readText(place);
  if (text === undefined) throw await noConfig(folder, names, place);
  if (hasAdapter(names))
    warn(`${folder}: holds an adapter beside the model, which is not applied: merge it into the model if it should be`);
  const generation = join(folder, "generation_config.json");
  const generationText = await readText(generation);
  return readGpt2Config(parse(place, text), place, {
    warn,
    ...(generationText !== undefined && {
      generation: { place: generation, json: parseGeneration(generation, generationText) },
    }),
  });
}

/** The folder of the checkpoint that is given as a folder or as a file in it. */
async function folderOf(model: string): Promise<string> {
  const found = await stat(model).catch(() => undefined);
  if (!found)
    throw fileError(
      model,
      (await isLink(model)) ?? "there is no such folder, and no preset of that name",
      `presets are ${Object.keys(PRESETS).join(", ")}`,
    );
  return found.isDirectory() ? model : dirname(model);
}

/** The text, without a byte-order mark; undefined where there is no such file. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    const broken = await isLink(path);
    if (broken !== undefined) throw fileError(path, broken, "download the checkpoint again");
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw fileError(path, `can't be read: ${reasonOf(error as Error)}`, "it must be a file that you may read");
  }
}

/** What is wrong with a link that leads nowhere. */
async function isLink(path: string): Promise<string | undefined> {
  const there = await stat(path).catch(() => undefined);
  if (there || !(await lstat(path).catch(() => undefined))) return undefined;
  return `is a link to ${await readlink(path)}, where nothing is`;
}

async function noConfig(folder: string, names: readonly string[], place: string): Promise<RuntimeError> {
  if (hasAdapter(names)) return adapterAlone(folder);
  if (names.includes("plan.json") && names.includes("weights.json"))
    return fileError(
      folder,
      "is a bundle, but this command takes a checkpoint",
      "give the checkpoint that it was compiled from, or load the bundle by its own module",
    );
  const snapshots = names.includes("snapshots") ? await readdir(join(folder, "snapshots")).catch(() => []) : [];
  const [snapshot] = snapshots;
  return fileError(
    place,
    "can't be read, but the model's shape stands in it",
    snapshot === undefined
      ? "a checkpoint folder holds config.json and model.safetensors"
      : `this is a repository in the hub's cache: give a snapshot of it, such as ${join(folder, "snapshots", snapshot)}`,
  );
}

function parse(place: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fileError(
      place,
      `is no JSON: ${error instanceof Error ? error.message : String(error)}`,
      "download it again",
    );
  }
}

/** It can be spared: what is read of it stands in config.json too. */
function parseGeneration(place: string, text: string): object {
  let json: unknown;
  let why = "is not a JSON object";
  try {
    json = JSON.parse(text);
  } catch (error) {
    why = `is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
  throw fileError(place, why, "download it again, or remove it: then config.json names the end tokens", {
    kind: "remove",
    file: place,
  });
}
