// A storage of a user's that is none, or gives what is none, is refused in one line that says which member is wrong.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, definePlugin, extend, type PluginSpec, standard } from "../../codegen/compile.ts";
import type { Storage } from "../../codegen/storage.ts";
import { at, CompileError } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import { dequantizeInt8, int8, withCodes } from "../support/packed-codes.ts";
import { matmul } from "./kernel-texts.ts";

const test = suite("storage mistakes");

const named = { name: "p" };
const any = (value: unknown): never => value as never;
const text = withCodes(matmul("1", 8, 32), 8, 16);

function compileWith(spec: PluginSpec): void {
  const toolkit = extend(standard, definePlugin(spec));
  const graph = parseGraph(text, toolkit);
  compileEntries(graph.name, [{ name: "run", graph, maxima: {} }], { toolkit });
}

function refuses(run: () => unknown, message: RegExp): void {
  try {
    run();
  } catch (error) {
    assert.instance(error, CompileError, String(error));
    const [first = ""] = String((error as CompileError).message).split("\n");
    // Where a pass asked first, it says so before.
    assert.match(first.replace(/^pass choose-steps, rule [\w-]+ at \w+, /, ""), message, first);
    assert.not.match(first, "internal error");
    return;
  }
  assert.unreachable(`no ${message}`);
}

const DEFINED: readonly (readonly [what: string, spec: PluginSpec, message: RegExp])[] = [
  ["is no object", { ...named, storages: [any(3)] }, /^plugin p: storage 0 is 3$/],
  [
    "has no parts",
    { ...named, storages: [any({ ...int8, parts: undefined })] },
    /^plugin p: storage int8 has no parts$/,
  ],
  [
    "gives three elements a load",
    { ...named, storages: [{ ...int8, sizes: any([3]) }] },
    /^plugin p: storage int8 has \[3\] for sizes, which must be a list of numbers of elements, which are 16, 8 or 4$/,
  ],
  ["is called like one of ours", { ...named, storages: [{ ...int8, name: "f16" }] }, /storage f16 is there already$/],
  [
    "is of an op that the toolkit has not",
    { ...named, storages: [int8] },
    /^plugin p: storage int8 is that of dequantize_int8, which is no op of the toolkit$/,
  ],
];
for (const [what, spec, message] of DEFINED)
  test(`a storage that ${what}`, () => refuses(() => extend(standard, definePlugin(spec)), message));

const GIVEN: readonly (readonly [what: string, members: Partial<Storage>, message: RegExp])[] = [
  ["parts throw", { parts: () => at([], 1) }, /storage int8: its parts throws Error: index 1 of 0$/],
  ["parts are numbers", { parts: () => any([1]) }, /storage int8: its parts gives \[1\]$/],
  ["refusal is a flag", { refuses: () => any(true) }, /storage int8: its refuses gives true$/],
  ["widths are of one part", { widths: () => [4] }, /^storage int8: its widths gives \[4\]$/],
  ["load is a text", { load: () => any("return vec4f();") }, /^storage int8: its load gives "return vec4f\(\);"$/],
  ["features are a text", { features: () => any("subgroups") }, /^storage int8: its features gives "subgroups"$/],
];
for (const [what, members, message] of GIVEN)
  test(`a storage whose ${what}`, () =>
    refuses(() => compileWith({ ...named, ops: [dequantizeInt8], storages: [{ ...int8, ...members }] }), message));

test.run();
