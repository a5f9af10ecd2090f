// The embedded model's perplexity on all the text that it was not trained on, against the figure of an independent f64
// implementation. It takes a minute or more on a software adapter; `npm test` compares the first windows alone.
//
//     node --import tsx bench/perplexity.ts TEXT
//
// TEXT is tiny shakespeare as a file, 1,115,394 bytes. Exits with 1 when the figures differ in the first 4 decimals.

import { readFileSync } from "node:fs";
import { openModel } from "../cli/open-model.ts";
import { embeddedModel } from "../engine/index.ts";
import { printAdapter } from "../runtime/index.ts";

interface Evaluation {
  readonly first_token: number;
  readonly window: number;
  readonly predicted_tokens: number;
  readonly mean_nll: number;
  readonly perplexity: number;
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("give the text's path");
const reference = JSON.parse(readFileSync(`${await embeddedModel()}/reference.json`, "utf8"));
const wanted = reference.evaluation as Evaluation;

const opened = await openModel({ progress: true });
const ids = opened.tokenizer?.encode(readFileSync(path, "utf8")) ?? [];
const began = performance.now();
const result = await opened.session.score(ids.slice(wanted.first_token), { window: wanted.window });
const seconds = (performance.now() - began) / 1000;
await opened.close();

const rows: readonly (readonly [name: string, got: number, want: number, digits: number])[] = [
  ["predicted tokens", result.tokens.length, wanted.predicted_tokens, 0],
  ["mean negative log-likelihood", result.meanNegativeLogLikelihood, wanted.mean_nll, 6],
  ["perplexity", result.perplexity, wanted.perplexity, 4],
];
for (const [name, got, want, digits] of rows) {
  const same = got.toFixed(digits) === want.toFixed(digits);
  if (!same) process.exitCode = 1;
  console.log(
    `${name.padEnd(29)} ${got.toFixed(digits)}  ${same ? "as published" : `but ${want.toFixed(digits)} is published`}`,
  );
}
console.log(
  `${seconds.toFixed(1)} s, ${Math.round(result.tokens.length / seconds)} tokens/s on ${printAdapter(opened.adapter)}`,
);
