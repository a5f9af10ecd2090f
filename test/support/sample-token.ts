// Draws by the op's reference, and the settings that its tests try.
import { at } from "../../ir/errors.ts";
import { sampleToken } from "../../ir/ops/index.ts";
import { hostTensor } from "../../ir/tensor.ts";
import { runOp } from "./run-op.ts";

export interface Settings {
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
}

export const settingsData = ({ temperature, topK = 0, topP = 1 }: Settings): readonly number[] => [
  temperature,
  topK,
  topP,
];

export function drawByReference(logits: ArrayLike<number>, settings: Settings, seed: number, step = 0): number {
  const width = logits.length;
  const { results } = runOp(sampleToken, [`f32[1, ${width}]`, "f32[3]", "u32[1]"], { step }, [
    hostTensor("f32", [1, width], Array.from(logits)),
    hostTensor("f32", [3], settingsData(settings)),
    hostTensor("u32", [1], [seed]),
  ]);
  return at(at(results, 0).data, 0);
}
