// What examples/browser/serve.ts writes where: a new folder or its own older one, and no other.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EMBEDDED } from "../support/models.ts";

const test = suite("serve");

const root = mkdtempSync(join(tmpdir(), "wgpt-serve-"));
test.after(() => rmSync(root, { recursive: true }));
const SERVE = new URL("../../examples/browser/serve.ts", import.meta.url).pathname;
// The example imports wgpt by its name, which the project's tsconfig.json resolves to its sources.
const env = { ...process.env, TSX_TSCONFIG_PATH: new URL("../../tsconfig.json", import.meta.url).pathname };

/** What it says on stderr when it fails; empty when it does not. */
const serve = (...args: readonly string[]): Promise<string> =>
  new Promise((resolve) => {
    const command = ["--import", import.meta.resolve("tsx"), SERVE, "--model", EMBEDDED, ...args];
    execFile(process.execPath, command, { cwd: root, env }, (error, _, stderr) => resolve(error ? stderr : ""));
  });

test("--out replaces no folder that it did not write, and never the working directory", async () => {
  mkdirSync(join(root, "mine"));
  writeFileSync(join(root, "mine", "index.html"), "mine");
  assert.match(await serve("--out", join(root, "mine")), /mine: holds index\.html, but no site\.json of a site/);
  assert.match(await serve("--out", ""), /^"": is the working directory/);
  assert.match(await serve("--out", "site", "--model", ""), /^--model: is an empty path/);
  assert.equal(readdirSync(root), ["mine"]);
  assert.is(readFileSync(join(root, "mine", "index.html"), "utf8"), "mine");
});

test.run();
