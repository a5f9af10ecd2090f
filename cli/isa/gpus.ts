// Which of AMD's GPUs `--gpu` names: a described machine, or a family as Mesa's driver calls it.
import { own } from "../../base/index.ts";
import { MACHINES, type Machine } from "../../codegen/index.ts";
import { optionError } from "../../runtime/index.ts";

export interface Gpu {
  /** As it was asked for. */
  readonly name: string;
  /** `navi31`: the value of RADV_FORCE_FAMILY. */
  readonly family: string;
}

const machines: Readonly<Record<string, Machine>> = MACHINES;

/** Ids of the described machines that Mesa's driver compiles for. */
export const GPU_IDS: readonly string[] = Object.keys(machines).filter((id) => machines[id]?.radv !== undefined);

const THERE_ARE = `there are ${GPU_IDS.join(", ")}, and the families of Mesa's driver for AMD, such as navi31, gfx1201 or mi200`;

/** `rx-7900-xtx,gfx1201`; one that is given twice is taken once. */
export function readGpus(text: string): readonly Gpu[] {
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  return names.map((name) => ({ name, family: familyOf(name) }));
}

/** What to say of a family that Mesa does not know. */
export const unknownFamily = (family: string) =>
  optionError(
    "--gpu",
    `is ${family}, which is neither a machine that kernels are compiled for nor a family of Mesa's driver`,
    THERE_ARE,
  );

/** That Mesa knows a family, only Mesa can say. */
function familyOf(name: string): string {
  const machine = own(machines, name);
  if (machine?.radv !== undefined) return machine.radv;
  if (machine)
    throw optionError("--gpu", `is ${name}, but no compiler makes that GPU's machine code without it`, THERE_ARE);
  if (/^[a-z][a-z0-9_]*$/.test(name)) return name;
  throw optionError("--gpu", name === "" ? "names no GPU" : `is ${name}, which is no GPU`, THERE_ARE);
}
