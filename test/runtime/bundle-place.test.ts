// Where a bundle's files are looked for: beside its module, or where `base` says, as each side of the world writes addresses.
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readBundle } from "../../runtime/bundle.ts";
import { openBundleFolder } from "../../runtime/bundle-folder.ts";
import { folderOf } from "../../runtime/bundle-place.ts";
import { openBundleUrl, resolveAddress } from "../../runtime/bundle-url.ts";
import { openSafetensorsUrl } from "../../runtime/weights/url-source.ts";
import { GOLDEN } from "../codegen/emit/tiny-bundle.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("bundle place");

test("a module's folder is that of its file, whatever a server or a bundler adds to its address", () => {
  assert.is(folderOf("file:///srv/bundle/index.js"), "file:///srv/bundle/");
  assert.is(folderOf("https://example.org/assets/index-X3P.js?v=1#x"), "https://example.org/assets/");
});

test("a module that lies in no folder says that it needs the base", () => {
  const wayOut = "\nhint: give `load` the folder of the bundle's files as `base`";
  for (const [url, facts] of [
    [undefined, "is undefined, so that nothing tells where the bundle lies"],
    ["data:text/javascript,1", "is a data: address, which has no files beside it"],
    ["blob:https://example.org/9115d58c", "is a blob: address, which has no files beside it"],
  ] as const)
    assert.throws(
      () => folderOf(url),
      (error: Error) => error.message === `import.meta.url: ${facts}${wayOut}`,
    );
});

test("on Node a folder is a path, a URL, or the text of one", async () => {
  for (const folder of [GOLDEN, `${GOLDEN}/`, pathToFileURL(GOLDEN), pathToFileURL(GOLDEN).href]) {
    const files = await openBundleFolder(folder);
    assert.is(files.place, GOLDEN);
    assert.is(JSON.parse(await files.text("plan.json")).name, "tiny");
  }
});

test("on Node an address on the network is refused by itself", async () => {
  for (const place of ["https://example.org/bundle", new URL("http://example.org/bundle/")])
    await rejects(
      openBundleFolder(place),
      /example\.org\/bundle\/?: is an address, but on Node files are read from a folder/,
    );
  await rejects(openBundleFolder("file://host/bundle"), /^file:\/\/host\/bundle: is no path of a file/);
});

test("in a page and in a worker, text is relative to it; elsewhere it has to be whole", async () => {
  const page = { baseURI: "https://example.org/app/" };
  assert.is(resolveAddress("https://example.org/m").href, "https://example.org/m");
  await withGlobal("document", page, async () => {
    assert.is(resolveAddress("model/").href, "https://example.org/app/model/");
    assert.is(resolveAddress("/model").href, "https://example.org/model");
    assert.is((await openBundleUrl("model")).place, "https://example.org/app/model");
  });
  await withGlobal("location", { href: "https://example.org/w/worker.js" }, async () =>
    assert.is(resolveAddress("../model").href, "https://example.org/model"),
  );
  const refused = /^model\/x: is no whole address, and there is no page .*\nhint: give a whole address/;
  await rejects(openBundleUrl("model/x"), refused);
  await rejects(openSafetensorsUrl("model/x"), refused);
});

test("a server that answers its page for every file is told from a damaged bundle", async () => {
  const from = (text: string) => readBundle({ place: "m", text: async () => text, bytes: never, close: never });
  await rejects(from("<!doctype html>\n<html>"), /^m\/plan\.json: is no JSON: [\s\S]*\nhint: .*as `base`$/);
  await rejects(from("{"), /^m\/plan\.json: is no JSON: .*\nhint: compile it again$/);
});

test.run();

const never = (): Promise<never> => Promise.reject(new Error("not asked for"));

async function withGlobal(name: "document" | "location", value: object, body: () => Promise<void>): Promise<void> {
  Object.defineProperty(globalThis, name, { value, configurable: true });
  try {
    await body();
  } finally {
    Reflect.deleteProperty(globalThis, name);
  }
}
