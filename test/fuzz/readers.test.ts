// A short part of `npm run fuzz`: the same cases of each reader on every machine.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fuzzReader, READER_NAMES } from "./readers.ts";

const test = suite("fuzz of readers");

for (const name of READER_NAMES)
  test(`300 cases of ${name} end in what was read or in a line that says why not`, async () => {
    const { accepted, refusals, faults } = await fuzzReader(name, 1, 300);
    assert.equal(faults, []);
    assert.ok(accepted >= 15, `only ${accepted} are read`);
    assert.ok(refusals.size >= 5, `only ${refusals.size} refusals`);
  });

test.run();
