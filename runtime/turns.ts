// Whose turn it is on what only one caller can use at a time: first come, first served. Knows nothing of models but the name.
import { checkOptions } from "./check-call.ts";
import { RuntimeError } from "./errors.ts";

/** What a call does while another one has the session. */
export interface TurnOptions {
  /** `wait` (the default) until all calls before it have ended, or `refuse` with a RuntimeError that names the one that has it. */
  readonly busy?: "wait" | "refuse";
}

/** What `checkOptions` is to know of them. */
export const TURN_KINDS = { busy: ["wait", "refuse"] } as const;

interface Waiting {
  readonly call: string;
  readonly start: () => void;
  readonly refuse: (error: RuntimeError) => void;
}

interface HeldTurn {
  end?: () => void;
}

/** The queue before a session. */
export class Turns {
  readonly #default: TurnOptions;
  readonly #waiting: Waiting[] = [];
  /** What has the session now, by the name of the call. */
  #holder: { readonly call: string } | undefined;
  #closed = false;
  /** A generator that is dropped half-way never runs its `finally`; its turn ends when it is collected. */
  readonly #dropped = new FinalizationRegistry<HeldTurn>((turn) => turn.end?.());

  constructor(options: TurnOptions = {}) {
    this.#default = options;
  }

  /**
   * Runs `body` when the calls before it have ended: now, where there is none. Only its synchronous part is its turn, which
   * is enough for one that submits its work to the GPU's queue there and then waits for results.
   */
  run<T>(call: string, options: TurnOptions | undefined, body: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#enter(call, options, reject, () => {
        try {
          resolve(body());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Waits for a turn, and has it until the function that it gives is called. */
  take(call: string, options: TurnOptions | undefined): Promise<() => void> {
    return new Promise((resolve, reject) => {
      this.#enter(call, options, reject, () => {
        const holder = { call };
        this.#holder = holder;
        resolve(() => {
          // The second call of it may come when the next one has the turn.
          if (this.#holder === holder) this.#next();
        });
      });
    });
  }

  /**
   * A generator that has a turn from its first step until it ends: by itself, by an error, by `return`, which leaving a loop
   * calls, or by being collected. One that never starts takes none. `check` comes before the turn and may throw.
   */
  generator<T, R>(
    call: string,
    options: TurnOptions | undefined,
    check: () => void,
    body: () => AsyncGenerator<T, R>,
  ): AsyncGenerator<T, R> {
    const turn: HeldTurn = {};
    const take = () => {
      check();
      return this.take(call, options);
    };
    const generator = inTurn(turn, take, body);
    this.#dropped.register(generator, turn);
    return generator;
  }

  /** Refuses all that wait, and all that come. What has the turn keeps it. */
  close(): void {
    this.#closed = true;
    for (const { call, refuse } of this.#waiting.splice(0)) refuse(closedError(call));
  }

  #enter(call: string, options: TurnOptions | undefined, refuse: (e: RuntimeError) => void, start: () => void): void {
    checkOptions(call, options, TURN_KINDS);
    const busy = options?.busy ?? this.#default.busy ?? "wait";
    if (this.#closed) refuse(closedError(call));
    else if (!this.#holder) start();
    else if (busy === "wait") this.#waiting.push({ call, start, refuse });
    else
      refuse(
        new RuntimeError(call, `the session is busy with ${this.#holder.call}, and was told not to wait`, {
          code: "busy",
          hint: 'wait until that has ended, or leave out busy: "refuse"',
        }),
      );
  }

  #next(): void {
    this.#holder = undefined;
    while (!this.#holder) {
      const next = this.#waiting.shift();
      if (!next) return;
      next.start();
    }
  }
}

/** Must not be reached from `turn`, or it is never collected. */
async function* inTurn<T, R>(
  turn: HeldTurn,
  take: () => Promise<() => void>,
  body: () => AsyncGenerator<T, R>,
): AsyncGenerator<T, R> {
  const end = await take();
  turn.end = end;
  try {
    return yield* body();
  } finally {
    end();
  }
}

/** What any call says to a session that is closed, or to what else `what` names. */
export const closedError = (
  call: string,
  what = "session",
  hint = "open another one, and close it when the last call has ended",
): RuntimeError => new RuntimeError(call, `the ${what} is closed`, { code: "closed", hint });
