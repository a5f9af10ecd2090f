// What a browser's half of the runtime reads over HTTP, from Node: a bundle, and checkpoints, with ranges and without.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { serveFolder } from "../../examples/browser/static-server.ts";
import { openBundleUrl } from "../../runtime/bundle-url.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import type { WeightSource } from "../../runtime/weights/source.ts";
import { openSafetensorsUrl } from "../../runtime/weights/url-source.ts";
import { seededCheckpoint } from "../support/made-models.ts";
import { f32, inFolder, makeSafetensors } from "../support/make-safetensors.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("bundle over HTTP");

const CONFIG = { n_layer: 1, n_head: 1, n_embd: 6, n_ctx: 8, vocab_size: 50 };

async function readAll(source: WeightSource): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const { name, byteLength } of source.tensors.values()) {
    const half = 4 * Math.floor(byteLength / 8);
    const parts = [await source.read(name, 0, half), await source.read(name, half, byteLength - half)];
    all.set(name, Buffer.concat(parts).toString("hex"));
  }
  await source.close();
  return all;
}

for (const shards of [1, 3])
  test(`a checkpoint in ${shards === 1 ? "one file" : "shards"} has the bytes that it has on disk`, () =>
    inFolder(seededCheckpoint(CONFIG, { shards }), async (folder) => {
      const want = await readAll(await openCheckpoint(folder));
      const server = await serveFolder(folder, 0);
      try {
        assert.equal(await readAll(await openSafetensorsUrl(server.url)), want);
        if (shards === 1) assert.equal(await readAll(await openSafetensorsUrl(`${server.url}model.safetensors`)), want);
      } finally {
        await server.close();
      }
    }));

test("a name that the metadata gives for another is known as on disk", () => {
  const metadata = { "wte.weight": "lm_head.weight" };
  const files = { "model.safetensors": makeSafetensors({ "lm_head.weight": f32([2]) }, metadata) };
  return inFolder(files, async (folder) => {
    const server = await serveFolder(folder, 0);
    try {
      const source = await openSafetensorsUrl(server.url);
      assert.equal([...(source.aliases ?? [])], [["wte.weight", "lm_head.weight"]]);
      await source.close();
    } finally {
      await server.close();
    }
  });
});

test("a server without ranges is asked for a file once", () =>
  inFolder(seededCheckpoint(CONFIG), async (folder) => {
    const want = await readAll(await openCheckpoint(folder));
    let gets = 0;
    const server = createServer((request, response) => {
      const bytes = readFileSync(join(folder, "model.safetensors"));
      response.writeHead(200, { "Content-Length": bytes.length });
      if (request.method === "HEAD") return response.end();
      gets++;
      return response.end(bytes);
    });
    const url = await listen(server);
    try {
      assert.equal(await readAll(await openSafetensorsUrl(`${url}model.safetensors`)), want);
      assert.is(gets, 1);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }));

test("what is missing, cut off or no index is named by its address", () =>
  inFolder(seededCheckpoint(CONFIG, { shards: 2 }), async (folder) => {
    const server = await serveFolder(folder, 0);
    try {
      rmSync(join(folder, "model-00002-of-00002.safetensors"));
      await rejects(openSafetensorsUrl(server.url), /model-00002-of-00002\.safetensors: the server answers 404/);
      writeFileSync(join(folder, "model.safetensors.index.json"), "{");
      await rejects(openSafetensorsUrl(server.url), /index\.json: must be JSON, but cannot be read/);
      rmSync(join(folder, "model.safetensors.index.json"));
      await rejects(openSafetensorsUrl(server.url), /index\.json: the server answers 404/);
      const files = await openBundleUrl(server.url);
      await rejects(files.text("plan.json"), /plan\.json: the server answers 404.*whole folder/s);
      await rejects(files.bytes("model-00001-of-00002.safetensors", 0, 1 << 20), /ends before byte 1048576/);
      await rejects(openSafetensorsUrl("http://localhost:1/none"), /can't be fetched/);
    } finally {
      await server.close();
    }
  }));

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://localhost:${(server.address() as AddressInfo).port}/`;
}

test.run();
