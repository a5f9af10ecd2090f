// What `wgpt bench` measures, and how: medians of several runs that take turns, so that a machine which drifts drifts for
// all of them.
import { unreachable } from "../base/index.ts";
import {
  bufferBytes,
  drawAhead,
  Executor,
  type OpenDevice,
  type Plan,
  type Session,
  symbolMaxima,
} from "../runtime/index.ts";
import { counted } from "./counted.ts";
import { digits } from "./figures.ts";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return {
    median: (low + high) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    runs: sorted.length,
  };
}

/** A spread in other units. */
export const scaled = ({ median, min, max, runs }: Spread, factor: number): Spread => ({
  median: median * factor,
  min: min * factor,
  max: max * factor,
  runs,
});

export const printSpread = ({ median, min, max, runs }: Spread, unit: string): string =>
  `${digits(median)} ${unit} (${counted(runs, "run")}, ${digits(min)} to ${digits(max)})`;

export interface SpeedOptions {
  readonly runs: number;
  /** Tokens of the prompt before decoding, and tokens decoded after the first. */
  readonly prompt: number;
  readonly tokens: number;
  /** Lengths of prompts to prefill. */
  readonly prefill: readonly number[];
  readonly onRun?: (done: number, total: number) => void;
}

export interface Speeds {
  readonly firstTokenMs: Spread;
  readonly decode: Spread;
  /** Tokens a second by the prompt's length. */
  readonly prefill: ReadonlyMap<number, Spread>;
}

/** Token ids spread over the vocabulary. */
export const promptOf = (length: number, n_vocab: number): number[] =>
  Array.from({ length }, (_, i) => (i * 7919 + 13) % Math.min(n_vocab, 50000));

/** Tokens per second, greedily. Everything runs once before it is measured: drivers compile what they run first. */
export async function measureSpeeds(session: Session, options: SpeedOptions): Promise<Speeds> {
  const { n_vocab } = session.facts;
  const first: number[] = [];
  const decode: number[] = [];
  const prefill = new Map<number, number[]>(options.prefill.map((length) => [length, []]));
  const total = (options.runs + 1) * (1 + prefill.size);
  let done = 0;
  for (let run = 0; run <= options.runs; run++) {
    const decoded = await timeDecode(session, promptOf(options.prompt, n_vocab), options.tokens);
    if (run > 0) {
      first.push(decoded.firstMs);
      decode.push((1000 * options.tokens) / decoded.restMs);
    }
    options.onRun?.(++done, total);
    for (const [length, speeds] of prefill) {
      const began = performance.now();
      await session.reset();
      await session.drawAfter(promptOf(length, n_vocab), { temperature: 0 }, 0);
      if (run > 0) speeds.push((1000 * length) / (performance.now() - began));
      options.onRun?.(++done, total);
    }
  }
  return {
    firstTokenMs: spreadOf(first),
    decode: spreadOf(decode),
    prefill: new Map([...prefill].map(([length, speeds]) => [length, spreadOf(speeds)])),
  };
}

/** How long the first token takes after a prompt, and how long as many more as `tokens`. */
export async function timeDecode(session: Session, prompt: readonly number[], tokens: number) {
  const began = performance.now();
  let firstAt = began;
  await session.reset();
  let seen = 0;
  for await (const _ of drawAhead(session, prompt, { temperature: 0, seed: 0, count: tokens + 1 }))
    if (seen++ === 0) firstAt = performance.now();
  return { firstMs: firstAt - began, restMs: performance.now() - firstAt };
}

export interface HostCost {
  /** Until the call that encodes and submits a step returns. */
  readonly encodeMs: Spread;
  /** Of a step in a row of steps, with the event loop and the id that is read back. */
  readonly stepMs: Spread;
}

const WARM_UP = 50;

/** What a decode step costs the host: on a device that computes nothing, nothing else is left. */
export async function measureHost(open: OpenDevice, plan: Plan, steps: number): Promise<HostCost> {
  const executor = await Executor.create(open, withoutBulk(plan));
  try {
    return await timeSteps(executor, plan, steps);
  } finally {
    executor.destroy();
  }
}

async function timeSteps(executor: Executor, plan: Plan, steps: number): Promise<HostCost> {
  const n_ctx = plan.model?.n_ctx ?? 1;
  const entry = executor.entry("decode");
  const { tokens, pastTokens } = entry.roles ?? unreachable("a language model's plan without roles");
  const encode: number[] = [];
  const whole: number[] = [];
  for (let i = 0; i < WARM_UP + steps; i++) {
    const P = i % n_ctx;
    const began = performance.now();
    const token = executor.runAndRead(
      entry.name,
      { [pastTokens]: P },
      { buffer: tokens, offset: 4 * (P + 1), size: 4 },
    );
    const encoded = performance.now();
    await token;
    if (i < WARM_UP) continue;
    encode.push(encoded - began);
    whole.push(performance.now() - began);
  }
  return { encodeMs: spreadOf(encode), stepMs: spreadOf(whole) };
}

const BULK = 1024 * 1024;

/** Dawn's null backend has half a gigabyte for all buffers; as it reads none of them, the large ones may be small. */
const withoutBulk = (plan: Plan): Plan => ({
  ...plan,
  buffers: plan.buffers.map((b) => (bufferBytes(b, symbolMaxima(plan)) > BULK ? { ...b, bytes: [[256]] } : b)),
});
