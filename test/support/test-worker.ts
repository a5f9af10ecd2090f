// Runs the test files that the runner sends, one after the other, in this process. The other side is test-process.ts.
import { limitCommands } from "./run-cli.ts";
import { runFile } from "./run-file.ts";
import type { Order } from "./test-process.ts";

process.on("message", async ({ name, path, alone, timeoutSeconds }: Order) => {
  // Beside another process that may run commands too, one at a time keeps both cores busy.
  if (!alone) limitCommands(1);
  process.send?.(await runFile(name, path, timeoutSeconds));
});
// Some tests leave a device or a timer behind; nothing is left to wait for when the runner has no more files, or is gone.
process.once("disconnect", () => process.exit());
