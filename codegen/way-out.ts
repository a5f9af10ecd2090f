// What to change when a model does not fit its target. Nothing is suggested that was not compiled first.
import type { Fix } from "../base/index.ts";
import { CompileError, type ModelConfig, shortenContext } from "../ir/index.ts";
import type { WeightDType } from "../passes/index.ts";
import { TARGETS, type Target } from "./target.ts";
import { BeyondTarget } from "./target-limits.ts";

/** An option that a way out may change; the context is that of the configuration. */
export type WayOut = "disable" | "weights" | "chunk" | "context" | "target";

/** Tokens of one prefill call, where the options say nothing. */
export const DEFAULT_CHUNK = 128;

const ALL: readonly WayOut[] = ["disable", "weights", "chunk", "context", "target"];

/** What a way out looks at of the options to compile with. */
interface Adjustable {
  readonly target?: Target;
  readonly disable?: readonly string[];
  readonly weights?: WeightDType;
  readonly chunk?: number;
  readonly ways?: readonly WayOut[];
}

interface Change<C> {
  readonly config: C;
  readonly options: Adjustable;
  readonly words: string;
  readonly fix: Fix;
}

/**
 * Compiles, and where the target can't hold the model tries what else would: the error then says what does.
 * @throws CompileError with a way out that works, or with the word that there is none.
 */
export function withWayOut<C extends ModelConfig, O extends Adjustable, T>(
  config: C,
  options: O,
  compile: (config: C, options: O) => T,
): T {
  try {
    return compile(config, options);
  } catch (error) {
    if (!(error instanceof BeyondTarget)) throw error;
    const change = findWayOut(config, options, (c) => fits(() => compile(c.config, { ...options, ...c.options })));
    throw new BeyondTarget(error.place, error.facts, change?.words ?? "no option alone makes it fit", change?.fix);
  }
}

function fits(compile: () => unknown): boolean {
  try {
    compile();
    return true;
  } catch (error) {
    // What else can't be compiled is no way out either.
    if (error instanceof CompileError) return false;
    throw error;
  }
}

function findWayOut<C extends ModelConfig>(
  config: C,
  options: Adjustable,
  works: (c: Change<C>) => boolean,
): Change<C> | undefined {
  const { ways = ALL } = options;
  for (const way of ways)
    for (const candidates of candidatesOf(way, config, options)) {
      // The last goes furthest: what it can't do, those before it can't.
      const last = candidates.at(-1);
      if (!last || !works(last)) continue;
      return candidates.find((c) => c === last || works(c));
    }
  return undefined;
}

/** Lists of changes of which each goes further than the one before it. */
function candidatesOf<C extends ModelConfig>(
  way: WayOut,
  config: C,
  options: Adjustable,
): readonly (readonly Change<C>[])[] {
  const { disable = [], weights = "f32", chunk = DEFAULT_CHUNK, target } = options;
  const plain = { config, options };
  const option = (flag: string, value: string | number): Pick<Change<C>, "words" | "fix"> => ({
    words: `${flag} ${value} makes it fit`,
    fix: { kind: "options", add: [flag, String(value)] },
  });
  switch (way) {
    case "disable":
      return [...disable.map((name) => [name]), ...(disable.length > 1 ? [disable] : [])].map((names) => {
        const flags = names.map((name) => `--disable-pass ${name}`);
        return [
          {
            config,
            options: { ...options, disable: disable.filter((name) => !names.includes(name)) },
            words: `it fits without ${flags.join(" and ")}`,
            fix: { kind: "options", add: [], drop: flags.flatMap((flag) => flag.split(" ")) },
          },
        ];
      });
    case "weights":
      return weights === "f16"
        ? []
        : [[{ config, options: { ...options, weights: "f16" }, ...option("--dtype", "f16") }]];
    case "chunk":
      return [
        halves(Math.min(chunk, config.n_ctx)).map((n) => ({
          config,
          options: { ...options, chunk: n },
          ...option("--chunk", n),
        })),
      ];
    case "context":
      return [
        halves(config.n_ctx).map((n) => ({
          ...plain,
          config: shortenContext(config, n),
          ...option("--context", n),
        })),
      ];
    case "target":
      return Object.values(TARGETS)
        .filter(({ name }) => name !== target?.name)
        .map((t) => [{ config, options: { ...options, target: t }, ...option("--target", t.name) }]);
    default:
      return way satisfies never;
  }
}

/** Below `n`, down to 1. */
function halves(n: number): readonly number[] {
  const half = Math.floor(n / 2);
  return half < 1 ? [] : [half, ...halves(half)];
}
