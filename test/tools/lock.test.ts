// The lock file works on other machines than the one that wrote it.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { missingFromLock } from "../../tools/complete-lock.mjs";

const test = suite("lock");
const text = readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8");

test("has every system's packages, or `npm ci` refuses it; see tools/complete-lock.mjs", () => {
  assert.equal(missingFromLock(JSON.parse(text).packages), {});
});

test("names no registry, so that each machine asks its own", () => {
  assert.not.match(text, `"resolved"`);
});

test("adds an optional package under the system that its name tells", () => {
  const packages = {
    "node_modules/tool": { dev: true, optionalDependencies: { "@tool/cli-linux-x64-musl": "1.2.3" } },
  };
  assert.equal(missingFromLock(packages), {
    "node_modules/@tool/cli-linux-x64-musl": {
      version: "1.2.3",
      cpu: ["x64"],
      libc: ["musl"],
      os: ["linux"],
      dev: true,
      optional: true,
    },
  });
});

test("refuses to guess where the name tells no system", () => {
  const packages = { "node_modules/tool": { optionalDependencies: { fsevents: "1.0.0" } } };
  assert.throws(() => missingFromLock(packages), /fsevents: its name tells no system/);
});

test.run();
