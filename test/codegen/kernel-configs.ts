// Which of a kernel's configurations are tried: each value of each of their numbers, once or more.
import type { Candidate } from "../../codegen/select-kernel.ts";
import type { Config } from "../../codegen/space.ts";

/** Configurations with each value of each name once or more; a value in `seen` has been tried, and those of these are added to it. */
export function coveringConfigs(
  { kernel, configs }: Pick<Candidate, "kernel" | "configs">,
  seen: Set<string>,
): readonly Config[] {
  return configs.filter((config) => {
    // A kernel without choices has one configuration, which is empty.
    const parts = [kernel.name, ...Object.entries(config).map((part) => [kernel.name, ...part].join())];
    const isNew = parts.some((part) => !seen.has(part));
    if (isNew) for (const part of parts) seen.add(part);
    return isNew;
  });
}
