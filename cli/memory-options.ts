// What every command that compiles a model takes to say how much of the GPU's memory the model may have.
import { Option } from "commander";
import { ASKED_DTYPES, type AskedDType, CACHE_DTYPES } from "../engine/index.ts";
import type { CacheDType } from "../passes/index.ts";
import { byteSize, wholeNumber } from "./usage.ts";

export interface MemoryOptions {
  readonly dtype: AskedDType;
  readonly cacheDtype?: CacheDType;
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

export const cacheDtypeOption = (): Option =>
  new Option("--cache-dtype <dtype>", "how keys and values lie in memory; f16 takes half, and rounds them")
    .choices(CACHE_DTYPES)
    .default("f32");

/** `f16 weights`, and what is said of the caches where they are not as usual. */
export const printDtypes = ({ dtype, cacheDtype }: { readonly dtype: string; readonly cacheDtype: string }): string =>
  `${dtype} weights${cacheDtype === "f32" ? "" : ` and ${cacheDtype} caches`}`;

/** What a compilation is told of the caches. */
export const cachesOf = ({ cacheDtype }: MemoryOptions): { readonly caches?: CacheDType } =>
  cacheDtype === undefined ? {} : { caches: cacheDtype };

export const contextOption = (): Option =>
  new Option("--context <n>", "make room for n tokens (default: all that the model can take)").argParser(wholeNumber);

export const memoryLimitOption = (): Option =>
  new Option("--memory-limit <size>", "refuse a model that needs more, such as 6GiB").argParser(byteSize);
