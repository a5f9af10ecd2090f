// The one progress bar: of bytes that are loaded, written or packed.
import cliProgress from "cli-progress";
import { printable } from "../base/index.ts";
import { beforeExit } from "./undo.ts";

export interface ProgressBar {
  update(bytes: number, total: number): void;
  stop(): void;
}

const MIB = 1024 * 1024;

/** A bar on a terminal; nothing where stderr is a file. */
export function progressBar(doing: string, name: string): ProgressBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  const bar = new cliProgress.SingleBar(
    {
      format: `${doing} {name} {bar} {percentage}% | {value}/{total} MiB | {speed} MiB/s | {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      // It would keep the first Ctrl-C from ending the process.
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  );
  let began: number | undefined;
  let stopped: (() => void) | undefined;
  return {
    update(bytes, total) {
      if (began === undefined) {
        // The cursor is hidden from here.
        stopped = beforeExit(() => bar.stop());
        bar.start(Math.ceil(total / MIB), 0, { speed: 0, name: printable(name) });
      }
      began ??= performance.now();
      const seconds = (performance.now() - began) / 1000;
      bar.update(Math.ceil(bytes / MIB), { speed: seconds > 0 ? Math.round(bytes / MIB / seconds) : 0 });
    },
    stop() {
      if (stopped !== undefined) bar.stop();
      stopped?.();
      stopped = undefined;
    },
  };
}
