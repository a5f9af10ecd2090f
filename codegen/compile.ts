/**
 * The compiler, from a model's configuration or any graphs to a plan. Read this first, then compile-source.ts, which has the steps.
 */
import type { EntrySpec, Family, ModelConfig } from "../ir/index.ts";
import { type Compilation, type CompileOptions, compileSource, modelSource } from "./compile-source.ts";
import { withWayOut } from "./way-out.ts";

export { ENTRY_NAMES, type EntryName, type EntrySpec, type Family } from "../ir/index.ts";
export { type BatchOptions, batchSpec, compileBatch } from "./compile-batch.ts";
export type { Compilation, CompiledEntry, CompileOptions } from "./compile-source.ts";
export type { ComputedNode } from "./lower.ts";
export { definePlugin, type PlacedPass, type Plugin, type PluginSpec } from "./plugin.ts";
export { extend, standard, type Toolkit } from "./toolkit.ts";

/**
 * Compiles a model of a family: `prefill` and `decode` give the last position's logits and append the token drawn from them;
 * `logits` gives every position's and draws nothing.
 * @throws CompileError for a pass to leave out that there is none of, and a model that the target can't hold: with what would
 * make it fit, if anything does.
 */
export const compileModel = <C extends ModelConfig>(
  family: Family<C>,
  config: C,
  options: CompileOptions = {},
): Compilation => withWayOut(config, options, (c, o) => compileSource(modelSource(family, c, o), o));

/**
 * Compiles any graphs that share their weights and states by name.
 * @throws CompileError for a graph that is not valid, a symbol without a largest value, a node that no kernel of the target takes,
 * and a plan beyond its limits.
 */
export const compileEntries = (
  name: string,
  entries: readonly EntrySpec[],
  options: CompileOptions = {},
): Compilation => compileSource({ name, entries }, options);
