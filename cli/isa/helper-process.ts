// A process of our own that answers requests one at a time. A driver that crashes takes that process with it and not the command,
// and a driver reads its environment when it starts. Requests and replies are of one version of this program: they are not checked.
import { type ChildProcess, fork } from "node:child_process";
import { type ErrorCode, WgptError } from "../../base/index.ts";
import { beforeExit } from "../undo.ts";
import { driverFault } from "./errors.ts";

/** What comes back: a reply, a refusal, or the stack of what should not have happened. */
type Answer<Reply> =
  | { readonly reply: Reply }
  | { readonly refusal: { code: ErrorCode; place: string; facts: string; hint: string | undefined } }
  | { readonly failure: string };

/** In the process itself: answers each request that comes. It ends by a signal: drivers may crash where a process ends by itself. */
export function serveRequests<Request, Reply>(answer: (request: Request) => Reply | Promise<Reply>): void {
  process.on("message", (request: Request) => {
    void (async (): Promise<Answer<Reply>> => {
      try {
        return { reply: await answer(request) };
      } catch (error) {
        if (!(error instanceof WgptError))
          return { failure: error instanceof Error ? `${error.stack}` : String(error) };
        const { code, place, facts, hint } = error;
        return { refusal: { code, place, facts, hint } };
      }
    })().then((made) => process.send?.(made));
  });
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
}

/** A request takes seconds at most: a driver that is silent for so long hangs. */
const LIMIT_MS = 120_000;
/** Of what it wrote to stderr, the end. */
const MOST_STDERR = 4096;

/** The process as its parent sees it. */
export class HelperProcess<Request extends object, Reply> {
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #forget: () => void;
  #stderr = "";
  #ended: string | undefined;

  /** `module` is a file beside this one, without its ending; `title` is what errors call the process. */
  constructor(module: string, title: string, env: NodeJS.ProcessEnv) {
    const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
    this.#title = title;
    this.#child = fork(new URL(`${module}.${ending}`, import.meta.url), {
      env,
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // From source, this process was started with what reads TypeScript.
      execArgv: ending === "ts" ? process.execArgv : [],
    });
    this.#forget = beforeExit(() => this.#kill());
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-MOST_STDERR);
    });
  }

  /**
   * The reply to a request; `doing` says in an error what it was for.
   * @throws WgptError for what the process refuses, and where it ends or hangs.
   */
  ask(request: Request, doing: string): Promise<Reply> {
    const child = this.#child;
    return new Promise<Reply>((resolve, reject) => {
      const settle = (action: () => void) => {
        clearTimeout(timer);
        child.off("message", heard).off("close", ended).off("error", failed);
        action();
      };
      const end = (why: string) => settle(() => reject(this.#lost(doing, why)));
      const heard = (answer: Answer<Reply>) =>
        settle(() => ("reply" in answer ? resolve(answer.reply) : reject(errorOf(answer))));
      const ended = (code: number | null, signal: string | null) => end(`ended by ${signal ?? `itself, with ${code}`}`);
      const failed = (error: Error) => end(error.message);
      const timer = setTimeout(() => {
        this.#kill();
        end(`has not answered for ${LIMIT_MS / 1000} seconds`);
      }, LIMIT_MS);
      child.on("message", heard).on("close", ended).on("error", failed);
      if (this.#ended !== undefined) return end(this.#ended);
      // What is not sent because the process ends is told by its end.
      child.send(request, () => {});
    });
  }

  /** The end of what it wrote to stderr. */
  get said(): string {
    return this.#stderr;
  }

  /** Ends the process. A second call does nothing. */
  close(): void {
    this.#kill();
    this.#forget();
  }

  #kill(): void {
    this.#child.kill("SIGKILL");
  }

  #lost(doing: string, why: string): WgptError {
    this.#ended = why;
    const said = this.#stderr.trim().split("\n").at(-1);
    return driverFault(this.#title, `${why} while it ${doing}${said ? `; it said: ${said}` : ""}`);
  }
}

function errorOf<Reply>(answer: Exclude<Answer<Reply>, { reply: Reply }>): Error {
  if ("failure" in answer) return new Error(answer.failure);
  const { code, place, facts, hint } = answer.refusal;
  return new WgptError(code, place, facts, { hint });
}
