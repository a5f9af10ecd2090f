/**
 * The compiler: from a model's configuration, or any graphs, to a plan.
 * @module wgpt
 */
export * from "./compile.ts";
export { compileGpt2 } from "./compile-gpt2.ts";
