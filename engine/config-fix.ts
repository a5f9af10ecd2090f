// The edit of config.json that makes it describe the weights beside it, where their shapes leave no choice.
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { WeightSource, WgptError } from "../runtime/index.ts";
import type { ReadModel } from "./read-model.ts";

export interface FixedConfig {
  readonly fix: WgptError["fix"];
  /** What the edited file says. */
  readonly model: ReadModel;
}

/** The fix for a model, or undefined where the weights say what the config says, or nothing. */
export function fixConfig(model: ReadModel, source: WeightSource): FixedConfig | undefined {
  const { name, family } = model;
  const fitted = family.fitConfig?.(model.config, [...source.tensors.values()]);
  if (!fitted) return undefined;
  const { set, unset, config } = fitted;
  return {
    fix: {
      kind: "edit-json",
      file: join(statSync(name).isDirectory() ? name : dirname(name), "config.json"),
      set,
      ...(unset.length > 0 && { unset }),
    },
    model: { ...model, config },
  };
}
