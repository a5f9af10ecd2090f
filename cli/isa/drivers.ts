// Where Mesa's drivers lie: Vulkan's loader is told of each by a manifest, and of no other, so that none else is loaded.
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { missing } from "./errors.ts";

/** `lavapipe` computes on the processor; `radv` compiles for AMD's GPUs. */
export type Driver = "lavapipe" | "radv";

const MANIFESTS: Readonly<Record<Driver, RegExp>> = {
  lavapipe: /^lvp_icd(\.\w+)?\.json$/,
  radv: /^radeon_icd(\.\w+)?\.json$/,
};
const TITLES: Readonly<Record<Driver, string>> = {
  lavapipe: "lavapipe, which Dawn makes SPIR-V on,",
  radv: "RADV, which compiles for AMD's GPUs,",
};

export const INSTALL =
  "install Mesa's Vulkan drivers, as `npm start` does: mesa-vulkan-drivers on Debian 12 (from bookworm-backports), Ubuntu and " +
  "Fedora, vulkan-radeon and vulkan-swrast on Arch, mesa-vulkan-ati and mesa-vulkan-swrast on Alpine";

/** The variables by which Vulkan's loader is told which drivers there are, the newer one first. */
const CHOSEN = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] as const;

/**
 * The driver's manifest: of those that the environment names where it names some, else of the system's.
 * @throws WgptError where it is not installed.
 */
export function findDriver(driver: Driver, env: NodeJS.ProcessEnv = process.env): string {
  const places =
    CHOSEN.map((name) => env[name])
      .find((value) => value)
      ?.split(delimiter) ?? foldersOf(env);
  const manifest = places.flatMap(filesOf).find((file) => MANIFESTS[driver].test(basename(file)));
  if (manifest !== undefined) return manifest;
  throw missing(
    "Mesa",
    `its driver ${TITLES[driver]} is not installed: ${places.join(", ")} ${places.length === 1 ? "has" : "have"} no manifest of it`,
    process.platform === "linux" ? INSTALL : "this needs Linux",
  );
}

/** As the loader looks: https://github.com/KhronosGroup/Vulkan-Loader/blob/main/docs/LoaderDriverInterface.md */
function foldersOf(env: NodeJS.ProcessEnv): readonly string[] {
  const data = env["XDG_DATA_DIRS"] || "/usr/local/share:/usr/share";
  return ["/etc", ...data.split(delimiter)].map((folder) => join(folder, "vulkan", "icd.d"));
}

function filesOf(place: string): readonly string[] {
  if (!existsSync(place)) return [];
  return statSync(place).isDirectory() ? readdirSync(place).map((name) => join(place, name)) : [place];
}

/** The environment of a process that loads this driver alone, without the layers that a desktop has, and writes no cache. */
export const environmentOf = (manifest: string): NodeJS.ProcessEnv => ({
  ...process.env,
  VK_DRIVER_FILES: manifest,
  VK_ICD_FILENAMES: manifest,
  VK_ADD_DRIVER_FILES: "",
  VK_LOADER_LAYERS_DISABLE: "~all~",
  MESA_SHADER_CACHE_DISABLE: "true",
});
