// What a soak does again and again: models that load, fail to load at some moment, generate, and are closed.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleTexts, compileModelBundle, standard, targetByName } from "../../codegen/index.ts";
import { openModel, packWeights, readModel } from "../../engine/index.ts";
import {
  type LoadProgress,
  loadBundle,
  type Model,
  type OpenDevice,
  openCheckpoint,
  openDawn,
  WgptError,
} from "../../runtime/index.ts";
import { EMBEDDED } from "../support/models.ts";
import { sealFolder } from "../support/seal-bundle.ts";

/** One way for a load to go, by a name. */
export interface LoadCycle {
  readonly name: string;
  /** Loads and closes; throws where the load fails, as it has to where `fails` is there. */
  run(cycle: number): Promise<void>;
  /** What the error says. */
  readonly fails?: RegExp;
}

const QUIET = { onWarning: () => undefined };

/** Fails when so many parts of `of` of the weights are on their way. */
const stopAt = (part: number, of: number) => ({
  onProgress: ({ bytes, total }: LoadProgress) => {
    if (bytes * of >= total * part) throw new Error("the caller stops");
  },
});

const closing = async (opening: Promise<{ close(): Promise<void> }>): Promise<void> => (await opening).close();

/** What cycles load, and a device of the caller's that stays open all the time. */
export interface SoakSetting {
  readonly gpu: OpenDevice;
  readonly root: string;
  readonly bundle: string;
  readonly wrongCheckpoint: string;
  readonly wrongPlan: string;
  readonly wrongShard: string;
  readonly wrongKernel: string;
  readonly wrongWgsl: string;
}

/** Makes the folders and opens the device; `clearSetting` undoes both. */
export async function makeSetting(): Promise<SoakSetting> {
  const root = mkdtempSync(join(tmpdir(), "wgpt-soak-"));
  const bundle = join(root, "bundle");
  await writeBundle(bundle);
  const copy = (name: string, file: string, change: (bytes: Buffer) => Uint8Array | string): string => {
    const folder = join(root, name);
    cpSync(bundle, folder, { recursive: true });
    writeFileSync(join(folder, file), change(readFileSync(join(folder, file))));
    return folder;
  };
  const kernel = `kernels/${firstKernel(bundle)}`;
  const wrongWgsl = copy("wgsl", kernel, (text) => text.toString().replace("fn main(", "fn main(("));
  await sealFolder(wrongWgsl);
  const wrongCheckpoint = join(root, "wrong");
  mkdirSync(wrongCheckpoint);
  const header = JSON.stringify({ "wte.weight": { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] } });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(
    join(wrongCheckpoint, "model.safetensors"),
    Buffer.concat([length, Buffer.from(header), Buffer.alloc(16)]),
  );
  cpSync(join(EMBEDDED, "config.json"), join(wrongCheckpoint, "config.json"));
  return {
    gpu: await openDawn({ quiet: true }),
    root,
    bundle,
    wrongCheckpoint,
    wrongPlan: copy("plan", "plan.json", (text) => text.toString().replace('"version"', '"Version"')),
    wrongShard: copy("shard", "weights/00001-of-00001.safetensors", (bytes) => {
      bytes[bytes.length - 8] = (bytes[bytes.length - 8] ?? 0) ^ 1;
      return bytes;
    }),
    wrongKernel: copy("kernel", kernel, (text) => `${text}\n`),
    wrongWgsl,
  };
}

