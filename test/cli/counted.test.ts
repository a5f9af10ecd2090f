// Numbers of things, as a message says them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { counted } from "../../cli/counted.ts";

const test = suite("counted");

test("one is one, and none are many", () => {
  assert.equal(
    [0, 1, 2].map((n) => counted(n, "kernel")),
    ["0 kernels", "1 kernel", "2 kernels"],
  );
  assert.is(counted(2, "dispatch", "dispatches"), "2 dispatches");
});

test.run();
