// A folder over HTTP, with ranges: what any static host does, as small as it can be. For this machine only: it listens on
// the loopback address, which browsers count as secure, so that they offer WebGPU there without https.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { RuntimeError } from "../../runtime/errors.ts";
import { openRegular } from "../../runtime/open-regular.ts";
import { readRegularText } from "../../runtime/regular-file.ts";
import { NO_PAGE, pagePolicy } from "./content-policy.ts";

/** What was answered, for whoever wants to know. */
export interface Answer {
  readonly path: string;
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
}

export interface StaticServer {
  /** With a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

const HTML = "text/html; charset=utf-8";
const TYPES: ReadonlyMap<string, string> = new Map([
  [".html", HTML],
  [".css", "text/css; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".json", "application/json"],
  [".wgsl", "text/plain; charset=utf-8"],
]);

/** Serves `folder` on `port`; 0 is any that is free. */
export async function serveFolder(
  folder: string,
  port: number,
  onAnswer: (answer: Answer) => void = () => {},
): Promise<StaticServer> {
  const server = createServer((request, response) => {
    answer(folder, request, response).then(onAnswer, () => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new RuntimeError(`port ${port}`, `can't be served from: ${error.message}`, "give another by --port")),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** On every answer: a browser takes a file for nothing but its type, and loads no more than its policy names. */
const EVERY = { "X-Content-Type-Options": "nosniff", "Content-Security-Policy": NO_PAGE } as const;
const METHODS = ["GET", "HEAD"];

async function answer(folder: string, request: IncomingMessage, response: ServerResponse): Promise<Answer> {
  if (!METHODS.includes(request.method ?? ""))
    return finish(response, request.url ?? "", 405, { Allow: METHODS.join(", ") });
  const path = pathOf(request.url ?? "/");
  const file = path === undefined ? undefined : await openRegular(join(folder, path)).catch(() => undefined);
  try {
    const stat = await file?.stat();
    if (!file || !stat) return finish(response, request.url ?? "", 404);
    const range = rangeOf(request.headers.range, stat.size);
    if (range === "none") return finish(response, path ?? "", 416, { "Content-Range": `bytes */${stat.size}` });
    const { start, end } = range ?? { start: 0, end: stat.size };
    const status = range ? 206 : 200;
    const type = TYPES.get(extname(path ?? "")) ?? "application/octet-stream";
    response.writeHead(status, {
      ...EVERY,
      ...(type === HTML && {
        "Content-Security-Policy": pagePolicy(await readRegularText(join(folder, path ?? ""))),
      }),
      "Content-Type": type,
      "Content-Length": end - start,
      "Accept-Ranges": "bytes",
      // What was compiled a moment ago is what the page shall get.
      "Cache-Control": "no-store",
      ...(range && { "Content-Range": `bytes ${start}-${end - 1}/${stat.size}` }),
    });
    if (request.method === "HEAD" || end === start) response.end();
    else await pipeline(file.createReadStream({ start, end: end - 1, autoClose: false }), response);
    return { path: path ?? "", status, bytes: end - start };
  } finally {
    await file?.close();
  }
}

function finish(response: ServerResponse, path: string, status: number, headers: Record<string, string> = {}): Answer {
  response.writeHead(status, { ...EVERY, ...headers }).end();
  return { path, status, bytes: 0 };
}

/** The path below the folder; undefined when it leads out of it or is none. */
function pathOf(url: string): string | undefined {
  try {
    const path = normalize(decodeURIComponent(new URL(url, "http://localhost").pathname));
    if (path.includes("\0") || path.includes("..")) return undefined;
    return path.endsWith("/") ? `${path}index.html` : path;
  } catch {
    return undefined;
  }
}

/** `bytes=2-5`, `bytes=2-` and `bytes=-5`; undefined, and thus all of it, for no range and for several. */
export function rangeOf(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | "none" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : "none";
}
