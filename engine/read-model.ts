// The configuration of a preset, or of the checkpoint that a folder or a file in it names: config.json, and the end tokens of
// generation_config.json.

import { lstat, readdir, readlink, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { shortJson } from "../base/short-json.ts";
import { checkPreset, type Family, type ModelConfig, readFamilyConfig, shortenContext } from "../ir/index.ts";
import { fileError } from "../runtime/errors.ts";
import { RuntimeError } from "../runtime/index.ts";
import { parseJson } from "../runtime/json.ts";
import { isMissing } from "../runtime/real-path.ts";
import { readRegularText } from "../runtime/regular-file.ts";
import { adapterAlone, hasAdapter } from "../runtime/weights/file-source.ts";
import { isGraphFile } from "./graph-file.ts";
import { reasonOf } from "./text.ts";

/** A model as a command is given it. */
export interface ReadModel {
  /** A preset's name, a folder, or a file in it, as the user gave it. */
  readonly name: string;
  readonly family: Family;
  readonly config: ModelConfig;
  /** Whether this is a preset: a config without weights. */
  readonly isPreset: boolean;
}

/** The families that a command knows: its toolkit's. */
export interface Families {
  readonly families: readonly Family[];
}

/** Presets of all families, by name. */
export const presetNames = ({ families }: Families): string =>
  families.flatMap((family) => Object.keys(family.presets)).join(", ");

/** The same model for a shorter text. */
export const withContext = (model: ReadModel, context: number | undefined): ReadModel =>
  context === undefined ? model : { ...model, config: shortenContext(model.config, context) };

/** A preset's or a checkpoint's configuration, and its family. `warn` hears what the user should know, though it is no error. */
export async function readModel(
  model: string,
  toolkit: Families,
  warn: (text: string) => void = () => undefined,
): Promise<ReadModel> {
  const owner = toolkit.families.find((f) => Object.hasOwn(f.presets, model));
  const preset = owner?.presets[model];
  if (owner && preset) {
    checkPreset(owner, model);
    return { name: model, family: owner, config: preset, isPreset: true };
  }
  const folder = await folderOf(model, toolkit);
  if (folder !== model && (await isGraphFile(model)))
    throw fileError(
      model,
      "holds graphs, but this command takes a model",
      "`wgpt compile`, `wgpt inspect` and `wgpt roofline` take a file of graphs",
    );
  const names = await readdir(folder).catch((error: Error) => {
    throw fileError(folder, `can't be read: ${reasonOf(error)}`, "it must be a folder that you may read");
  });
  const place = join(folder, "config.json");
  const text = await readText(place);
  if (text === undefined && folder !== model)
    throw fileError(
      model,
      "is a file, and beside it there is no config.json, which has a model's shape",
      "give a checkpoint's folder, or a file in it",
    );
  if (text === undefined) throw await noConfig(folder, names, place);
  if (hasAdapter(names))
    warn(
      `${folder}: holds an adapter besides the model, which is not applied: merge it into the model if it should be`,
    );
  const generation = join(folder, "generation_config.json");
  const generationText = await readText(generation);
  const json = parse(place, text);
  const family = familyOf(json, place, toolkit);
  const config = readFamilyConfig(family, json, place, {
    warn,
    ...(generationText !== undefined && {
      generation: { place: generation, json: parseGeneration(generation, generationText) },
    }),
  });
  return { name: model, family, config, isPreset: false };
}

/** The family that `model_type` names; the first where a config names none, or nothing that is a name: that one says what is wrong. */
function familyOf(json: unknown, place: string, { families }: Families): Family {
  const named = typeof json === "object" && json !== null && "model_type" in json ? json.model_type : undefined;
  const [first] = families;
  const family = typeof named === "string" ? families.find((f) => f.name === named) : first;
  if (family) return family;
  throw new RuntimeError(place, `model_type is ${shortJson(named)}`, {
    code: "bad-config",
    hint: `wgpt compiles ${families.map((f) => f.name).join(", ")}; a plugin brings other families: --plugin FILE`,
  });
}

/** The folder of the checkpoint that is given as a folder or as a file in it. */
async function folderOf(model: string, toolkit: Families): Promise<string> {
  try {
    return (await stat(model)).isDirectory() ? model : dirname(model);
  } catch (error) {
    if (!isMissing(error))
      throw fileError(model, `can't be read: ${reasonOf(error as Error)}`, "give a folder that you may read");
    throw fileError(
      model,
      (await isLink(model)) ?? "there is no such folder, and no preset of that name",
      `give a checkpoint's folder; presets are ${presetNames(toolkit)}, which have no weights`,
    );
  }
}

/** The text, without a byte-order mark; undefined where there is no such file. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readRegularText(path)).replace(/^\uFEFF/, "");
  } catch (error) {
    const broken = await isLink(path);
    if (broken !== undefined) throw fileError(path, broken, "download the checkpoint again");
    if (isMissing(error)) return undefined;
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
    return parseJson(text);
  } catch (error) {
    throw fileError(
      place,
      `is no JSON: ${error instanceof Error ? error.message : String(error)}`,
      "download it again",
    );
  }
}

/** generation_config.json as an object. Its end tokens replace those of config.json; nothing else of it is read. */
function parseGeneration(place: string, text: string): object {
  let json: unknown;
  let why = "is not a JSON object";
  try {
    json = parseJson(text);
  } catch (error) {
    why = `is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
  throw fileError(place, why, "download it again, or remove it: then config.json names the end tokens", {
    kind: "remove",
    file: place,
  });
}
