// What a worker thread of worker-exit.test.ts does: it has the GPU busy with a small model, and ends in the way that it is told.
import { parentPort, workerData } from "node:worker_threads";
import { targetByName } from "../../codegen/target.ts";
import { openDawn } from "../../runtime/dawn.ts";
import { generate } from "../../runtime/generate.ts";
import { score } from "../../runtime/score.ts";
import { withSession } from "./models.ts";

/** How it ends. */
export type WorkerEnd = "exit" | "exit in a score" | "exit while loading" | "throw" | "close";

const { folder, end } = workerData as { readonly folder: string; readonly end: WorkerEnd };
const gpu = await openDawn({ backend: "vulkan" });
if (end === "exit while loading") setTimeout(() => process.exit(3), 5);
await withSession(gpu, folder, { target: targetByName("webgpu-default"), chunk: 8 }, async (session) => {
  if (end === "exit in a score") setTimeout(() => process.exit(3), 5);
  if (end === "exit in a score") for (;;) await score(session, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  let seen = 0;
  for await (const _ of generate(session, [1, 2, 3], { maxNewTokens: 40, temperature: 0, ahead: 16 })) {
    if (++seen < 3) continue;
    if (end === "exit") process.exit(3);
    if (end === "throw")
      setTimeout(() => {
        throw new Error("the worker's own");
      });
    if (end === "close") {
      session.close();
      gpu.close();
      parentPort?.postMessage("closed");
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }
  }
});
