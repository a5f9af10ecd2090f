// Mesa's driver for AMD's GPUs as a compiler: SPIR-V in, machine code and what the compiler says of it out. Vulkan is called
// through koffi. RADV_FORCE_FAMILY makes the driver open a GPU that is not there, on which nothing can run. Nothing that is made
// is destroyed, or freed: this is for a process that compiles a few shaders and ends.
import type koffi from "koffi";
import { INSTALL } from "./drivers.ts";
import { driverFault, missing } from "./errors.ts";
import { readSpirv, type SpirvBinding } from "./spirv.ts";
import { VulkanMemory } from "./vulkan-memory.ts";
import {
  type Address,
  API_VERSION_1_3,
  CAPTURE_ALL,
  DESCRIPTOR,
  EXECUTABLE_FUNCTIONS,
  FUNCTIONS,
  STAGE_COMPUTE,
  TYPE,
} from "./vulkan-types.ts";

/** What the compiler made of a shader. */
export interface CompiledShader {
  /** Invocations of a workgroup. */
  readonly workgroupSize: number;
  /** Invocations that go in lock step, as the compiler chose. */
  readonly subgroupSize: number;
  /** By the compiler's names, such as `VGPRs`. */
  readonly statistics: Readonly<Record<string, number>>;
  readonly disassembly: string;
}

/** A function of Vulkan's: a number tells how it went. */
type Call = (...args: readonly unknown[]) => number;
type Calls<Prototypes> = Readonly<Record<keyof Prototypes, Call>>;

/** Without it, nothing of what is asked for here can be had. */
const EXECUTABLES = "VK_KHR_pipeline_executable_properties";
/** Dawn's SPIR-V uses it where a driver has it. */
const RECONVERGENCE = "VK_KHR_shader_maximal_reconvergence";

const FEATURES = ["features", "features11", "features12", "features13", "executableFeatures"] as const;

export class RadvDevice {
  /** `Mesa 25.0.7` */
  readonly driver: string;
  readonly #memory: VulkanMemory;
  readonly #vulkan: Calls<typeof FUNCTIONS>;
  readonly #executables: Calls<typeof EXECUTABLE_FUNCTIONS>;
  readonly #device: Address;

