// Servers that drop, stall, lie and never end, and what is made of them: the bytes all the same, or one line that names the address.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openBundleUrl } from "../../runtime/bundle-url.ts";
import type { Patience } from "../../runtime/download.ts";
import { openSafetensorsUrl } from "../../runtime/weights/url-source.ts";
import { f32, makeSafetensors } from "../support/make-safetensors.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("download");

const QUICK: Patience = { idleMs: 300, tries: 3, backoffMs: 5 };
const FILE = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Runs `body` with the address of a server that answers so, and tells the `Range` of each request. */
async function served<T>(
  answer: Answer,
  body: (url: string, ranges: (string | undefined)[]) => Promise<T>,
): Promise<T> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    if (request.method === "GET") ranges.push(request.headers.range);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ranges);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** The first and the last byte that are asked for. */
const asked = ({ headers: { range = "" } }: IncomingMessage): readonly [number, number] => {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
  return [Number(from), Number(to)];
};
const sendRange: Answer = (request, response) => {
  const [from, to] = asked(request);
  const end = Math.min(to, FILE.length - 1);
  response.writeHead(206, { "Content-Range": `bytes ${from}-${end}/${FILE.length}`, "Content-Length": end + 1 - from });
  response.end(FILE.subarray(from, end + 1));
};
const read = async (url: string, offset: number, length: number): Promise<Uint8Array> =>
  (await openBundleUrl(url, "the way out", QUICK)).bytes("w.bin", offset, length);
const readText = async (url: string): Promise<string> =>
  (await openBundleUrl(url, "the way out", QUICK)).text("plan.json");

test("a connection that drops is taken up where it ended", () =>
  served(
    (request, response) => {
      const [from, to] = asked(request);
      response.writeHead(206, { "Content-Range": `bytes ${from}-${to}/1000`, "Content-Length": to + 1 - from });
      response.write(FILE.subarray(from, Math.min(from + 100, to + 1)));
      setTimeout(() => response.destroy(), 20);
    },
    async (url, ranges) => {
      assert.equal(await read(url, 300, 250), FILE.slice(300, 550));
      assert.equal(ranges, ["bytes=300-549", "bytes=400-549", "bytes=500-549"]);
    },
  ));

test("a server's passing trouble is waited out, and what stays is told with its address and the way out", () => {
  let busy = 2;
  return served(
    (request, response) => (busy-- > 0 ? response.writeHead(503).end() : sendRange(request, response)),
    async (url, ranges) => {
      assert.equal(await read(url, 0, 10), FILE.slice(0, 10));
      assert.is(ranges.length, 3);
      busy = 9;
      await rejects(
        read(url, 0, 10),
        new RegExp(`^${url}w.bin: the server answers 503 \\(3 tries\\)\nhint: the way out`),
      );
      await rejects(readText(url), /plan\.json: the server answers 503/);
      await rejects(openSafetensorsUrl(url, QUICK), /model\.safetensors: the server answers 503/);
    },
  );
});

test("one that says no is not asked again", () =>
  served(
    (_, response) => response.writeHead(403).end(),
    async (url, ranges) => {
      await rejects(read(url, 0, 10), /w\.bin: the server answers 403/);
      assert.is(ranges.length, 1);
    },
  ));

