// The command line itself: help, versions, and what is refused before any work.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { benchCommand } from "../../cli/bench.ts";
import { compileCommand } from "../../cli/compile.ts";
import { generateCommand } from "../../cli/generate.ts";
import { inspectCommand } from "../../cli/inspect.ts";
import { makeCheckpointCommand } from "../../cli/make-checkpoint.ts";
import { profileCommand } from "../../cli/profile.ts";
import { rooflineCommand } from "../../cli/roofline.ts";
import { scoreCommand } from "../../cli/score.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("usage");

const COMMANDS = ["generate", "score", "inspect", "compile", "profile", "roofline", "doctor"];

const help = ["", ...COMMANDS].map((command) => ({
  command,
  run: runCli([...(command === "" ? [] : [command]), "--help"]),
}));

for (const { command, run } of help)
  test(`wgpt ${command} --help says what it does and lists its options`, async () => {
    const text = output(await run);
    assert.match(text, new RegExp(`^Usage: wgpt ${command}`));
    assert.match(text, /--debug +show a stack trace/);
    for (const line of text.split("\n")) assert.ok(line.length <= 80, `longer than a terminal: ${line}`);
    assert.not.match(text, /undefined|\[\]|\[object/);
    if (command === "") for (const name of COMMANDS) assert.match(text, new RegExp(`^ {2}${name} \\[options\\]`, "m"));
  });

for (const fromSource of [false, true]) {
  const version = runCli(["--version"], { fromSource });
  test(`wgpt --version ${fromSource ? "from source " : ""}prints the package's version`, async () => {
    const { version: wanted } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    assert.is(output(await version), `${wanted}\n`);
  });
}

test("an option or argument that is a path is never empty, in any command", () => {
  const paths = [
    benchCommand,
    compileCommand,
    generateCommand,
    inspectCommand,
    makeCheckpointCommand,
    profileCommand,
    rooflineCommand,
    scoreCommand,
  ].flatMap((command) => [
    ...command.options.filter(({ flags }) => /<(dir|file|path)>/.test(flags)),
    ...command.registeredArguments.filter((argument) => argument.name() === "model"),
  ]);
  assert.ok(paths.length >= 17, `only ${paths.length} are known`);
  for (const path of paths) {
    assert.throws(() => path.parseArg?.("", undefined), /It must be a path, but it is empty/, path.description);
    assert.equal([path.parseArg?.("./here", undefined)].flat(), ["./here"]);
  }
});

const WRONG: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [["dance"], /unknown command 'dance'/],
  [["generate", "--loud"], /unknown option '--loud'/],
  [["generate", "--seeed", "1"], /unknown option '--seeed'.*Did you mean --seed\?/],
  [["generate", "--max-new-tokens", "0"], /'--max-new-tokens <n>' argument '0' is invalid.*1 or more/],
  [["generate", "--temperature", "hot"], /'--temperature <t>' argument 'hot' is invalid.*0 or more/],
  [["generate", "--top-p", "1.5"], /'--top-p <p>' argument '1.5' is invalid.*up to 1/],
  [["generate", "--seed", "-1"], /'--seed <s>' argument '-1' is invalid.*0 to 4294967295/],
  [["generate", "--dtype", "q4"], /'--dtype <dtype>' argument 'q4' is invalid.*auto, f32, f16/],
  [["score", "--context", "0"], /'--context <n>' argument '0' is invalid.*1 or more/],
  [["generate", "--memory-limit", "lots"], /'--memory-limit <size>' argument 'lots' is invalid.*such as 6GiB/],
  [["generate", "--tokens", "1,two"], /'--tokens <ids>' argument '1,two' is invalid.*such as 1,2,3/],
  [["generate", "one", "two"], /too many arguments/],
  [["generate", "--tokens"], /argument missing/],
  [["inspect"], /missing required argument 'model'/],
  [["inspect", "gpt2", "--stage", "soup"], /argument 'soup' is invalid.*graph, fused, plan, kernels, wgsl/],
  [
    ["inspect", "gpt2", "--entry", "exit"],
    /--entry: is exit, which is no entry point \(there are prefill, decode, logits\)/,
  ],
  [["inspect", "gpt2", "--target", "abacus"], /no target abacus \(targets are webgpu-default,/],
  [["inspect", "gpt2", "--disable-pass", "magic"], /no pass magic \(passes are .*fuse-attention/],
  [["inspect", "gpt3"], /gpt3: there is no such folder, and no preset.*gpt2-xl/],
  [
    ["inspect", "gpt2", "--memory", "--stage", "plan"],
    /--memory: is given, but so is --stage, and one is shown \(give one of them at a time\)/,
  ],
  [
    ["inspect", "gpt2", "--explain", "--print-ir-after", "all"],
    /--print-ir-after: is given, but so is --explain, and one is shown/,
  ],
  [["inspect", "gpt2", "--plugin", "."], /^wgpt: \.: can't be read: it is a folder/],
  [["bench", "--target", "h100"], /--target: is given without --host.*\(leave it out, or give --host\)/],
  [["bench", "--rows", "0"], /'--rows <n>' argument '0' is invalid\. It must be a whole number, 1 or more/],
  [["bench", "--rows", "2", "--host"], /--rows: is given, and so is --host \(give one of them\)/],
  [
    ["roofline", "--gpu", "h100,abacus"],
    /'--gpu <id,…>' argument .*There is no machine abacus; there are webgpu-default,/,
  ],
  [
    ["roofline", "gpt2", "--past", "half"],
    /'--past <n>' argument 'half' is invalid\. It must be a whole number, 0 or more/,
  ],
  [["profile", "--prompt", "a", "--tokens", "1"], /--tokens: is given, but so is --prompt \(give one of them\)/],
  [["profile", "--prompt", ""], /--prompt: is empty, but a step needs a token to go on from/],
  [["profile", "examples/mlp.graph"], /examples\/mlp\.graph: holds graphs, but this command takes a model/],
  [["compile", "nowhere.graph", "--max", "T=4", "--out", "b"], /nowhere\.graph: can't be read: no such file/],
  [["compile", "gpt2"], /compile: there is no folder to write to \(give MODEL and --out DIR, or --check DIR\)/],
];

const wrong = WRONG.map(([args, message]) => ({ args, message, run: runCli(args) }));
for (const { args, message, run } of wrong)
  test(`wgpt ${args.join(" ")} is refused in one line`, async () => assertFails(await run, message));

skipUnless(
  test,
  process.platform !== "win32",
  "Windows keeps the working directory of a process",
)("says that the working directory is gone", () =>
  inFolder({}, async (folder) => {
    const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
    // tsx needs one to begin in.
    const gone = JSON.stringify(join(folder, "gone"));
    const leave = `data:text/javascript,import{mkdirSync,rmdirSync}from"node:fs";mkdirSync(${gone});process.chdir(${gone});rmdirSync(${gone})`;
    const run = spawnSync(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), "--import", leave, main, "compile", "gpt2", "--out", join(folder, "b")],
      { encoding: "utf8" },
    );
    assert.is(run.stderr, "wgpt: .: the working directory is gone (change to a folder that is there)\n");
    assert.is(run.status, 1);
    assert.equal(readdirSync(folder), []);
  }),
);

test.run();
