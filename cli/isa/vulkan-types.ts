// The structs and functions of Vulkan that compiling a compute shader takes, as koffi wants them. Members stand in the order of
// the specification (https://registry.khronos.org/vulkan/specs/latest/html/vkspec.html); handles and pointers are BigInts.
import type koffi from "koffi";

type Koffi = typeof koffi;

/** The values of `sType`. */
export const TYPE = {
  application: 0,
  instance: 1,
  queue: 2,
  device: 3,
  shaderModule: 16,
  stage: 18,
  computePipeline: 29,
  pipelineLayout: 30,
  setLayout: 32,
  features: 1000059000,
  properties: 1000059001,
  driver: 1000196000,
  features11: 49,
  features12: 51,
  features13: 53,
  executableFeatures: 1000269000,
  pipelineInfo: 1000269001,
  executableProperties: 1000269002,
  executableInfo: 1000269003,
  executableStatistic: 1000269004,
  executableRepresentation: 1000269005,
} as const;

export const API_VERSION_1_3 = (1 << 22) | (3 << 12);
export const STAGE_COMPUTE = 0x20;
/** Statistics, and the compiler's own texts. */
export const CAPTURE_ALL = 0x40 | 0x80;
export const DESCRIPTOR = { storage: 7, uniformDynamic: 8 } as const;

/** How many VkBool32 a struct of features holds. */
const FEATURES = { features: 55, features11: 12, features12: 47, features13: 15, executableFeatures: 1 } as const;

/** The structs by short names; each begins with `sType` and `pNext`, where Vulkan's has them. */
export function defineStructs(koffi: Koffi) {
  const chained = <M extends Parameters<Koffi["struct"]>[0] & object>(members: M) =>
    koffi.struct({ sType: "uint32_t", pNext: "void *", ...members });
  const text = koffi.array("char", 256, "String");
  const features = (count: number) => chained({ values: koffi.array("uint32_t", count, "Array") });
  const stage = chained({
    flags: "uint32_t",
    stage: "uint32_t",
    module: "uint64_t",
    pName: "const char *",
    pSpecializationInfo: "void *",
  });
  return {
    application: chained({
      pApplicationName: "const char *",
      applicationVersion: "uint32_t",
      pEngineName: "const char *",
      engineVersion: "uint32_t",
      apiVersion: "uint32_t",
    }),
    instance: chained({
      flags: "uint32_t",
      pApplicationInfo: "void *",
      enabledLayerCount: "uint32_t",
      ppEnabledLayerNames: "void *",
      enabledExtensionCount: "uint32_t",
      ppEnabledExtensionNames: "void *",
    }),
    queue: chained({
      flags: "uint32_t",
      queueFamilyIndex: "uint32_t",
      queueCount: "uint32_t",
      pQueuePriorities: "void *",
    }),
    device: chained({
      flags: "uint32_t",
      queueCreateInfoCount: "uint32_t",
      pQueueCreateInfos: "void *",
      enabledLayerCount: "uint32_t",
      ppEnabledLayerNames: "void *",
      enabledExtensionCount: "uint32_t",
      ppEnabledExtensionNames: "void *",
      pEnabledFeatures: "void *",
    }),
    features: features(FEATURES.features),
    features11: features(FEATURES.features11),
    features12: features(FEATURES.features12),
    features13: features(FEATURES.features13),
    executableFeatures: features(FEATURES.executableFeatures),
    // The rest of VkPhysicalDeviceProperties is limits, in a room that is large enough for them.
    properties: chained({
      versionsAndIds: koffi.array("uint32_t", 5, "Array"),
      deviceName: text,
      rest: koffi.array("uint64_t", 100, "Array"),
    }),
    driver: chained({ driverID: "uint32_t", driverName: text, driverInfo: text, conformanceVersion: "uint32_t" }),
    extension: koffi.struct({ extensionName: text, specVersion: "uint32_t" }),
    shaderModule: chained({ flags: "uint32_t", codeSize: "size_t", pCode: "void *" }),
    binding: koffi.struct({
      binding: "uint32_t",
      descriptorType: "uint32_t",
      descriptorCount: "uint32_t",
      stageFlags: "uint32_t",
      pImmutableSamplers: "void *",
    }),
    setLayout: chained({ flags: "uint32_t", bindingCount: "uint32_t", pBindings: "void *" }),
    pipelineLayout: chained({
      flags: "uint32_t",
      setLayoutCount: "uint32_t",
      pSetLayouts: "void *",
      pushConstantRangeCount: "uint32_t",
      pPushConstantRanges: "void *",
    }),
    computePipeline: chained({
      flags: "uint32_t",
      stage,
      layout: "uint64_t",
      basePipelineHandle: "uint64_t",
      basePipelineIndex: "int32_t",
    }),
    pipelineInfo: chained({ pipeline: "uint64_t" }),
    executableInfo: chained({ pipeline: "uint64_t", executableIndex: "uint32_t" }),
    executableProperties: chained({ stages: "uint32_t", name: text, description: text, subgroupSize: "uint32_t" }),
    executableStatistic: chained({ name: text, description: text, format: "uint32_t", value: "uint64_t" }),
    executableRepresentation: chained({
      name: text,
      description: text,
      isText: "uint32_t",
      dataSize: "size_t",
      pData: "void *",
    }),
  };
}

export type Structs = ReturnType<typeof defineStructs>;

/** A pointer or a handle. */
export type Address = bigint;

/** Vulkan's functions, by what is called; pointers to structs are addresses. Those that give a result give it as a number. */
export const FUNCTIONS = {
  createInstance: "int vkCreateInstance(void *info, void *allocator, void *instance)",
  enumeratePhysicalDevices: "int vkEnumeratePhysicalDevices(void *instance, void *count, void *devices)",
  enumerateDeviceExtensions:
    "int vkEnumerateDeviceExtensionProperties(void *gpu, void *layer, void *count, void *properties)",
  getFeatures: "void vkGetPhysicalDeviceFeatures2(void *gpu, void *features)",
  getProperties: "void vkGetPhysicalDeviceProperties2(void *gpu, void *properties)",
  createDevice: "int vkCreateDevice(void *gpu, void *info, void *allocator, void *device)",
  createShaderModule: "int vkCreateShaderModule(void *device, void *info, void *allocator, void *module)",
  createSetLayout: "int vkCreateDescriptorSetLayout(void *device, void *info, void *allocator, void *layout)",
  createPipelineLayout: "int vkCreatePipelineLayout(void *device, void *info, void *allocator, void *layout)",
  createComputePipelines:
    "int vkCreateComputePipelines(void *device, uint64_t cache, uint32_t count, void *infos, void *allocator, void *pipelines)",
  getDeviceFunction: "void *vkGetDeviceProcAddr(void *device, const char *name)",
} as const;

/** Of the extension VK_KHR_pipeline_executable_properties, which the loader has no symbols of. */
export const EXECUTABLE_FUNCTIONS = {
  executableProperties: "int vkGetPipelineExecutablePropertiesKHR(void *device, void *info, void *count, void *items)",
  executableStatistic: "int vkGetPipelineExecutableStatisticsKHR(void *device, void *info, void *count, void *items)",
  executableRepresentation:
    "int vkGetPipelineExecutableInternalRepresentationsKHR(void *device, void *info, void *count, void *items)",
} as const;