  /** @throws WgptError where Vulkan's loader is missing, or the driver lacks something. */
  constructor(library: typeof koffi) {
    this.#memory = new VulkanMemory(library);
    const loader = loadLoader(library);
    this.#vulkan = mapValues(FUNCTIONS, (prototype) => loader.func(prototype));
    const gpu = this.#openGpu();
    this.driver = this.#driverOf(gpu);
    this.#device = this.#openDevice(gpu);
    this.#executables = mapValues(EXECUTABLE_FUNCTIONS, (prototype) => {
      const [, name = ""] = /(\w+)\(/.exec(prototype) ?? [];
      const found: unknown = this.#vulkan.getDeviceFunction(this.#device, name);
      if (!found) throw lacks(`has no ${name}`);
      return library.decode(found, library.proto(prototype));
    });
  }

  /** @throws WgptError that names `place`, for a shader that it does not compile. */
  compile(spirv: Uint8Array, place: string): CompiledShader {
    const { entryPoint, workgroup, bindings } = readSpirv(spirv, place);
    const pipeline = this.#makePipeline(spirv, entryPoint, this.#makeLayout(bindings));
    const info = this.#memory.make("executableInfo", { sType: TYPE.executableInfo, pipeline });
    const ofPipeline = this.#memory.make("pipelineInfo", { sType: TYPE.pipelineInfo, pipeline });
    const statistics = this.#listOf("executableStatistic", info);
    return {
      workgroupSize: workgroup.reduce((n, size) => n * size, 1),
      subgroupSize: Number(this.#listOf("executableProperties", ofPipeline)[0]?.["subgroupSize"]),
      // Hashes are beyond what a number holds, and say nothing.
      statistics: Object.fromEntries(
        statistics.flatMap(({ name, value }) => (/hash/i.test(String(name)) ? [] : [[String(name), Number(value)]])),
      ),
      disassembly: this.#disassemblyOf(info, place),
    };
  }

  #openGpu(): Address {
    const application = this.#memory.make("application", { sType: TYPE.application, apiVersion: API_VERSION_1_3 });
    const info = this.#memory.make("instance", { sType: TYPE.instance, pApplicationInfo: application });
    const { createInstance, enumeratePhysicalDevices } = this.#vulkan;
    const instance = this.#make("vkCreateInstance", (out) => createInstance(info, null, out));
    const one = this.#memory.numbers("uint32_t", [1]);
    const gpu = this.#make("vkEnumeratePhysicalDevices", (out) => enumeratePhysicalDevices(instance, one, out));
    if (gpu === 0n) throw lacks("opens no GPU");
    return gpu;
  }

  #driverOf(gpu: Address): string {
    const driver = this.#memory.make("driver", { sType: TYPE.driver });
    this.#vulkan.getProperties(gpu, this.#memory.make("properties", { sType: TYPE.properties, pNext: driver }));
    // A distribution's own version stands behind Mesa's.
    return String(this.#memory.read("driver", driver)["driverInfo"]).replace(/-.*$/, "");
  }

  /** With every feature that there is. */
  #openDevice(gpu: Address): Address {
    const { enumerateDeviceExtensions, getFeatures, createDevice } = this.#vulkan;
    const listed = this.#memory.list("extension", {}, (count, items) =>
      check("vkEnumerateDeviceExtensionProperties", enumerateDeviceExtensions(gpu, null, count, items)),
    );
    const there = new Set(listed.map((e) => e["extensionName"]));
    if (!there.has(EXECUTABLES)) throw lacks(`has no ${EXECUTABLES}`);
    const extensions = [EXECUTABLES, RECONVERGENCE].filter((name) => there.has(name));
    const features = FEATURES.reduceRight<Address | null>(
      (pNext, name) => this.#memory.make(name, { sType: TYPE[name], pNext }),
      null,
    );
    getFeatures(gpu, features);
    const priorities = this.#memory.numbers("float", [1]);
    const info = this.#memory.make("device", {
      sType: TYPE.device,
      pNext: features,
      queueCreateInfoCount: 1,
      pQueueCreateInfos: this.#memory.make("queue", { sType: TYPE.queue, queueCount: 1, pQueuePriorities: priorities }),
      enabledExtensionCount: extensions.length,
      ppEnabledExtensionNames: this.#memory.texts(extensions),
    });
    return this.#make("vkCreateDevice", (out) => createDevice(gpu, info, null, out));
  }

  /** Of the descriptors that the shader binds: the compiler reads past the end of a layout that lacks one. */
  #makeLayout(bindings: readonly SpirvBinding[]): Address {
    const { createPipelineLayout } = this.#vulkan;
    const sets = Math.max(0, ...bindings.map((b) => b.set + 1));
    const layouts = Array.from({ length: sets }, (_, set) => this.#makeSet(bindings.filter((b) => b.set === set)));
    const info = this.#memory.make("pipelineLayout", {
      sType: TYPE.pipelineLayout,
      setLayoutCount: sets,
      pSetLayouts: this.#memory.numbers("uint64_t", layouts),
    });
    return this.#make("vkCreatePipelineLayout", (out) => createPipelineLayout(this.#device, info, null, out));
  }

  #makeSet(bindings: readonly SpirvBinding[]): Address {
    const { createSetLayout } = this.#vulkan;
    const described = bindings.map(({ binding, kind }) => ({
      binding,
      // The runtime binds its uniform, the symbols of a call, with an offset.
      descriptorType: kind === "storage" ? DESCRIPTOR.storage : DESCRIPTOR.uniformDynamic,
      descriptorCount: 1,
      stageFlags: STAGE_COMPUTE,
    }));
    const info = this.#memory.make("setLayout", {
      sType: TYPE.setLayout,
      bindingCount: described.length,
      pBindings: this.#memory.makeAll("binding", described),
    });
    return this.#make("vkCreateDescriptorSetLayout", (out) => createSetLayout(this.#device, info, null, out));
  }

  #makePipeline(spirv: Uint8Array, pName: string, layout: Address): Address {
    const { createShaderModule, createComputePipelines } = this.#vulkan;
    const pCode = this.#memory.numbers("uint8_t", spirv);
    const code = this.#memory.make("shaderModule", { sType: TYPE.shaderModule, codeSize: spirv.length, pCode });
    const module = this.#make("vkCreateShaderModule", (out) => createShaderModule(this.#device, code, null, out));
    const info = this.#memory.make("computePipeline", {
      sType: TYPE.computePipeline,
      flags: CAPTURE_ALL,
      stage: { sType: TYPE.stage, stage: STAGE_COMPUTE, module, pName },
      layout,
    });
    return this.#make("vkCreateComputePipelines", (out) => createComputePipelines(this.#device, 0, 1, info, null, out));
  }

  /** Of the compiler's texts: names and sizes are asked for first, then the texts, into memory of those sizes. */
  #disassemblyOf(info: Address, place: string): string {
    const sized = this.#listOf("executableRepresentation", info);
    const rooms = sized.map(({ dataSize }) => this.#memory.numbers("uint8_t", new Uint8Array(Number(dataSize) + 1)));
    const items = sized.map(({ dataSize }, i) => ({ sType: TYPE.executableRepresentation, dataSize, pData: rooms[i] }));
    this.#ask(
      "executableRepresentation",
      info,
      this.#memory.numbers("uint32_t", [items.length]),
      this.#memory.makeAll("executableRepresentation", items),
    );
    const text = rooms[sized.findIndex(({ name }) => name === "Assembly")];
    if (text === undefined) throw lacks(`gives no disassembly of ${place}`);
    return this.#memory.text(text);
  }

  #listOf(struct: keyof typeof EXECUTABLE_FUNCTIONS, info: Address) {
    return this.#memory.list(struct, { sType: TYPE[struct] }, (count, items) => this.#ask(struct, info, count, items));
  }

  #ask(struct: keyof typeof EXECUTABLE_FUNCTIONS, info: Address, count: Address, items: Address | null): void {
    check(EXECUTABLES, this.#executables[struct](this.#device, info, count, items));
  }

  /** The handle that a call writes. */
  #make(name: string, call: (out: Address) => number): Address {
    return this.#memory.fetch((out) => check(name, call(out)));
  }
}

function loadLoader(library: typeof koffi) {
  try {
    return library.load("libvulkan.so.1");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw missing(
      "Vulkan",
      `its loader can't be loaded: ${why}`,
      "install libvulkan1, which comes with Mesa's Vulkan drivers",
    );
  }
}

const lacks = (facts: string): Error => missing("Mesa", `its driver RADV ${facts}`, `it takes Mesa 25: ${INSTALL}`);

/** Results below 0 are errors: https://registry.khronos.org/vulkan/specs/latest/man/html/VkResult.html */
function check(name: string, result: number): void {
  if (result >= 0) return;
  throw driverFault("Mesa", `its driver RADV refuses ${name}, with the result ${result}`);
}

const mapValues = <K extends string>(record: Readonly<Record<K, string>>, call: (value: string) => Call) =>
  Object.fromEntries(Object.entries<string>(record).map(([key, value]) => [key, call(value)])) as Record<K, Call>;
