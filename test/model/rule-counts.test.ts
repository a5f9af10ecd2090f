// On how many sites each rule fires, for every preset and entry point: a fusion that stops matching is seen the day it does.
// `UPDATE_GOLDEN=1 npm test -- rule-counts` accepts other counts.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileModel } from "../../codegen/index.ts";
import { llama } from "../../examples/llama/plugin.ts";
import { type Family, gpt2 } from "../../ir/index.ts";
import { Explainer } from "../../passes/index.ts";

const test = suite("rule counts");
const UPDATE = process.env["UPDATE_GOLDEN"] === "1";
const FILE = new URL("../golden/rule-counts.txt", import.meta.url);

/** A line for each rule that fired: family, model, entry point, pass, rule, sites; and the dispatches that are left. */
function countsOf(family: Family, model: string, weights: "f32" | "f16"): readonly string[] {
  const config = family.presets[model];
  if (!config) throw new RangeError(`no preset ${model}`);
  const explainers = new Map<string, Explainer>();
  const { plan } = compileModel(family, config, {
    weights,
    allowExcess: true,
    observe: (entry) => {
      const explainer = new Explainer();
      explainers.set(entry, explainer);
      return [explainer];
    },
  });
  return [...explainers].flatMap(([entry, { reports }]) => {
    const counts = new Map<string, number>();
    for (const { pass, rule, refusal } of reports)
      if (!refusal) counts.set(`${pass} ${rule}`, (counts.get(`${pass} ${rule}`) ?? 0) + 1);
    const dispatches = plan.entries.find((e) => e.name === entry)?.steps.length;
    const head = `${family.name} ${model} ${weights} ${entry}`;
    return [...[...counts].map(([rule, n]) => `${head} ${rule} ${n}`), `${head} dispatches ${dispatches}`];
  });
}

test("each rule fires on as many sites of each preset as it did", () => {
  const lines = [gpt2, llama].flatMap((family) =>
    Object.keys(family.presets).flatMap((model) => countsOf(family, model, "f32")),
  );
  const found = `${[...lines, ...countsOf(gpt2, "gpt2", "f16")].join("\n")}\n`;
  if (UPDATE) writeFileSync(FILE, found);
  assert.ok(existsSync(FILE), "no golden file; UPDATE_GOLDEN=1 writes it");
  assert.fixture(found, readFileSync(FILE, "utf8"), "UPDATE_GOLDEN=1 accepts other counts");
});

test.run();
