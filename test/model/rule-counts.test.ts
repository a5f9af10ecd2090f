// On how many sites each rule fires, for every preset and entry point: a fusion that stops matching is seen the day it does.
// `UPDATE_GOLDEN=1 npm test -- rule-counts` accepts other counts.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileGpt2 } from "../../codegen/index.ts";
import { PRESETS } from "../../ir/index.ts";
import { Explainer } from "../../passes/index.ts";

const test = suite("rule counts");
const UPDATE = process.env["UPDATE_GOLDEN"] === "1";
const FILE = new URL("../golden/rule-counts.txt", import.meta.url);

/** A line for each rule that fired: model, entry point, pass, rule, sites. */
function countsOf(model: string, weights: "f32" | "f16"): readonly string[] {
  const config = PRESETS[model];
  if (!config) throw new RangeError(`no preset ${model}`);
  const explainers = new Map<string, Explainer>();
  compileGpt2(config, {
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
    return [...counts].map(([rule, n]) => `gpt2 ${model} ${weights} ${entry} ${rule} ${n}`);
  });
}

test("each rule fires on as many sites of each preset as it did", () => {
  const lines = Object.keys(PRESETS).flatMap((model) => countsOf(model, "f32"));
  const found = `${[...lines, ...countsOf("gpt2", "f16")].join("\n")}\n`;
  if (UPDATE) writeFileSync(FILE, found);
  assert.ok(existsSync(FILE), "no golden file; UPDATE_GOLDEN=1 writes it");
  assert.fixture(found, readFileSync(FILE, "utf8"), "UPDATE_GOLDEN=1 accepts other counts");
});

test.run();
