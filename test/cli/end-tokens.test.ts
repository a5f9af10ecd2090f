// Where a generation ends, for checkpoints that name several end tokens, and for the bundles that are compiled of them.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { printError } from "../../cli/errors.ts";
import { loadBundle } from "../../runtime/index.ts";
import { onGpu } from "../support/gpu.ts";
import { chainModel } from "../support/made-models.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { runInProcess } from "../support/run-in-process.ts";

const test = suite("end-tokens");
const gpuTest = onGpu(test);

/** A model that says the alphabet, with what its two files say of its end. */
const inAlphabet = (
  eos_token_id: unknown,
  generation: object | undefined,
  body: (folder: string) => Promise<void>,
): Promise<void> => {
  const files = chainModel(Buffer.from("abcdefghij"));
  const config = { ...JSON.parse(String(files["config.json"])), eos_token_id };
  return inFolder(
    {
      ...files,
      "config.json": JSON.stringify(config),
      ...(generation && { "generation_config.json": JSON.stringify(generation) }),
    },
    body,
  );
};

const after = async (folder: string, text: string, ...more: readonly string[]): Promise<readonly string[]> => {
  const args = ["generate", text, "--model", folder, "--temperature", "0", "--json", "--max-new-tokens", "6", ...more];
  const { stdout, error } = await runInProcess(args);
  assert.is(error, undefined, printError(error));
  const { text: written, finish } = JSON.parse(stdout);
  return [written, finish];
};

gpuTest("generate ends at each of a list of end tokens, and at none with --ignore-eos", () =>
  inAlphabet([256, 100, 103], undefined, async (folder) => {
    assert.equal(await after(folder, "a"), ["bc", "end-token"]);
    assert.equal(await after(folder, "d"), ["ef", "end-token"]);
    assert.equal(await after(folder, "h"), ["ij", "end-token"]);
    assert.equal(await after(folder, "a", "--ignore-eos"), ["bcdefg", "length"]);
  }),
);

gpuTest("the end tokens of generation_config.json count before those of config.json", () =>
  inAlphabet(256, { eos_token_id: [102] }, async (folder) => {
    assert.equal(await after(folder, "a"), ["bcde", "end-token"]);
    const [, finish] = await after(folder, "h");
    assert.is(finish, "length");
  }),
);

gpuTest("where neither file names a token of the model, the tokenizer's end token ends a text", () =>
  inAlphabet(50256, { eos_token_id: [9999] }, async (folder) => {
    assert.equal(await after(folder, "h"), ["ij", "end-token"]);
  }),
);

gpuTest("a bundle knows all of them, and the tokenizer's where the checkpoint names none", async (gpu) => {
  for (const [eos, want] of [
    [
      [256, 100],
      [256, 100],
    ],
    [null, [256]],
  ] as const)
    await inAlphabet(eos, undefined, async (folder) => {
      const out = `${folder}-bundle`;
      try {
        const { error } = await runInProcess(["compile", folder, "--out", out, "--pack-weights", "--variant", "base"]);
        assert.is(error, undefined, printError(error));
        assert.match(
          readFileSync(join(out, "index.d.ts"), "utf8"),
          `readonly eos_token_ids: readonly [${want.join(", ")}];`,
        );
        const model = await loadBundle(out, gpu);
        assert.equal(model.facts.eos_token_ids, want);
        await model.close();
        const check = await runInProcess(["compile", "--check", out]);
        assert.is(check.error, undefined, printError(check.error));
      } finally {
        rmSync(out, { recursive: true, force: true });
      }
    });
});

test.run();
