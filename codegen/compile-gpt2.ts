// The compiler for the family that most callers want.
import { type Gpt2Config, gpt2 } from "../ir/index.ts";
import { type Compilation, type CompileOptions, compileModel } from "./compile.ts";

/**
 * Compiles a GPT-2, whose tokens stay on the GPU, in the state `tokens`.
 * @throws CompileError as `compileModel` does.
 */
export const compileGpt2 = (config: Gpt2Config, options: CompileOptions = {}): Compilation =>
  compileModel(gpt2, config, options);
