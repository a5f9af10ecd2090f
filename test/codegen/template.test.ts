// The template loader: what a template reads and what its kernel declares must be the same.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadTemplate } from "../../codegen/template.ts";

const folder = mkdtempSync(join(tmpdir(), "wgpt-template-"));
const test = suite("template");
test.after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function file(text: string): URL {
  const path = join(folder, `t${count++}.wgsl.hbs`);
  writeFileSync(path, text);
  return pathToFileURL(path);
}

test("prints the parameters as they are, with nothing escaped", () => {
  assert.is(loadTemplate(file("const A = {{a}};"), ["a"]).render({ a: "x < y && z" }), "const A = x < y && z;\n");
});

test("prints a number as an f32 literal where asked", () => {
  const t = loadTemplate(file("{{f32 a}}"), ["a"]);
  assert.is(t.render({ a: 1 }), "1.0\n");
  assert.is(t.render({ a: 0.125 }), "0.125\n");
  assert.is(t.render({ a: 1e-7 }), "1e-7\n");
  assert.is(t.render({ a: 1e21 }), "1e+21\n");
  assert.is(t.render({ a: -2 }), "(-2.0)\n");
});

test("refuses what is no f32 constant", () => {
  const t = loadTemplate(file("{{f32 a}}"), ["a"]);
  for (const a of [Number.NaN, Number.POSITIVE_INFINITY, 1e39, "1.0", true])
    assert.throws(() => t.render({ a }), /is no f32 constant/);
});

test("refuses to render without a value, also inside a condition", () => {
  const t = loadTemplate(file("{{#if a}}x{{/if}}{{b}}"), ["a", "b"]);
  assert.is(t.render({ a: false, b: "" }), "\n");
  assert.throws(() => t.render({ b: "" } as { a: boolean; b: string }), /t\d+\.wgsl\.hbs: its kernel gives no a/);
});

test("refuses a value that the template never reads", () => {
  const t = loadTemplate(file("{{a}}"), ["a"]);
  assert.throws(() => t.render({ a: 1, b: 2 } as { a: number }), /its kernel gives b, which it never reads/);
});

test("refuses a template that reads what its kernel does not declare", () => {
  assert.throws(() => loadTemplate(file("{{a}} {{b}}"), ["a"]), /reads b, which its kernel does not declare/);
});

test("refuses a parameter that the template never reads", () => {
  assert.throws(() => loadTemplate(file("{{a}}"), ["a", "b"]), /never reads b/);
});

test("sees a name inside a condition, where Handlebars would take it for false", () => {
  assert.throws(() => loadTemplate(file("{{#if b}}x{{/if}}"), []), /reads b/);
});

test("leaves no trace of a hook that prints nothing", () => {
  assert.is(loadTemplate(file("one\n\n{{a}}\n\ntwo\n"), ["a"]).render({ a: "" }), "one\n\ntwo\n");
});

test.run();
