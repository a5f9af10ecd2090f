// What every command that compiles a model takes to say how much of the GPU's memory the model may have.
import { Option } from "commander";
import { ASKED_DTYPES, type AskedDType } from "../engine/index.ts";
import { byteSize, wholeNumber } from "./usage.ts";

export interface MemoryOptions {
  readonly dtype: AskedDType;
  readonly context?: number;
}

/** Of commands that load a model. */
export interface LoadOptions extends MemoryOptions {
  readonly memoryLimit?: number;
}

export const dtypeOption = (): Option =>
  new Option("--dtype <dtype>", "how matrices lie in memory; auto: f16 where the file has f16, else f32")
    .choices(ASKED_DTYPES)
    .default("auto");

export const contextOption = (): Option =>
  new Option("--context <n>", "make room for n tokens (default: all that the model can take)").argParser(wholeNumber);

export const memoryLimitOption = (): Option =>
  new Option("--memory-limit <size>", "refuse a model that needs more, such as 6GiB").argParser(byteSize);
