// A short part of `npm run faults` and of `npm run flips`.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gpuDevice, onGpu } from "../support/gpu.ts";
import { EMBEDDED } from "../support/models.ts";
import { skipUnless } from "../support/skip.ts";
import { faultOf } from "./fault-cases.ts";
import { type Command, endAt, inNewFolder, list, runOn } from "./faults.ts";
import { flipBits, writeSmallBundle } from "./flips.ts";

const test = suite("faults");
const signalTest = skipUnless(test, process.platform !== "win32", "Windows has no signals to end a command politely");

const BEGINNING = { share: 0 } as const;
const CLI = "cli/main.ts";
const PACK: Command = {
  name: "compile --pack-weights",
  file: CLI,
  args: ["compile", EMBEDDED, "--pack-weights", "--out", "{out}/bundle"],
};
const SERVE: Command = {
  name: "serve.ts",
  file: "examples/browser/serve.ts",
  args: ["--model", EMBEDDED, "--port", "0"],
  temporary: true,
};
const SITE: Command = {
  ...SERVE,
  name: "serve.ts --out",
  args: ["--model", EMBEDDED, "--out", "{out}/site"],
  temporary: false,
};

for (const [command, signal] of [
  [PACK, "SIGTERM"],
  [SERVE, "SIGHUP"],
  [SITE, "SIGINT"],
] as const)
  signalTest(`${command.name} leaves nothing when ${signal} ends it amid its work`, () =>
    inNewFolder(async (out) => {
      const end = await endAt(command, out, BEGINNING, signal);
      assert.not.ok(end.early, `it ended before: ${end.stderr}`);
      assert.is(faultOf(end, signal), undefined, end.stderr);
    }),
  );

signalTest("after a kill that nothing hears, the same command makes it whole", () =>
  inNewFolder(async (out) => {
    const end = await endAt(PACK, out, BEGINNING, "SIGKILL");
    assert.is(end.ended, "SIGKILL");
    assert.ok(end.left.length > 0, "it left nothing: it was not killed amid its work");
    const { ended, stderr } = await runOn(PACK, out);
    assert.is(ended, "exit code 0", stderr);
    assert.equal(
      list(out).filter((name) => !name.startsWith("bundle/")),
      [],
    );
  }),
);

onGpu(test)("200 one-bit flips of a bundle are refused, or give the same numbers", () =>
  inNewFolder(async (folder) => {
    await writeSmallBundle(folder);
    const { refused, same, places, faults } = await flipBits(folder, await gpuDevice(), 1, 200);
    assert.equal(faults, []);
    assert.is(refused + same, 200);
    // Nothing that is read of it lets a bit pass.
    for (const [place, { same: passed }] of places)
      if (!/^(index\.|graph\.txt|kernels\/)/.test(place)) assert.is(passed, 0, place);
  }),
);

test.run();
