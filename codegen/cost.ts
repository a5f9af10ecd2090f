// How long a dispatch takes on a machine, predicted from what its kernel accounts for and the machine's figures.
import { DTYPE_BYTES } from "../base/dtype.ts";
import { evalDim, type SymbolValues, type Value } from "../ir/index.ts";
import type { Machine, SoftwareCosts } from "./machine.ts";
import type { Shader } from "./render-shader.ts";
import { shaderNeeds } from "./shader-needs.ts";
import type { Account } from "./work.ts";

/** What a dispatch can be bound by; `latency` is waiting for loads because too few are on their way, `launch` the dispatch itself. */
export const BOUNDS = ["launch", "memory", "latency", "cache", "arithmetic", "shared", "barriers"] as const;
/** One of {@link BOUNDS}. */
export type Bound = (typeof BOUNDS)[number];

/** A time that was reckoned and not measured. */
export interface Prediction {
  /** Of one dispatch, with its launch. */
  readonly seconds: number;
  /** What takes most of it. */
  readonly bound: Bound;
  /** Seconds that each would take by itself. */
  readonly parts: Readonly<Record<Bound, number>>;
}

/** What a dispatch asks of a machine. */
export interface Demand {
  readonly groups: number;
  /** Invocations of a workgroup. */
  readonly size: number;
  /** Bytes of workgroup memory that a workgroup takes. */
  readonly sharedBytes: number;
  /** Bytes of memory that are touched at all, each once. */
  readonly memoryBytes: number;
  /** Bytes that invocations load and store, those that neighbours share once. */
  readonly cacheBytes: number;
  /** Loads and stores of buffers, as invocations make them. */
  readonly accesses: number;
  /** Bytes of those. */
  readonly accessBytes: number;
  /** Elements that arithmetic makes of those, such as floats of halves. */
  readonly unpacked: number;
  /** How often an invocation waits for what nobody loaded before, and for what somebody did. */
  readonly waits: number;
  readonly nearWaits: number;
  readonly multiplyAdds: number;
  /** Loads and stores of workgroup memory. */
  readonly shared: number;
  /** That each workgroup waits at. */
  readonly barriers: number;
}

/** What one dispatch of a shader asks for at these lengths. */
export function demandOf(shader: Shader, symbols: SymbolValues): Demand {
  const needs = shaderNeeds(shader.wgsl);
  const size = needs?.invocations ?? 1;
  const groups = shader.groups(symbols);
  const { work, traffic } = shader.account?.(symbols) ?? touchedOnce(shader, symbols);
  let [memoryBytes, cacheBytes, accesses, accessBytes, unpacked, waits, nearWaits] = [0, 0, 0, 0, 0, 0, 0];
  const invocations = Math.max(1, work.busy ?? groups * size);
  for (const { binding, loads, stores, bytes, fetches, waits: ofAll } of traffic) {
    const { value } = binding;
    const whole = elementsIn(value, symbols) * DTYPE_BYTES[value.type.dtype];
    memoryBytes += Math.min(whole, loads * bytes) + Math.min(whole, stores * bytes);
    const firstTime = loads === 0 ? 0 : Math.min(1, whole / (loads * bytes));
    waits += (firstTime * ofAll) / invocations;
    nearWaits += ((1 - firstTime) * ofAll) / invocations;
    cacheBytes += (fetches + stores) * bytes;
    accesses += loads + stores;
    accessBytes += (loads + stores) * bytes;
    unpacked += (((loads + stores) * bytes) / DTYPE_BYTES[value.type.dtype]) * binding.unpacks;
  }
  return {
    groups,
    size,
    sharedBytes: needs?.sharedBytes ?? 0,
    memoryBytes,
    cacheBytes,
    accesses,
    accessBytes,
    unpacked,
    waits,
    nearWaits,
    multiplyAdds: work.multiplyAdds ?? 0,
    shared: work.shared ?? 0,
    barriers: work.barriers ?? 0,
  };
}

/** What is taken of a kernel that does not account for its work: that each buffer is loaded or stored once, an element at a time. */
function touchedOnce({ region }: Shader, symbols: SymbolValues): Account {
  const traffic = region.bindings.map((binding) => {
    const n = elementsIn(binding.value, symbols);
    const writes = binding.access === "read_write";
    const bytes = DTYPE_BYTES[binding.value.type.dtype];
    const loads = writes ? 0 : n;
    return { binding, loads, fetches: loads, waits: loads, stores: writes ? n : 0, bytes };
  });
  return { work: { calls: {}, multiplyAdds: Math.max(0, ...traffic.map(({ loads }) => loads)) }, traffic };
}