test("what drops each time, never answers or stalls is given up", async () => {
  await served(
    (_, response) => response.destroy(),
    async (url, ranges) => {
      await rejects(read(url, 0, 10), /w\.bin: can't be fetched: .* \(3 tries\)\nhint: the way out/);
      assert.is(ranges.length, 3);
      await rejects(readText(url), /plan\.json: can't be fetched: .* \(3 tries\)/);
    },
  );
  const began = performance.now();
  await served(
    () => {},
    (url) => rejects(read(url, 0, 10), /w\.bin: can't be fetched: 300 ms brought nothing \(3 tries\)/),
  );
  await served(
    (_, response) => response.writeHead(206, { "Content-Range": "bytes 0-9/1000" }).flushHeaders(),
    (url) => rejects(read(url, 0, 10), /w\.bin: can't be fetched: 300 ms brought nothing/),
  );
  await served(
    (_, response) => response.writeHead(200, { "Content-Length": "5" }).write("a"),
    (url) => rejects(readText(url), /plan\.json: can't be fetched: 300 ms brought nothing/),
  );
  const closed = await served(sendRange, async (url) => url);
  await rejects(read(closed, 0, 10), /w\.bin: can't be fetched: .*ECONNREFUSED/);
  assert.ok(performance.now() - began < 10_000, `it took ${performance.now() - began} ms`);
});

test("one byte now and then is too slow, however often it comes", () =>
  served(
    (request, response) => {
      const [from, to] = asked(request);
      response.writeHead(206, { "Content-Range": `bytes ${from}-${to}/1000` });
      const timer = setInterval(() => response.write("a"), 100);
      response.on("close", () => clearInterval(timer));
    },
    async (url) => {
      const began = performance.now();
      await rejects(read(url, 0, 900), /w\.bin: can't be fetched: /);
      assert.ok(performance.now() - began < 5000);
    },
  ));

test("another range than the one that was asked for is refused, and so are more bytes and another file", async () => {
  const answer = (range: string | undefined, bytes: number, more: Readonly<Record<string, string>> = {}): Answer => {
    const headers = { ...(range !== undefined && { "Content-Range": range }), ...more };
    return (_, response) => response.writeHead(206, headers).end(FILE.subarray(0, bytes));
  };
  const says = (message: RegExp) => (url: string) => rejects(read(url, 100, 10), message);
  await served(
    answer("bytes 0-9/1000", 10),
    says(/w\.bin: bytes 100-109 were asked for, but the server sends bytes 0-9\/1000/),
  );
  await served(answer("bytes 100-200/1000", 101), says(/but the server sends bytes 100-200/));
  await served(answer("pages 1-2", 10), says(/but the server sends pages 1-2/));
  await served(answer("bytes 100-109/1000", 11), says(/but the server sends more than that/));
  await served(answer(undefined, 11), says(/but the server sends more than that/));
  await served(answer("bytes 100-104/105", 5), says(/ends before byte 110/));
  await served(answer("bytes 100-109/1000", 10, { "Content-Encoding": "gzip" }), says(/is sent as gzip/));
  await served(
    (_, response) => response.writeHead(416, { "Content-Range": "bytes */50" }).end(),
    says(/ends before byte 110/),
  );
  // Kept from us, as by a server of another origin, but of the right length.
  await served(answer(undefined, 10), async (url) => assert.equal(await read(url, 100, 10), FILE.slice(0, 10)));
  let total = 1000;
  await served(
    (request, response) => {
      const [from, to] = asked(request);
      response.writeHead(206, { "Content-Range": `bytes ${from}-${to}/${total++}` }).end(FILE.subarray(from, to + 1));
    },
    async (url) => {
      const files = await openBundleUrl(url, "", QUICK);
      await files.bytes("w.bin", 0, 10);
      await rejects(files.bytes("w.bin", 10, 10), /had 1000 bytes, but now has 1001/);
    },
  );
});

/** Sends without an end, as fast as it is read. */
const endless: Answer = (_, response) => {
  const chunk = Buffer.alloc(2 ** 20, "[");
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.writeHead(200).on("drain", more);
  more();
};

test("a text without an end costs no more than the largest that is read", () =>
  served(endless, async (url) => {
    const before = process.memoryUsage().rss;
    await rejects(readText(url), /plan\.json: has more than 134217728 bytes, but at most 134217728 are read at once/);
    assert.ok(process.memoryUsage().rss - before < 500e6, `it took ${process.memoryUsage().rss - before} bytes`);
  }));

test("what is too much is refused before it is fetched", () =>
  served(
    (_, response) => response.writeHead(200, { "Content-Length": 2 ** 40 }).write("a"),
    async (url) => {
      await rejects(readText(url), /plan\.json: has 1099511627776 bytes, but at most/);
      await rejects(read(url, 0, 10), /w\.bin: has 1099511627776 bytes, but at most 1073741824/);
      await rejects(read(url, 0, 2 ** 50), /1125899906842624 bytes are asked for, but at most 2147483648/);
    },
  ));

test("a name is a name: it leads neither out of the folder nor to another server", () =>
  served(
    (request, response) => response.writeHead(200).end(request.url),
    async (url) => {
      const files = await openBundleUrl(`${url}folder/`, "", QUICK);
      for (const file of ["../x", "https://example.org/x", "//example.org/x", "/x", "a/../../x", "a\\x", ""])
        await rejects(files.text(file), /folder\/: ".*" leads out of it, or is no name/);
      assert.is(await files.text("a b#c?d%/e.wgsl"), "/folder/a%20b%23c%3Fd%25/e.wgsl");
    },
  ));

test("an index that is none, names other places or no end of shards is refused", async () => {
  const index = (text: string) => (message: RegExp) =>
    served(
      ({ url }, response) =>
        url?.endsWith("index.json") ? response.writeHead(200).end(text) : response.writeHead(404).end(),
      (url) => rejects(openSafetensorsUrl(url, QUICK), message),
    );
  const shard = (name: string) => JSON.stringify({ weight_map: { a: name } });
  await index("<html>")(/index\.json: must be JSON, but cannot be read/);
  await index('{"weight_map":{"a":{"toString":1}}}')(/index\.json: must hold a weight_map/);
  await index(`{"weight_map":${"[".repeat(30_000)}`)(/nested more than 200 deep/);
  await index(shard("../b"))(/index\.json: names the shard "\.\.\/b", but a shard lies beside its index/);
  await index(shard("https://example.org/b"))(/but a shard lies beside its index/);
  await index(shard(".."))(/but a shard lies beside its index/);
  await index(shard("b"))(/\/b: the server answers 404/);
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`${i}`, `${i}.safetensors`]));
  await index(JSON.stringify({ weight_map: many }))(/names 1001 shards, but at most 1000/);
});

test("a file of weights is read through drops and stalls, and its length is believed only as far as it goes", () => {
  const bytes = makeSafetensors({ a: f32([64]) });
  let requests = 0;
  return served(
    (request, response) => {
      if (request.method === "HEAD") return response.writeHead(200, { "Content-Length": bytes.length }).end();
      const [from, to] = asked(request);
      const headers = { "Content-Range": `bytes ${from}-${to}/${bytes.length}`, "Content-Length": to + 1 - from };
      if (requests++ % 2 === 0) return response.writeHead(206, headers).write(bytes.subarray(from, from + 7));
      return response.writeHead(206, headers).end(bytes.subarray(from, to + 1));
    },
    async (url) => {
      const source = await openSafetensorsUrl(`${url}a%20b.safetensors`, QUICK);
      const read = await source.read("a", 0, 256);
      assert.equal(
        new Float32Array(read.slice().buffer),
        Float32Array.from({ length: 64 }, (_, i) => i),
      );
      await rejects(openSafetensorsUrl(`${url}%zz.safetensors`, QUICK), /%zz\.safetensors: is no address of a file/);
    },
  );
});

test.run();
