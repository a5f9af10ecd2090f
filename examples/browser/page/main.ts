// The page: loads the model when it opens, generates when asked, one text at a time.
import type { GenerateOptions, GenerateResult, GenerateStep } from "wgpt/runtime";
import { button, element, input, show, write } from "./elements.ts";
import { type Loaded, loadModel } from "./load.ts";
import { showProblem } from "./problem.ts";
import { TextView } from "./text-view.ts";

const form = element("form", HTMLFormElement);
const prompt = element("prompt", HTMLTextAreaElement);
let loaded: Loaded | undefined;
let running = false;
let stopped = false;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (loaded && !running) void run(loaded);
});
prompt.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
button("stop").addEventListener("click", stop);
button("retry").addEventListener("click", () => location.reload());
// On a phone the settings would push the text out of sight.
const sampling = element("sampling", HTMLDetailsElement);
sampling.open = matchMedia("(min-width: 48.01rem)").matches;
form.addEventListener("invalid", () => (sampling.open = true), { capture: true });
button("new-seed").addEventListener("click", () => {
  input("seed").valueAsNumber = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
});

try {
  loaded = await loadModel();
  button("generate").disabled = false;
  write("status", "Ready.");
} catch (error) {
  show("loading", false);
  showProblem(error, true);
  console.error(error);
}

function stop(): void {
  stopped = true;
}

function readOptions(): Omit<GenerateOptions, "stopTokens"> {
  const [topK, topP] = [input("top-k").valueAsNumber, input("top-p").valueAsNumber];
  return {
    temperature: input("temperature").valueAsNumber,
    maxNewTokens: input("max-new-tokens").valueAsNumber,
    seed: input("seed").valueAsNumber,
    ...(Number.isNaN(topK) ? {} : { topK }),
    ...(Number.isNaN(topP) ? {} : { topP }),
  };
}

async function run({ model, stopTokens }: Loaded): Promise<void> {
  setRunning(true);
  show("problem", false);
  const view = new TextView(prompt.value);
  try {
    const steps = model.generate(prompt.value, { ...readOptions(), stopTokens });
    for await (const step of tellingResult(steps, (result) => view.finish(result))) {
      view.add(step);
      if (!stopped) continue;
      view.stop();
      break;
    }
  } catch (error) {
    view.stop();
    showProblem(error, false);
    console.error(error);
  }
  setRunning(false);
}

/** A `for await` drops what a generator returns; this hands it to `tell`. */
async function* tellingResult(
  steps: AsyncGenerator<GenerateStep, GenerateResult>,
  tell: (result: GenerateResult) => void,
): AsyncGenerator<GenerateStep> {
  tell(yield* steps);
}

function setRunning(now: boolean): void {
  running = now;
  stopped = false;
  const [go, halt] = [button("generate"), button("stop")];
  const focused = document.activeElement === go || document.activeElement === halt;
  go.disabled = now;
  halt.disabled = !now;
  // A disabled button can't keep the focus; the one that is of use now takes it.
  if (focused) (now ? halt : go).focus();
}