const elementsIn = ({ type }: Value, symbols: SymbolValues): number =>
  type.shape.reduce<number>((n, d) => n * (evalDim(d, symbols) ?? 1), 1);

/** How long a dispatch takes on a machine. */
export const predict = (demand: Demand, machine: Machine): Prediction =>
  machine.software ? onSoftware(demand, machine, machine.software) : onGpu(demand, machine);

/** Subgroups that a scheduler needs at a time to start an instruction in every clock, since each waits about as many for its own results. */
const WAVES_TO_FILL = 4;
/** What lies in the nearest cache comes in this part of the time: 39 ns of 263 on an H200 (bench/results/README.md). */
const NEAR_CACHE = 0.15;
/** A barrier takes about as long as workgroup memory does to answer, which is an eighth of what main memory takes. */
const BARRIER = 1 / 8;

/**
 * A GPU is held to its limits: bytes of memory and of the shared cache, multiply-adds and workgroup memory at the rates that the units
 * which have work reach, and Little's law for what waits (https://en.wikipedia.org/wiki/Little%27s_law): as many rounds of as many
 * invocations as are resident, each of as many waits as an invocation has. These overlap, so the longest counts; the launch and barriers
 * add to it.
 */
function onGpu(demand: Demand, machine: Machine): Prediction {
  const { units, lanes, waves, schedulers } = machine;
  const { groups, size } = demand;
  const wavesOfGroup = Math.ceil(size / lanes);
  const bySharedMemory = demand.sharedBytes > 0 ? Math.floor(machine.sharedBytes / demand.sharedBytes) : groups;
  const groupsOfUnit = Math.max(1, Math.min(Math.floor(waves / wavesOfGroup), bySharedMemory));
  const share = Math.min(1, groups / units);
  const rounds = Math.ceil(groups / (groupsOfUnit * units));
  const resident = Math.min(groupsOfUnit, Math.ceil(groups / units)) * wavesOfGroup;
  const filled = Math.min(1, resident / (schedulers * WAVES_TO_FILL));
  // Invocations of a subgroup go in lock step, those that are not there as well.
  const idle = (wavesOfGroup * lanes) / size;
  const parts = {
    launch: machine.launch,
    memory: demand.memoryBytes / machine.bandwidth,
    latency: rounds * (demand.waits + demand.nearWaits * NEAR_CACHE) * machine.latency,
    cache: demand.cacheBytes / (machine.cacheBandwidth * share),
    arithmetic: (demand.multiplyAdds * idle) / (machine.multiplyAdds.f32 * share * filled),
    shared: (4 * demand.shared) / (machine.sharedBandwidth * share),
    barriers: rounds * demand.barriers * machine.latency * BARRIER,
  };
  const { launch, barriers, ...overlapping } = parts;
  return predictionOf(launch + barriers + Math.max(...Object.values(overlapping)), parts);
}

/**
 * A software driver runs one invocation's instructions after another's on each core: their costs add up. Loads are `cache`, since they cost
 * the same wherever the bytes are, until memory can't give as many.
 */
function onSoftware(demand: Demand, { bandwidth, launch, units, lanes }: Machine, costs: SoftwareCosts): Prediction {
  const { groups, size } = demand;
  const waves = groups * Math.ceil(size / lanes);
  const uneven = (Math.ceil(groups / units) * units) / Math.max(1, groups);
  const loads = demand.accesses * costs.access + demand.accessBytes * costs.byte + demand.unpacked * costs.unpack;
  const parts = {
    launch: launch + groups * costs.group + waves * costs.wave,
    memory: demand.memoryBytes / bandwidth,
    latency: 0,
    cache: loads * uneven,
    arithmetic: demand.multiplyAdds * costs.multiplyAdd * uneven,
    shared: demand.shared * costs.shared * uneven,
    barriers: waves * demand.barriers * costs.barrier * uneven,
  };
  const { memory, latency: _none, ...added } = parts;
  return predictionOf(
    Math.max(
      memory,
      Object.values(added).reduce((a, b) => a + b),
    ),
    parts,
  );
}

function predictionOf(seconds: number, parts: Prediction["parts"]): Prediction {
  const bound = BOUNDS.reduce((most, name) => (parts[name] > parts[most] ? name : most));
  return { seconds, bound, parts };
}
