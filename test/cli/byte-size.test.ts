// Sizes as a user types them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { byteSize } from "../../cli/usage.ts";

const test = suite("byte size");

test("takes bytes, powers of 1024 and powers of 1000", () => {
  assert.is(byteSize("1000"), 1000);
  assert.is(byteSize("7b"), 7);
  for (const text of ["2GiB", "2G", "2 gib", "2048M", "2097152k"]) assert.is(byteSize(text), 2 ** 31, text);
  assert.is(byteSize("1.5GB"), 1_500_000_000);
  assert.is(byteSize("0.5T"), 2 ** 39);
});

test("refuses what is no size, and nothing at all", () => {
  for (const text of ["", "0", "0GiB", "GiB", "-1G", "1 Gx", "1e9", "1GiBs", "1,5G"])
    assert.throws(() => byteSize(text), /It must be a size such as 6GiB/, text);
});

test.run();
