// All passes, all but one, and none that fuses: the logits and the caches stay what the primitive graph gives.
import { suite } from "uvu";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { buildGpt2 } from "../../ir/models/gpt2/graph.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { runPasses } from "../../passes/pass.ts";
import { type PipelineOptions, pipeline } from "../../passes/pipeline.ts";
import { FUSING_PASSES } from "../support/fusing-passes.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";
import { entryPoints, tinyConfigs, tinyGpt2 } from "./gpt2-variants.ts";

const test = suite("pipeline: numbers");

// Both sides run in f64; two layers in another order of operations move a few of the last of 53 bits.
const REORDERED = { rtol: 1e-9, atol: 1e-9 };

const SIZES: SymbolValues = { T: 3, P: 2 };

function expectSameNumbers(
  graph: Graph,
  symbols: SymbolValues,
  disable: readonly string[],
  label: string,
  options: PipelineOptions = {},
): void {
  const sizes = { ...SIZES, ...symbols };
  const inputs = new Map(graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, sizes, i + 1)]));
  const wanted = interpret(graph, inputs, sizes);
  interpret(runPasses(graph, pipeline({ ...options, symbols, disable })), inputs, sizes).forEach((tensor, i) => {
    assertClose(tensor, at(wanted, i), REORDERED, `${label}: ${at(graph.results, i).name}`);
  });
}

test("every config, and every entry point in turn", () => {
  tinyConfigs.forEach((config, i) => {
    const one = tinyGpt2({ n_layer: 1, ...config });
    const { name, graph, symbols } = at([...entryPoints(one, JSON.stringify(config))], i % 4);
    expectSameNumbers(graph, symbols, [], name);
  });
});

test("every entry point", () => {
  for (const { name, graph, symbols } of entryPoints(tinyGpt2())) expectSameNumbers(graph, symbols, [], name);
});

test("with each pass left out", () => {
  for (const symbols of [{ T: 1 }, {}])
    for (const { name } of pipeline().slice(1))
      expectSameNumbers(buildGpt2(tinyGpt2()), symbols, [name], `without ${name}`);
});

test("with all fusing passes left out", () => {
  for (const { name, graph, symbols } of entryPoints(tinyGpt2()))
    expectSameNumbers(graph, symbols, FUSING_PASSES, name);
});

test("with everything left out but the one that binds", () => {
  const all = pipeline()
    .map((p) => p.name)
    .slice(1);
  expectSameNumbers(buildGpt2(tinyGpt2()), { T: 1 }, all, "bound only");
});

test("with one fusing pass alone", () => {
  for (const only of FUSING_PASSES)
    expectSameNumbers(
      buildGpt2(tinyGpt2()),
      { T: 1 },
      FUSING_PASSES.filter((p) => p !== only),
      `only ${only}`,
    );
});

test("with weights in parts, as a target with small bindings has them", () => {
  for (const tie_word_embeddings of [true, false])
    for (const { name, graph, symbols } of entryPoints(tinyGpt2({ tie_word_embeddings })))
      expectSameNumbers(graph, symbols, [], name, { maxWeightBytes: 256 });
});

test("at the first step, where nothing is past", () => {
  for (const T of [1, 4]) expectSameNumbers(buildGpt2(tinyGpt2()), { T, P: 0 }, [], `T=${T}, P=0`);
});

test.run();
