// What a machine is made of, as far as the time of a kernel depends on it. What it allows stands in its target.

/** Seconds that a software driver takes for what kernels do, all cores together; they add up. */
export interface SoftwareCosts {
  /** A workgroup. */
  readonly group: number;
  /** A subgroup of it. */
  readonly wave: number;
  /** A load or store of a buffer, and each byte of it. */
  readonly access: number;
  readonly byte: number;
  /** An element that is unpacked, such as a float of a half. */
  readonly unpack: number;
  readonly multiplyAdd: number;
  /** A load or store of workgroup memory. */
  readonly shared: number;
  /** A barrier, for each subgroup. */
  readonly barrier: number;
}

/** A machine in figures: what a cost model reckons with. Every figure is of the whole machine unless it says "of a unit". */
export interface Machine {
  readonly id: string;
  readonly summary: string;
  /** Runs on the processor, where its units are cores, at these costs; absent for a GPU. */
  readonly software?: SoftwareCosts;
  /** Where the figures are from: addresses, and in words what was measured or estimated, and how. */
  readonly sources: readonly string[];
  /** Compute units: NVIDIA's SM, AMD's CU, Intel's Xe core, Apple's GPU core; cores of a software machine. */
  readonly units: number;
  /** Invocations that go in lock step: a subgroup. */
  readonly lanes: number;
  /** Subgroups that a unit holds at most at a time. */
  readonly waves: number;
  /** Parts of a unit that each issue an instruction of a subgroup on their own. */
  readonly schedulers: number;
  /** Registers of 32 bits of a unit, for all invocations that it holds. */
  readonly registers: number;
  /** Bytes of workgroup memory of a unit; what one workgroup may take, the target's limits say. */
  readonly sharedBytes: number;
  /** Bytes a second of main memory. */
  readonly bandwidth: number;
  /** Seconds from a load to its value out of main memory that nobody else loads from. */
  readonly latency: number;
  /** Bytes of the last cache that all units share. */
  readonly cacheBytes: number;
  /** Bytes a second out of that cache. */
  readonly cacheBandwidth: number;
  /** Bytes a second of workgroup memory, all units together. */
  readonly sharedBandwidth: number;
  /** Multiply-adds a second without matrix units; each is two of a vendor's operations. */
  readonly multiplyAdds: Readonly<Record<"f32" | "f16", number>>;
  /** Whether halves are read faster as f16 than as pairs in integers that are unpacked. */
  readonly nativeHalves: boolean;
  /** Seconds that a dispatch costs which waits for the one before, besides its work. */
  readonly launch: number;
  /** `RADV_FORCE_FAMILY` with which Mesa's AMD driver compiles for it without the GPU. */
  readonly radv?: string;
}
