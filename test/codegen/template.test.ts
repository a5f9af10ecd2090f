// Templates: what one reads and what its kernel declares must be the same.
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type PrecompiledTemplate, precompiledTemplate } from "../../codegen/template.ts";
import { precompileTemplate, template } from "../../codegen/template-compiler.ts";
import { CompileError } from "../../ir/errors.ts";
import { PRECOMPILED } from "../../tools/fresh-templates.mjs";
import { capture } from "../../tools/run-command.mjs";
import { templatesText } from "../../tools/templates.ts";

const test = suite("template");
const mine = <const K extends string>(text: string, declared: readonly K[]) => template("mine", text, declared);

test("prints the parameters as they are, with nothing escaped", () => {
  assert.is(mine("const A = {{a}};", ["a"]).render({ a: "x < y && z" }), "const A = x < y && z;\n");
});

test("prints a number as an f32 literal where asked", () => {
  const t = mine("{{f32 a}}", ["a"]);
  assert.is(t.render({ a: 1 }), "1.0\n");
  assert.is(t.render({ a: 0.125 }), "0.125\n");
  assert.is(t.render({ a: 1e-7 }), "1e-7\n");
  assert.is(t.render({ a: 1e21 }), "1e+21\n");
  assert.is(t.render({ a: -2 }), "(-2.0)\n");
});

test("refuses what is no f32 constant", () => {
  const t = mine("{{f32 a}}", ["a"]);
  for (const a of [Number.NaN, Number.POSITIVE_INFINITY, 1e39, "1.0", true])
    assert.throws(() => t.render({ a }), /is no f32 constant/);
});

test("stands a block as often as a number says, and refuses what is none", () => {
  const t = mine("{{#times n}}x{{@index}};{{/times}}", ["n"]);
  assert.is(t.render({ n: 3 }), "x0;x1;x2;\n");
  assert.is(t.render({ n: 0 }), "\n");
  for (const n of [-1, 0.5, Number.NaN, 2 ** 40, "3", true])
    assert.throws(() => t.render({ n }), /a block stands .+ times\nhint: times takes a whole number, 0 to 65536/);
  for (const [text, names, facts] of [
    ["{{times n}}", ["n"], /times is given 1 values, and no block/],
    ["{{f32 (times n)}}", ["n"], /times is given 1 values, and no block/],
    ["{{#times}}x{{/times}}", [], /times is given 0 values/],
    ["{{#times n m}}x{{/times}}", ["n", "m"], /times is given 2 values/],
  ] as const)
    assert.throws(
      () => mine(text, names as readonly string[]).render(Object.fromEntries(names.map((name) => [name, 1]))),
      (error: Error) => error instanceof CompileError && facts.test(error.message),
      text,
    );
});

test("refuses a partial that there is not", () => {
  for (const name of ["nosuch", "constructor"])
    assert.throws(() => mine(`{{> ${name}}}`, []), new RegExp(`^mine: uses the partial "${name}", which there is not`));
});

test("refuses to render without a value, also inside a condition", () => {
  const t = mine("{{#if a}}x{{/if}}{{b}}", ["a", "b"]);
  assert.is(t.render({ a: false, b: "" }), "\n");
  assert.throws(() => t.render({ b: "" } as { a: boolean; b: string }), /mine: its kernel gives no a/);
});

test("refuses a value that the template never reads", () => {
  const t = mine("{{a}}", ["a"]);
  assert.throws(() => t.render({ a: 1, b: 2 } as { a: number }), /its kernel gives b, which it never reads/);
});

test("refuses a template that reads what its kernel does not declare", () => {
  assert.throws(() => mine("{{a}} {{b}}", ["a"]), /reads b, which its kernel does not declare/);
});

test("refuses a parameter that the template never reads", () => {
  assert.throws(() => mine("{{a}}", ["a", "b"]), /never reads b/);
});

test("sees a name inside a condition, where Handlebars would take it for false", () => {
  assert.throws(() => mine("{{#if b}}x{{/if}}", []), /reads b/);
});

test("leaves no trace of a hook that prints nothing", () => {
  assert.is(mine("one\n\n{{a}}\n\ntwo\n", ["a"]).render({ a: "" }), "one\n\ntwo\n");
});

test("refuses a text that is no template, in one line", () => {
  for (const text of ["{{#if a}}x", "{{", "{{/if}}"])
    assert.throws(
      () => mine(text, []),
      (error: Error) => /^mine: is no template: [^\n]+\nhint: /.test(error.message),
    );
});

test("prints the same once precompiled, with no eval", () => {
  const text = "const A = {{f32 a}}; {{#if b}}{{> linear-id}}{{/if}}{{b}}";
  // What a plugin's author writes to a file.
  const precompiled = runInNewContext(`(${precompileTemplate("mine", text)})`) as PrecompiledTemplate;
  const t = precompiledTemplate("mine", precompiled, ["a", "b"]);
  for (const params of [
    { a: 1, b: true },
    { a: 0.5, b: false },
  ])
    assert.is(t.render(params), mine(text, ["a", "b"]).render(params));
  assert.throws(() => precompiledTemplate("mine", precompiled, ["a"]), /reads b, which its kernel does not declare/);
  assert.throws(() => t.render({ a: Number.NaN, b: true }), /is no f32 constant/);
});

test("the kernels' templates are what their files make", () => {
  assert.ok(readFileSync(PRECOMPILED, "utf8") === templatesText(), "stale: npm run templates");
});

test("a model compiles where code from text is forbidden", async () => {
  const program = `
    const { compileGpt2, compileModelBundle } = await import("./codegen/index.ts");
    const { gpt2, readGpt2Config } = await import("./ir/index.ts");
    try { new Function("return 1"); throw new Error("eval is allowed"); } catch (error) { if (!(error instanceof EvalError)) throw error; }
    const config = readGpt2Config({ n_layer: 1, n_head: 2, n_embd: 8, n_ctx: 16, vocab_size: 11 }, "tiny");
    const { kernels } = compileGpt2(config).plan;
    console.log(kernels.length, compileModelBundle(gpt2, config).kernels.size);`;
  const { ok, stdout, output } = await capture([
    process.execPath,
    ...["--disallow-code-generation-from-strings", "--import", import.meta.resolve("tsx")],
    ...["--input-type=module", "-e", program],
  ]);
  assert.ok(ok, output);
  assert.match(stdout, /^\d+ \d+\n$/);
});

test.run();
