// A short part of `npm run fuzz`: the same folders on every machine.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adapter } from "../support/gpu.ts";
import { skipUnless } from "../support/skip.ts";
import { fuzzFolders } from "./checkpoint-folders.ts";
import { seededRandom } from "./mutate.ts";

const test = suite("fuzz of checkpoint folders");

skipUnless(
  test,
  adapter,
  "no Vulkan adapter",
)("100 folders made wrong end in a run or a refusal, and every fix leads on", async () => {
  const { cases, generated, refusals, faults } = await fuzzFolders(1, 100);
  assert.equal(faults, []);
  assert.ok(generated >= cases / 4, `only ${generated} of ${cases} generate`);
  assert.ok(refusals.size >= 20, `only ${refusals.size} refusals`);
});

test("a seed gives the same numbers, and another seed others", () => {
  const four = (seed: number) => Array.from({ length: 4 }, seededRandom(seed));
  assert.equal(four(7), four(7));
  assert.not.equal(four(7), four(8));
  assert.ok(four(7).every((x) => x >= 0 && x < 1));
});

test.run();
