// One text as it grows: the prompt, what the model adds, its tokens, and how fast they come.
import type { GenerateResult, GenerateStep } from "wgpt/runtime";
import { element, show, write } from "./elements.ts";

const ENDS: Readonly<Record<GenerateResult["finish"], string>> = {
  length: "Done: as many tokens as you asked for.",
  context: "Done: the context is full.",
  "end-token": "Done: the model ended the text.",
  "stop-string": "Done: a stop string came up.",
  aborted: "Stopped.",
};

/** Figures are renewed this often; a number that changes with each token can't be read. */
const REFRESH_MS = 200;

export class TextView {
  readonly #tokens: number[] = [];
  readonly #began = performance.now();
  #firstAt = 0;
  #shownAt = 0;

  constructor(prompt: string) {
    write("given", prompt);
    write("made", "");
    write("speed", "–");
    write("first-token", "–");
    write("status", "Generating…");
    show("tokens", false);
    element("text").classList.add("growing");
    element("text").scrollTop = 0;
  }

  add({ token, text }: GenerateStep): void {
    const now = performance.now();
    this.#firstAt ||= now;
    this.#tokens.push(token);
    this.#following(() => element("made").append(text));
    if (now - this.#shownAt < REFRESH_MS) return;
    this.#shownAt = now;
    this.#showFigures(this.#firstAt - this.#began, this.#speed(now));
  }

  finish({ tokens, finish, timeToFirstTokenMs, tokensPerSecond }: GenerateResult): void {
    this.#showFigures(timeToFirstTokenMs, tokensPerSecond);
    this.#end(tokens, ENDS[finish]);
  }

  stop(): void {
    if (this.#firstAt > 0) this.#showFigures(this.#firstAt - this.#began, this.#speed(performance.now()));
    this.#end(this.#tokens, "Stopped.");
  }

  /** Changes the page and keeps the text's end in sight, unless the reader has scrolled away from it. */
  #following(change: () => void): void {
    const box = element("text");
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    change();
    if (follows) box.scrollTop = box.scrollHeight;
  }

  #speed(now: number): number {
    return this.#tokens.length > 1 ? ((this.#tokens.length - 1) * 1000) / (now - this.#firstAt) : 0;
  }

  #showFigures(firstMs: number, tokensPerSecond: number): void {
    write("first-token", `${firstMs.toFixed(0)} ms`);
    if (tokensPerSecond > 0) write("speed", `${tokensPerSecond.toFixed(1)} tokens/s`);
  }

  #end(tokens: readonly number[], status: string): void {
    element("text").classList.remove("growing");
    this.#following(() => {
      write("status", status);
      write("token-count", `${tokens.length} ${tokens.length === 1 ? "token" : "tokens"}`);
      write("token-ids", tokens.join(" "));
      show("tokens", tokens.length > 0);
    });
  }
}
