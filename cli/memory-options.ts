// What every command that compiles a model takes to say how much of the GPU's memory the model may have.
import { Option } from "commander";
import { type Gpt2Config, shortenContext } from "../ir/index.ts";
import { byteSize, wholeNumber } from "./usage.ts";

const DTYPES = ["auto", "f32", "f16"] as const;
/** `auto`: as the checkpoint has them. */
export type AskedDType = (typeof DTYPES)[number];

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
    .choices(DTYPES)
    .default("auto");

export const contextOption = (): Option =>
  new Option("--context <n>", "make room for n tokens (default: all that the model can take)").argParser(wholeNumber);

export const memoryLimitOption = (): Option =>
  new Option("--memory-limit <size>", "refuse a model that needs more, such as 6GiB").argParser(byteSize);

export const withContext = (config: Gpt2Config, context: number | undefined): Gpt2Config =>
  context === undefined ? config : shortenContext(config, context);
