// When the setup would run `npm ci`: what is installed against what the lock file wants.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packagesAreCurrent } from "../../tools/packages.mjs";

const LOCKED = {
  "": { version: "0.1.0" },
  "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
  "node_modules/other-system": { version: "1.0.0", integrity: "sha512-o", optional: true },
};
const INSTALLED = { "node_modules/a": LOCKED["node_modules/a"] };

const test = suite("packages");
const root = mkdtempSync(join(tmpdir(), "wgpt-packages-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

test("are not current before the first install", () => {
  assert.is(check(undefined), false);
});

test("are current when all but other systems' packages are there", () => {
  assert.is(check(INSTALLED), true);
});

test("are not current when one is missing, or has another version or content", () => {
  assert.is(check({}), false);
  assert.is(check({ "node_modules/a": { version: "1.0.1", integrity: "sha512-a" } }), false);
  assert.is(check({ "node_modules/a": { version: "1.0.0", integrity: "sha512-b" } }), false);
});

test.run();

function check(installed: object | undefined): boolean {
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages: LOCKED }));
  if (installed !== undefined) {
    mkdirSync(join(root, "node_modules"), { recursive: true });
    writeFileSync(join(root, "node_modules", ".package-lock.json"), JSON.stringify({ packages: installed }));
  }
  return packagesAreCurrent(root);
}
