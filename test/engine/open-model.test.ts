// `openModel`: what the command does, for programs, of a checkpoint and of a bundle.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bundleTexts, compileBundle } from "../../codegen/index.ts";
import { openModel } from "../../engine/index.ts";
import { parseGraph } from "../../ir/index.ts";
import type { Model } from "../../runtime/index.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { EMBEDDED } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";
import { output, runCli } from "../support/run-cli.ts";

const test = suite("openModel");
const gpuTest = onGpu(test);
const root = mkdtempSync(join(tmpdir(), "wgpt-engine-"));
test.after(() => rmSync(root, { recursive: true, force: true }));
const bundle = join(root, "bundle");
const made = adapter && runCli(["compile", EMBEDDED, "--pack-weights", "--out", bundle]);
const OPTIONS = ["--max-new-tokens", "8", "--temperature", "0"];

async function textOf(model: Model): Promise<string> {
  const session = await model.session();
  let text = "";
  for await (const step of session.generate("ROMEO:\n", { maxNewTokens: 8, temperature: 0 })) text += step.text;
  return text;
}

gpuTest(
  "opens a checkpoint, a bundle and the embedded model as the command does, on a device of theirs or of the caller",
  async (gpu) => {
    output(await (made ?? Promise.reject(new Error("this test needs a GPU"))));
    const said = output(await runCli(["generate", "ROMEO:\n", ...OPTIONS])).replace(/\n$/, "");
    const quiet = { onWarning: () => undefined };
    for (const place of [undefined, EMBEDDED, join(EMBEDDED, "model.safetensors"), bundle])
      for (const options of [quiet, { ...quiet, gpu }]) {
        const model = await openModel(place, options);
        assert.is(await textOf(model), said, `${place}`);
        assert.is(model.facts.n_layer, 6);
        assert.ok(model.tokenizer);
        await model.close();
        assert.is(gpu.device.features.size > 0, true, "the caller's device stays");
      }
    const open = await gpu.check("after all were closed");
    assert.is(open, undefined);
  },
);

gpuTest("takes the options of the command, and says what is wrong in the same words", async (gpu) => {
  const progress: number[] = [];
  const model = await openModel(EMBEDDED, {
    gpu,
    dtype: "f16",
    context: 32,
    entries: ["prefill", "decode"],
    disable: ["fuse-gelu"],
    onProgress: ({ bytes }) => progress.push(bytes),
  });
  assert.is(model.facts.n_ctx, 32);
  assert.ok((progress.at(-1) ?? 0) > 1e6);
  await model.close();
  const random = await openModel("gpt2", {
    gpu,
    randomWeights: true,
    context: 8,
    entries: ["decode"],
    onWarning: () => undefined,
  });
  assert.is(random.facts.n_vocab, 50257);
  await random.close();
  await rejects(openModel("gpt2", { gpu }), /gpt2: is a preset, which has no weights/);
  await rejects(openModel(join(root, "none"), { gpu }), /there is no such folder, and no preset of that name/);
  await rejects(
    openModel(new URL("file:///models") as never, { gpu }),
    /is given file:\/\/\/models, but a model is a path/,
  );
  await rejects(openModel(EMBEDDED, { gpu, memoryLimit: 1000 }), /memory/);
  writeFileSync(join(root, "notes.txt"), "no model");
  await rejects(
    openModel(join(root, "notes.txt"), { gpu }),
    /notes\.txt: is a file, and beside it there is no config\.json/,
  );
  const graphs = join(root, "graphs");
  const square = parseGraph("graph square(x: f32[4]) {\n  y = mul(x, x)\n  return y\n}");
  for (const [name, text] of await bundleTexts(await compileBundle([{ name: "square", graph: square }], {}))) {
    mkdirSync(join(graphs, dirname(name)), { recursive: true });
    writeFileSync(join(graphs, name), text);
  }
  await rejects(
    openModel(graphs, { gpu }),
    /graphs: holds graphs, which are no language model\nhint: call its graphs by the bundle's own module/,
  );
  writeFileSync(join(root, "config.json"), '{ "model_type": "bert" }');
  await rejects(
    openModel(root, { gpu }),
    /model_type is "bert"\nhint: wgpt compiles gpt2; a plugin brings other families/,
  );
});

test.run();
