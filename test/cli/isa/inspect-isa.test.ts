// `wgpt inspect --stage isa`: machine code of GPUs that are not here, where Mesa's compiler for them is.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WgptError } from "../../../base/index.ts";
import { endAt, inNewFolder } from "../../reliability/faults.ts";
import { EMBEDDED } from "../../support/models.ts";
import { noRadv } from "../../support/radv.ts";
import { assertFails, runCli } from "../../support/run-cli.ts";
import { runInProcess } from "../../support/run-in-process.ts";
import { skipUnless } from "../../support/skip.ts";

const test = suite("inspect --stage isa");
const radvTest = skipUnless(test, noRadv === undefined, noRadv ?? "");

const ISA = ["inspect", EMBEDDED, "--stage", "isa"];

const printed = async (...args: readonly string[]): Promise<string> => {
  const { stdout, error } = await runInProcess([...ISA, ...args]);
  if (error !== undefined) throw error;
  return stdout;
};
const complaint = async (args: readonly string[]): Promise<string> => {
  const { stdout, error } = await runInProcess(args);
  assert.is(stdout, "");
  return error instanceof WgptError ? error.message : `no complaint, but ${error}`;
};

radvTest("prints a line for each GPU under each kernel, in columns, within 100 characters", async () => {
  const text = await printed("--gpu", "rx-7900-xtx,gfx1201");
  const [head = "", by = "", titles = "", ...rows] = text.trimEnd().split("\n");
  assert.match(head, /^\S+shakespeare, entry decode, target webgpu-default: \d+ kernels$/);
  assert.match(by, /^compiled by RADV of Mesa \d\S+ for rx-7900-xtx \(navi31\), gfx1201$/);
  assert.match(titles, /^ +VGPRs +SGPRs +spilled +LDS +waves +code +in flight +multiply-adds$/);
  const kernels = rows.filter((row) => /^[a-z]\w+\.\S+( × \d+)?$/.test(row));
  const lines = rows.filter((row) => /^ {2}(rx-7900-xtx|gfx1201) +(\d+ +){7}(-|\d\.\d\d \(\d+ of \d+\))$/.test(row));
  assert.ok(kernels.length > 5);
  assert.is(lines.length, 2 * kernels.length);
  assert.is(rows.length, 3 * kernels.length + 3, "and a legend");
  for (const row of rows) assert.ok(row.length <= 100, row);
  assert.is(new Set([titles, ...lines].map((line) => line.length)).size, 1, "they end in one column");
});

radvTest("prints the code of one kernel, its hot loop marked, and no encodings", async () => {
  const text = await printed("--gpu", "mi200", "--only", "h.2.mlp.act");
  assert.match(text, /^.*: 1 kernel\n/);
  const [, code = ""] = text.split(/^; ==== matmul_\S+ on mi200 ====\n/m);
  assert.match(code, /^BB0:\n {2}\w/);
  assert.match(code, /^BB\d+: {2}; the hot loop, to BB\d+$/m);
  assert.match(code, /^ {2}buffer_load_dword(x4)? /m);
  assert.match(code, /\n {2}s_endpgm\n$/);
  assert.not.match(code, /; [0-9a-f]{8}/);
});

radvTest("--json has the figures of each kernel, and none spills registers", async () => {
  const text = await printed("--gpu", "mi200,rx-7900-xtx", "--entry", "prefill", "--dtype", "f16", "--json");
  const { model, entry, target, gpus } = JSON.parse(text);
  assert.equal([model, entry, target], [EMBEDDED, "prefill", "webgpu-default"]);
  assert.equal(
    gpus.map((g: { gpu: string; family: string }) => [g.gpu, g.family]),
    [
      ["mi200", "mi200"],
      ["rx-7900-xtx", "navi31"],
    ],
  );
  for (const { driver, kernels } of gpus) {
    assert.match(driver, /^Mesa \d+\.\d+/);
    assert.ok(kernels.length > 5);
    for (const k of kernels) {
      assert.equal([k.spilledVgprs, k.spilledSgprs, k.scratchBytes], [0, 0, 0], k.kernel);
      for (const figure of [k.vgprs, k.sgprs, k.wavesPerSimd, k.codeBytes, k.bytesInFlight, k.calls, k.workgroupSize])
        assert.ok(Number.isInteger(figure) && figure > 0, k.kernel);
      assert.ok([32, 64].includes(k.subgroupSize));
      assert.is(k.statistics.VGPRs, k.vgprs);
      assert.ok(k.hot.multiplyAdds < k.hot.instructions);
      assert.not.ok("disassembly" in k);
    }
  }
});

radvTest("says of a family that Mesa does not know that it does not, and what there is", async () => {
  assert.match(
    await complaint([...ISA, "--gpu", "navi99"]),
    /^--gpu: is navi99, which is neither .*\nhint: there are rx-7900-xtx, mi200, and /,
  );
});

radvTest("says that koffi is missing, and how to get it", async () => {
  const run = await runCli([...ISA, "--gpu", "navi31"], { noKoffi: true, fromSource: true });
  assertFails(run, /koffi: the package koffi, .*, can't be loaded: .* \(.*npm install koffi\)/);
});

radvTest("leaves nothing when a signal ends it while it makes SPIR-V", () =>
  inNewFolder(async (out) => {
    const command = {
      name: "inspect --stage isa",
      file: "cli/main.ts",
      args: [...ISA, "--gpu", "navi31"],
      temporary: true,
    };
    const end = await endAt(command, out, { share: 0 }, "SIGINT");
    assert.not.ok(end.early, `it ended before: ${end.stderr}`);
    assert.equal([end.ended, end.left], ["SIGINT", []], end.stderr);
  }),
);

test("refuses GPUs that are none of AMD's, and stages without machine code", async () => {
  assert.match(
    await complaint([...ISA, "--gpu", "h100"]),
    /^--gpu: is h100, but .*\nhint: there are rx-7900-xtx, mi200, /,
  );
  assert.match(await complaint(ISA), /^--stage isa: is given, but no GPU\nhint: give --gpu: rx-7900-xtx, mi200, or /);
  assert.match(
    await complaint(["inspect", EMBEDDED, "--stage", "wgsl", "--gpu", "mi200"]),
    /^--gpu: is given, but .*\nhint: give --stage isa with it/,
  );
  assert.match(
    await complaint(["inspect", EMBEDDED, "--code"]),
    /^--code: is given, but .*\nhint: give --stage isa with it/,
  );
});

test("says that the driver is missing, and what to install", async () => {
  const { VK_DRIVER_FILES: before } = process.env;
  process.env["VK_DRIVER_FILES"] = "/nonexistent";
  try {
    assert.match(
      await complaint([...ISA, "--gpu", "mi200"]),
      /^Mesa: its driver RADV, .* is not installed: \/nonexistent has no .*\nhint: (install|this needs Linux)/,
    );
  } finally {
    if (before === undefined) delete process.env["VK_DRIVER_FILES"];
    else process.env["VK_DRIVER_FILES"] = before;
  }
});

test.run();
