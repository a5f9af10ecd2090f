// The SPIR-V that Dawn makes of kernels: Mesa writes down what its lavapipe is given. Dawn itself can't open a GPU that is not
// there, as it makes a queue on it; what it gives a GPU that is differs only in what that GPU's driver lacks.

import { join } from "node:path";
import { readRegular } from "../../engine/index.ts";
import { environmentOf, findDriver, INSTALL } from "./drivers.ts";
import { missing } from "./errors.ts";
import { HelperProcess } from "./helper-process.ts";
import type { DawnReply, DawnRequest } from "./protocol.ts";
import { inTemporaryFolder } from "./temporary-folder.ts";

/** A kernel's text. */
export interface Shader {
  readonly name: string;
  readonly wgsl: string;
}

/** In the order of the shaders; `made` is told of each. */
export const makeSpirv = (shaders: readonly Shader[], made: () => void): Promise<readonly Uint8Array[]> =>
  inTemporaryFolder(async (folder) => {
    const env = { ...environmentOf(findDriver("lavapipe")), MESA_SPIRV_DUMP_PATH: folder };
    const dawn = new HelperProcess<DawnRequest, DawnReply>("dawn-process", "Dawn on lavapipe", env);
    const all: Uint8Array[] = [];
    try {
      for (const { name, wgsl } of shaders) {
        const { files } = await dawn.ask({ kernel: name, wgsl, folder }, `made SPIR-V of ${name}`);
        const [file] = files;
        if (file === undefined)
          throw missing(
            "Mesa",
            `its lavapipe wrote no SPIR-V of ${name}`,
            `it takes Mesa 25, which heeds MESA_SPIRV_DUMP_PATH: ${INSTALL}`,
          );
        all.push(await readRegular(join(folder, file)));
        made();
      }
    } finally {
      dawn.close();
    }
    return all;
  });
