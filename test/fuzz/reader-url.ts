// A checkpoint from a server that is wrong in some answers: in its status, its headers, its bytes, or in that it stops.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Patience } from "../../runtime/download.ts";
import { openSafetensorsUrl } from "../../runtime/weights/url-source.ts";
import { f32, makeSafetensors } from "../support/make-safetensors.ts";
import { pick, type Random } from "./mutate.ts";
import { mutateJson } from "./mutate-text.ts";
import { mutateSafetensors } from "./reader-header.ts";
import { INDEX_JSON } from "./reader-index.ts";

const QUICK: Patience = { idleMs: 40, tries: 2, backoffMs: 1 };
const [FIRST, SECOND] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

let server: Promise<Server> | undefined;
let answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;

/** One server for all cases, which goes with the process. */
async function started(): Promise<string> {
  server ??= new Promise((resolve) => {
    const made = createServer((request, response) => answer(request, response));
    made.listen(0, "127.0.0.1", () => resolve(made.unref()));
  });
  return `http://127.0.0.1:${((await server).address() as AddressInfo).port}/`;
}

function filesOf(random: Random): ReadonlyMap<string, Uint8Array> {
  const bytes = () => (random() < 0.2 ? mutateSafetensors(random) : undefined);
  if (random() < 0.5)
    return new Map([["model.safetensors", bytes() ?? makeSafetensors({ a: f32([2, 3]), b: f32([4]) })]]);
  return new Map<string, Uint8Array>([
    [
      "model.safetensors.index.json",
      Buffer.from(random() < 0.5 ? mutateJson(INDEX_JSON, random) : JSON.stringify(INDEX_JSON)),
    ],
    [String(FIRST), bytes() ?? makeSafetensors({ a: f32([2, 3]), b: f32([4]) })],
    [String(SECOND), bytes() ?? makeSafetensors({ c: f32([1]) })],
  ]);
}

/** Of one answer in four, something is wrong. */
function wrongAnswers(files: ReadonlyMap<string, Uint8Array>, random: Random): typeof answer {
  return (request, response) => {
    const file = files.get((request.url ?? "/").slice(1));
    const isWrong = random() < 0.25;
    const way = isWrong ? random() : 1;
    if (!file || way < 0.1)
      return void response.writeHead(file ? pick(random, [204, 403, 404, 416, 500, 503, 302]) : 404).end();
    const [, from = "0", to = String(file.length - 1)] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const isRange = request.headers.range !== undefined && way > 0.2;
    let body = isRange ? file.subarray(Number(from), Number(to) + 1) : file;
    const headers: Record<string, string> = { "Content-Length": String(body.length) };
    if (isRange) headers["Content-Range"] = `bytes ${from}-${Number(from) + body.length - 1}/${file.length}`;
    if (way < 0.3) headers["Content-Length"] = pick(random, ["0", "1", "99999999999", String(body.length + 1)]);
    else if (way < 0.4)
      headers["Content-Range"] = pick(random, [
        "bytes 0-0/1",
        "bytes 5-1/3",
        "x",
        `bytes ${from}-${to}/*`,
        "bytes 1-99999999999999999999/5",
      ]);
    else if (way < 0.5) {
      delete headers["Content-Length"];
      body = pick(random, [
        body.subarray(1),
        Buffer.concat([body, Buffer.from("more")]),
        Buffer.alloc(0),
        Buffer.alloc(200_000),
      ]);
    } else if (way < 0.55) headers["Content-Encoding"] = pick(random, ["gzip", "br", "identity", "x"]);
    else if (way < 0.7) {
      // It stops: at once, or within the body.
      response.on("error", () => undefined);
      if (random() < 0.5) return void response.destroy();
      response.writeHead(isRange ? 206 : 200, headers).write(body.subarray(0, Math.floor(random() * body.length)));
      setTimeout(() => response.destroy(), random() < 0.7 ? 1 : 60);
      return;
    } else if (way < 0.75) delete headers["Content-Range"];
    response.writeHead(isRange ? 206 : 200, headers);
    response.end(request.method === "HEAD" ? undefined : body);
  };
}

export async function fuzzUrl(random: Random): Promise<void> {
  const url = await started();
  answer = wrongAnswers(filesOf(random), random);
  const source = await openSafetensorsUrl(random() < 0.3 ? `${url}model.safetensors` : url, QUICK);
  try {
    for (const { name, byteLength } of source.tensors.values()) await source.read(name, 0, byteLength);
  } finally {
    await source.close();
  }
}
