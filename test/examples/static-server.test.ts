// The small server of examples/browser: ranges as browsers ask for them, and nothing from outside its folder.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { serveFolder } from "../../examples/browser/static-server.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("static-server");
const root = mkdtempSync(join(tmpdir(), "wgpt-static-"));
mkdirSync(join(root, "site", "empty"), { recursive: true });
writeFileSync(join(root, "site", "index.html"), "0123456789");
writeFileSync(join(root, "secret.txt"), "secret");
const server = await serveFolder(join(root, "site"), 0);
test.after(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

const get = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(new URL(path, server.url), { headers });
  return [response.status, await response.text(), response.headers.get("content-range")] as const;
};

test("gives a folder's index, whole", async () => {
  assert.equal(await get("/"), [200, "0123456789", null]);
});

test("gives a range in the middle, to the end, and of the end, and never beyond it", async () => {
  assert.equal(await get("/", { Range: "bytes=2-4" }), [206, "234", "bytes 2-4/10"]);
  assert.equal(await get("/", { Range: "bytes=7-" }), [206, "789", "bytes 7-9/10"]);
  assert.equal(await get("/", { Range: "bytes=-2" }), [206, "89", "bytes 8-9/10"]);
  assert.equal(await get("/", { Range: "bytes=8-99" }), [206, "89", "bytes 8-9/10"]);
  assert.equal(await get("/", { Range: "bytes=10-12" }), [416, "", "bytes */10"]);
});

test("gives the whole for ranges that it does not know", async () => {
  assert.equal(await get("/", { Range: "bytes=0-1,3-4" }), [200, "0123456789", null]);
  assert.equal(await get("/", { Range: "lines=0-1" }), [200, "0123456789", null]);
});

test("tells a file's length without sending it", async () => {
  const response = await fetch(server.url, { method: "HEAD" });
  assert.is(response.headers.get("content-length"), "10");
  assert.is(await response.text(), "");
});

test("refuses whatever changes something, and says what it takes", async () => {
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
    const response = await fetch(server.url, { method });
    assert.equal(
      [response.status, response.headers.get("allow"), await response.text()],
      [405, "GET, HEAD", ""],
      method,
    );
  }
});

test("says what each file is, with a policy that lets a page load its own files and scripts alone", async () => {
  const script = ' { "imports": {} } ';
  writeFileSync(
    join(root, "site", "page.html"),
    `<script type="importmap">${script}</script><script src="a.js"></script>`,
  );
  const hash = createHash("sha256").update(script).digest("base64");
  const head = async (path: string) => (await fetch(new URL(path, server.url))).headers;
  for (const path of ["/page.html", "/none", "/"])
    assert.is((await head(path)).get("x-content-type-options"), "nosniff", path);
  const policy = (await head("/page.html")).get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; /);
  assert.ok(policy.includes(`script-src 'self' 'sha256-${hash}';`), policy);
  assert.not.match(policy, /unsafe/);
  assert.match((await head("/none")).get("content-security-policy") ?? "", /^default-src 'none'/);
});

test("has nothing for a missing file, a folder, and a way out of its own", async () => {
  for (const path of ["/none", "/empty", "/empty/", "/%00", "/%zz"]) assert.is((await get(path))[0], 404, path);
  for (const path of ["/../secret.txt", "/..%2fsecret.txt", "//../secret.txt"]) {
    // By hand, because `fetch` tidies the path up.
    const status = await new Promise((resolve, reject) =>
      request(server.url, { path }, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end(),
    );
    assert.is(status, 404, path);
  }
});

test("says which port is taken, and the way out", async () => {
  const { port } = new URL(server.url);
  await rejects(serveFolder(root, Number(port)), new RegExp(`^port ${port}: can't be served from: .*\nhint: .*--port`));
});

test.run();
