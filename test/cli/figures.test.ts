// Figures and words as tables print them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { digits, percent, printSeconds, rate, short, wrapped } from "../../cli/figures.ts";

const test = suite("figures");

test("have three digits, whatever their size", () => {
  assert.equal([0.0123456, 9.999, 99.94, 99.96, 1234.5].map(digits), ["0.0123", "10.0", "99.9", "100", "1235"]);
  assert.equal([0, 0.004, 0.01, 7.8].map(rate), ["0.00", "<0.01", "0.0100", "7.80"]);
  assert.equal([0, 384, 999.6, 2304, 1.36e9].map(short), ["0", "384", "1.00 k", "2.30 k", "1.36 G"]);
});

test("times take the unit in which they are 1 or more", () => {
  assert.equal([0, 1.9e-6, 0.9996e-3, 0.0104, 2.5].map(printSeconds), [
    "0.00 µs",
    "1.90 µs",
    "1.00 ms",
    "10.4 ms",
    "2.50 s",
  ]);
  assert.is(percent(0.2344), "23.4 %");
});

test("words are wrapped, and each line indented", () => {
  assert.equal(wrapped(["aaa", "bbb", "cc", "dddddddd"], "  ", 9), ["  aaa bbb", "  cc", "  dddddddd"]);
  assert.equal(wrapped([], "  ", 9), []);
});

test.run();