const firstKernel = (bundle: string): string => {
  const { variants } = JSON.parse(readFileSync(join(bundle, "plan.json"), "utf8"));
  return variants[0].kernels[0].file.replace(/^kernels\//, "");
};

/** The embedded model as a bundle with packed weights, as `wgpt compile --pack-weights` writes it. */
async function writeBundle(folder: string): Promise<void> {
  const { family, config } = await readModel(EMBEDDED, standard);
  const options = { name: "soak", target: targetByName("webgpu-default") };
  const made = compileModelBundle(family, config, options);
  const source = await openCheckpoint(EMBEDDED);
  const { shards } = await packWeights(folder, made.weights.tensors, source, { names: family.names }).finally(() =>
    source.close(),
  );
  const texts = await bundleTexts({ ...made, weights: { ...made.weights, shards } });
  for (const [name, text] of texts) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** The cycles, of which a soak takes one after the other. */
export const loadCycles = (setting: SoakSetting): readonly LoadCycle[] => [
  { name: "a checkpoint", run: () => closing(openModel(EMBEDDED, QUIET)) },
  {
    name: "a checkpoint with two sessions, one of them closed",
    async run() {
      const model = await openModel(EMBEDDED, QUIET);
      const session = await model.session();
      await session.feed([1, 2, 3]);
      session.close();
      await (await model.session()).feed([1]);
      await model.close();
    },
  },
  {
    name: "a checkpoint, stopped while weights are on their way",
    run: (cycle) => closing(openModel(EMBEDDED, { ...QUIET, ...stopAt(1 + (cycle % 7), 7) })),
    fails: /the caller stops/,
  },
  {
    name: "a checkpoint on a device that stays open, stopped while weights are on their way",
    run: (cycle) => closing(openModel(EMBEDDED, { ...QUIET, gpu: setting.gpu, ...stopAt(1 + (cycle % 5), 5) })),
    fails: /the caller stops/,
  },
  {
    name: "a checkpoint on a device of the caller's, stopped while weights are on their way",
    async run(cycle) {
      const gpu = await openDawn({ quiet: true });
      try {
        await closing(openModel(EMBEDDED, { ...QUIET, gpu, ...stopAt(1 + (cycle % 5), 5) }));
      } finally {
        gpu.close();
      }
    },
    fails: /the caller stops/,
  },
  {
    name: "a checkpoint that lacks tensors",
    run: () => closing(openModel(setting.wrongCheckpoint, QUIET)),
    fails: /tensor/,
  },
  {
    name: "a checkpoint that is too large",
    run: () => closing(openModel(EMBEDDED, { ...QUIET, memoryLimit: 1000 })),
    fails: /memory/,
  },
  { name: "no checkpoint", run: () => closing(openModel(setting.root, QUIET)), fails: /config\.json/ },
  { name: "a bundle", run: () => closing(loadBundle(setting.bundle, undefined, undefined, QUIET)) },
  {
    name: "a bundle with a checkpoint's weights, stopped while they are on their way",
    run: (cycle) =>
      closing(loadBundle(setting.bundle, undefined, EMBEDDED, { ...QUIET, ...stopAt(1 + (cycle % 3), 3) })),
    fails: /the caller stops/,
  },
  {
    name: "a bundle with a wrong checkpoint",
    run: () => closing(loadBundle(setting.bundle, undefined, setting.wrongCheckpoint, QUIET)),
    fails: /tensor|weight/,
  },
  {
    name: "a bundle with a wrong plan",
    run: () => closing(loadBundle(setting.wrongPlan, undefined, undefined, QUIET)),
    fails: /plan\.json/,
  },
  {
    name: "a bundle with a damaged shard",
    run: () => closing(loadBundle(setting.wrongShard, undefined, undefined, { ...QUIET, verify: true })),
    fails: /SHA-256/,
  },
  {
    name: "a bundle with a changed kernel",
    run: () => closing(loadBundle(setting.wrongKernel, undefined, undefined, QUIET)),
    fails: /SHA-256/,
  },
  {
    name: "a bundle with a kernel that does not compile",
    run: () => closing(loadBundle(setting.wrongWgsl, undefined, undefined, QUIET)),
    fails: /kernel/,
  },
  {
    name: "a bundle without such a variant",
    run: () => closing(loadBundle(setting.bundle, undefined, undefined, { ...QUIET, variant: "none" })),
    fails: /variant/,
  },
];

/** Runs one; throws where it does not end as it should. */
export async function runLoadCycle({ name, run, fails }: LoadCycle, cycle: number): Promise<void> {
  const error: unknown = await run(cycle).then(
    () => undefined,
    (thrown: unknown) => thrown ?? new Error("nothing"),
  );
  const said = error instanceof Error ? error.message : "";
  if ((error === undefined) === (fails === undefined) && (fails?.test(said) ?? true)) return;
  throw new Error(`${name}: should ${fails ? `fail with ${fails}` : "load"}, but ${said || "it loads"}`, {
    cause: error,
  });
}

const PROMPTS = ["ROMEO:\n", "To be, or not", "JULIET:\nO ", "First Citizen:\n"] as const;

/** One generation on a model: most come to their end, some are left, aborted, refused, or continue what is held. */
export async function generation(model: Model, cycle: number): Promise<void> {
  const session = await model.session();
  const prompt = PROMPTS[cycle % PROMPTS.length] ?? "";
  const settings = { maxNewTokens: 6 + (cycle % 7), seed: cycle, temperature: 0.8, topK: 40 };
  try {
    if (cycle % 5 === 1) {
      for await (const _ of session.generate(prompt, settings)) break;
    } else if (cycle % 5 === 2) {
      const abort = new AbortController();
      for await (const _ of session.generate(prompt, { ...settings, signal: abort.signal })) abort.abort();
    } else if (cycle % 5 === 3) {
      const error: unknown = await session
        .generate([-1], settings)
        .next()
        .catch((thrown: unknown) => thrown);
      if (!(error instanceof WgptError)) throw new Error("a token that is none should be refused");
    } else {
      const logprobs = cycle % 2 === 0 ? { logprobs: 2 } : {};
      for await (const _ of session.generate(prompt, { ...settings, ...logprobs }));
      if (cycle % 5 === 4)
        for await (const _ of session.generate(`${prompt}Who`, { ...settings, keep: true, stop: ["\n"] }));
    }
  } finally {
    session.close();
  }
}

export function clearSetting({ gpu, root }: SoakSetting): void {
  gpu.close();
  rmSync(root, { recursive: true, force: true });
}
