// From the bundle's address to a loaded model, with progress on the page.
import {
  type BundleModel,
  type LoadOptions,
  type LoadProgress,
  printAdapter,
  printBytes,
  RuntimeError,
} from "wgpt/runtime";
import { element, show, write } from "./elements.ts";

/** What the page uses of a loaded bundle. */
export type LoadedModel = Pick<BundleModel, "adapter" | "variant" | "bufferBytes" | "generate">;

/** A bundle's index.js, as far as the page knows it: it takes a bundle of any GPT-2. */
interface BundleModule {
  readonly facts: {
    readonly name: string;
    readonly n_layer: number;
    readonly n_head: number;
    readonly n_embd: number;
    readonly n_ctx: number;
    readonly eos_token_ids: readonly number[];
  };
  load(gpu?: undefined, weights?: undefined, options?: LoadOptions): Promise<LoadedModel>;
}

export interface Loaded {
  readonly model: LoadedModel;
  /** Where a text ends. */
  readonly stopTokens: readonly number[];
}

/** Loads the bundle beside the page. With `?verify` in the page's address, weights are compared with their hashes. */
export async function loadModel(): Promise<Loaded> {
  const address = new URL("bundle/index.js", document.baseURI).href;
  const { facts, load } = await importBundle(address);
  const { name, n_layer, n_head, n_embd, n_ctx, eos_token_ids } = facts;
  document.title = `${name} – wgpt`;
  write("about", `${name}: ${n_layer} layers of ${n_head} heads, ${n_embd} wide, a context of ${n_ctx} tokens`);
  const verify = new URLSearchParams(location.search).has("verify");
  const model = await load(undefined, undefined, { verify, onProgress: showProgress });
  show("loading", false);
  show("text", true);
  show("figures", true);
  write("memory", printBytes(model.bufferBytes));
  write("adapter", printAdapter(model.adapter));
  element("adapter").title = `${model.adapter.vendor} ${model.adapter.architecture}, variant ${model.variant}`;
  return { model, stopTokens: eos_token_ids };
}

async function importBundle(address: string): Promise<BundleModule> {
  try {
    return await import(address);
  } catch (error) {
    throw new RuntimeError(
      address,
      `can't be imported: ${error instanceof Error ? error.message : String(error)}`,
      "a bundle belongs beside the page; `npx tsx examples/browser/serve.ts` puts it there",
    );
  }
}

function showProgress({ bytes, total }: LoadProgress): void {
  const bar = element("loading-bar", HTMLProgressElement);
  bar.max = total;
  bar.value = bytes;
  write("loading-text", `Loading weights: ${printBytes(bytes)} of ${printBytes(total)}`);
}
