// The perplexity of the embedded model on text it was not trained on. All 179 windows take minutes on a software adapter,
// so the first ones are compared here, one by one; bench/perplexity.ts scores all.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { score } from "../../runtime/score.ts";
import { loadTokenizer } from "../../runtime/tokenizer-files.ts";
import { onGpu } from "../support/gpu.ts";
import { EMBEDDED, withSession } from "../support/models.ts";
import { shared } from "../support/shared.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("perplexity");

const TEXT = shared("data/texts/tinyshakespeare.txt");
/** The text has 459,891 tokens, of which the model has not seen those from 413,901 on. */
const HELD_OUT = 45990;
const WINDOW = 256;
/** Nats per token of the first windows, by the interpreter in f64. */
const WINDOWS = [2.852158432123587, 3.5001442020123084, 3.593611099430535, 3.5974221897504775];
/** Logits within 1e-4, errors of either sign, averaged over 256 tokens. The total is published to 6 decimals. */
const BOUND = 1e-5;

/** The tokens of the held-out part. Only the end of the text is encoded: cut at a blank line, it has the same tokens. */
async function heldOut(path: string): Promise<readonly number[]> {
  const text = readFileSync(path, "utf8");
  const end = text.slice(text.indexOf("\n\n", 970_000) + 2);
  const tokenizer = await loadTokenizer(EMBEDDED);
  return tokenizer?.encode(end).slice(-HELD_OUT) ?? [];
}

const TITLE = "the first held-out windows are as likely as in f64";
if (TEXT === undefined) skipUnless(test, TEXT, "no ../shared/data/texts/tinyshakespeare.txt")(TITLE, () => {});
else
  onGpu(test)(TITLE, (gpu) =>
    withSession(gpu, EMBEDDED, {}, async (session) => {
      const ids = (await heldOut(TEXT)).slice(0, WINDOWS.length * WINDOW + 1);
      const { tokens, leftOut } = await score(session, ids, { window: WINDOW });
      assert.is(tokens.length, WINDOWS.length * WINDOW);
      assert.is(leftOut, 0);
      WINDOWS.forEach((want, i) => {
        const window = tokens.slice(i * WINDOW, (i + 1) * WINDOW);
        const mean = -window.reduce((sum, t) => sum + t.logProbability, 0) / WINDOW;
        assert.ok(Math.abs(mean - want) <= BOUND, `window ${i}: ${mean} nats per token, but should be ${want}`);
      });
    }),
  );

test.run();
