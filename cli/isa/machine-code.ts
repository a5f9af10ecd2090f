// The machine code of kernels for GPUs that are not here, and what it says of them.
import { type CodeCounts, countCode } from "./count-code.ts";
import { makeSpirv, type Shader } from "./dawn-spirv.ts";
import { countUnreadable, parseDisassembly } from "./disassembly.ts";
import { environmentOf, findDriver } from "./drivers.ts";
import { driverFault, missing } from "./errors.ts";
import { type Gpu, unknownFamily } from "./gpus.ts";
import { HelperProcess } from "./helper-process.ts";
import type { RadvReply, RadvRequest } from "./protocol.ts";
import type { CompiledShader } from "./vulkan.ts";

/** A kernel's code on one GPU. */
export interface KernelCode extends CodeCounts {
  readonly kernel: string;
  /** Invocations of a workgroup, and of a subgroup. */
  readonly workgroupSize: number;
  readonly subgroupSize: number;
  /** Registers of an invocation, and of a subgroup. */
  readonly vgprs: number;
  readonly sgprs: number;
  /** Of these, how many lie in memory. */
  readonly spilledVgprs: number;
  readonly spilledSgprs: number;
  /** Memory of a workgroup, and of an invocation besides its registers. */
  readonly ldsBytes: number;
  readonly scratchBytes: number;
  /** Subgroups that a SIMD holds at most at a time. */
  readonly wavesPerSimd: number;
  readonly codeBytes: number;
  /** All that the compiler says of it, by its names. */
  readonly statistics: Readonly<Record<string, number>>;
  readonly disassembly: string;
}

/** Kernels on one GPU. */
export interface GpuCode extends Gpu {
  /** `Mesa 25.0.7` */
  readonly driver: string;
  readonly kernels: readonly KernelCode[];
}

/** Told of each shader that is translated or compiled. */
export type Progress = (done: number, all: number) => void;

/**
 * Compiles each distinct shader once for each family of GPUs.
 * @throws WgptError where a driver is missing, lacks something, refuses a shader or crashes.
 */
export async function compileForGpus(
  shaders: readonly Shader[],
  gpus: readonly Gpu[],
  progress: Progress,
): Promise<readonly GpuCode[]> {
  const distinct = [...new Map(shaders.map((s) => [s.wgsl, s])).values()];
  const families = [...new Set(gpus.map((g) => g.family))];
  let done = 0;
  const step = () => progress(++done, distinct.length * (1 + families.length));
  const compilers: Compiler[] = [];
  try {
    // First, so that a family that there is not is refused before anything is made.
    for (const family of families) compilers.push(await Compiler.open(family));
    const spirv = await makeSpirv(distinct, step);
    const codes = new Map<string, GpuCode>();
    for (const compiler of compilers) {
      const byText = new Map<string, CompiledShader>();
      for (const [i, { name, wgsl }] of distinct.entries()) {
        byText.set(wgsl, await compiler.compile(name, spirv[i] ?? new Uint8Array()));
        step();
      }
      const kernels = shaders.flatMap(({ name, wgsl }) => {
        const compiled = byText.get(wgsl);
        return compiled ? [kernelCode(name, compiled, compiler.family)] : [];
      });
      codes.set(compiler.family, { name: compiler.family, family: compiler.family, driver: compiler.driver, kernels });
    }
    return gpus.flatMap(({ name, family }) => {
      const code = codes.get(family);
      return code ? [{ ...code, name }] : [];
    });
  } finally {
    for (const compiler of compilers) compiler.close();
  }
}

/** Mesa's driver for one family, in a process of its own. */
class Compiler {
  readonly family: string;
  readonly driver: string;
  readonly #process: HelperProcess<RadvRequest, RadvReply>;

  static async open(family: string): Promise<Compiler> {
    const env = { ...environmentOf(findDriver("radv")), RADV_FORCE_FAMILY: family };
    const process = new HelperProcess<RadvRequest, RadvReply>("radv-process", `RADV for ${family}`, env);
    try {
      const reply = await process.ask({ open: true }, "opened the GPU");
      if ("driver" in reply) return new Compiler(family, reply.driver, process);
      throw new Error("no driver's name");
    } catch (error) {
      process.close();
      throw /unknown family/i.test(process.said) ? unknownFamily(family) : error;
    }
  }

  private constructor(family: string, driver: string, process: HelperProcess<RadvRequest, RadvReply>) {
    this.family = family;
    this.driver = driver;
    this.#process = process;
  }

  async compile(kernel: string, spirv: Uint8Array): Promise<CompiledShader> {
    const reply = await this.#process.ask({ kernel, spirv }, `compiled ${kernel}`);
    if ("disassembly" in reply) return reply;
    throw new Error("no compiled shader");
  }

  close(): void {
    this.#process.close();
  }
}

function kernelCode(kernel: string, { statistics, disassembly, ...sizes }: CompiledShader, family: string): KernelCode {
  const unreadable = countUnreadable(disassembly);
  if (unreadable > 0)
    throw driverFault(
      kernel,
      `Mesa makes ${unreadable} instructions of it that ${family} does not have`,
      "it does not know that GPU well: choose another, or try another version of Mesa",
    );
  const lower = new Map(Object.entries(statistics).map(([name, value]) => [name.toLowerCase(), value]));
  const statistic = (name: string): number => {
    const value = lower.get(name.toLowerCase());
    if (value !== undefined) return value;
    throw missing(
      "Mesa",
      `its driver RADV says of ${kernel} no ${name}, but ${[...lower.keys()].join(", ")}`,
      "it takes another version of Mesa, such as 25.0",
    );
  };
  return {
    kernel,
    ...sizes,
    vgprs: statistic("VGPRs"),
    sgprs: statistic("SGPRs"),
    spilledVgprs: statistic("Spilled VGPRs"),
    spilledSgprs: statistic("Spilled SGPRs"),
    ldsBytes: statistic("LDS size"),
    scratchBytes: statistic("Scratch size"),
    wavesPerSimd: statistic("Subgroups per SIMD"),
    codeBytes: statistic("Code size"),
    ...countCode(parseDisassembly(disassembly)),
    statistics,
    disassembly,
  };
}
