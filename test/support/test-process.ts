// A process that runs test files one after the other, seen from the runner: what each file gave and printed, also where the file
// or a driver takes the process down. The other side is test-worker.ts.
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FileResult } from "./run-file.ts";

export interface TestProcessOptions {
  /** No other runs: it prints to the terminal at once, and its commands may take both cores. */
  readonly alone: boolean;
  /** What a file may take. */
  readonly timeoutSeconds: number;
}

/** What is sent to the process, for each file. */
export interface Order extends TestProcessOptions {
  readonly name: string;
  readonly path: string;
}

const WORKER = fileURLToPath(new URL("test-worker.ts", import.meta.url));

export class TestProcess {
  readonly #options: TestProcessOptions;
  readonly #child: ChildProcess;
  readonly #closed: Promise<string>;
  readonly #printed: readonly Printed[];
  #ended = false;

  constructor(options: TestProcessOptions) {
    this.#options = options;
    this.#printed = options.alone ? [] : [new Printed(process.stdout), new Printed(process.stderr)];
    const [out, err] = this.#printed.map((p) => p.descriptor);
    this.#child = fork(WORKER, { stdio: ["ignore", out ?? "inherit", err ?? "inherit", "ipc"] });
    // Node's `close` does not come where this side ends the channel; until that is gone, a result may be on its way.
    const gone = new Promise<void>((resolve) => this.#child.once("disconnect", resolve));
    this.#closed = new Promise((resolve) => {
      this.#child.on("error", (error) => resolve(error.message));
      this.#child.on("exit", (code, signal) => {
        this.#ended = true;
        void gone.then(() => resolve(signal ?? (code === 0 ? "" : `exit code ${code}`)));
      });
    });
  }

  /** No file can be run by it any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Runs a file, and prints its name and what it printed; never throws. */
  async run(name: string, path: string): Promise<FileResult> {
    const began = performance.now();
    if (this.#options.alone) console.log(`\n${name}`);
    const order: Order = { name, path, ...this.#options };
    const heard = new Promise<FileResult>((resolve) => this.#child.once("message", (m) => resolve(m as FileResult)));
    this.#child.send(order, () => {});
    const result = await Promise.race([heard, this.#closed]);
    if (!this.#options.alone) console.log(`\n${name}`);
    for (const printed of this.#printed) printed.show();
    if (typeof result !== "string") return result;
    for (const printed of this.#printed) printed.close();
    return failure(name, `the process ended before its tests did${result && `: ${result}`}`, began);
  }

  /** Ends it; a failure where it does not end well. */
  async end(): Promise<FileResult | undefined> {
    if (this.#ended) return undefined;
    const began = performance.now();
    this.#child.disconnect();
    const ended = await this.#closed;
    for (const printed of this.#printed) {
      printed.show();
      printed.close();
    }
    return ended === "" ? undefined : failure("after the last file", `the process of the tests: ${ended}`, began);
  }
}

function failure(name: string, complaint: string, began: number): FileResult {
  console.error(`${name}: ${complaint}`);
  const seconds = (performance.now() - began) / 1000;
  return { name, passed: 0, failed: 1, skipped: [], seconds, complaints: [complaint] };
}

/** A stream of the process, kept in a file: what was printed before a message was sent is there when it comes. */
class Printed {
  readonly descriptor: number;
  readonly #to: NodeJS.WriteStream;
  #shown = 0;

  constructor(to: NodeJS.WriteStream) {
    this.#to = to;
    const folder = mkdtempSync(join(tmpdir(), "wgpt-tests-"));
    this.descriptor = openSync(join(folder, "printed"), "a+");
    // The descriptor keeps the file.
    rmSync(folder, { recursive: true, force: true });
  }

  /** Prints what has come since the last time. */
  show(): void {
    const bytes = Buffer.alloc(fstatSync(this.descriptor).size - this.#shown);
    this.#shown += readSync(this.descriptor, bytes, 0, bytes.length, this.#shown);
    this.#to.write(bytes);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
