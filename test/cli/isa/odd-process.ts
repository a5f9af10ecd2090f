// A helper process that does what it is told, such as to crash: for helper-process.test.ts.
import { WgptError } from "../../../base/index.ts";
import { serveRequests } from "../../../cli/isa/helper-process.ts";

serveRequests(({ what }: { readonly what: string }) => {
  if (what === "refuse") throw new WgptError("no-adapter", "here", "there is none", { hint: "get one" });
  if (what === "fail") throw new TypeError("a bug");
  if (what === "crash") {
    process.stderr.write("first\nlast words\n");
    process.kill(process.pid, "SIGSEGV");
    return new Promise(() => {});
  }
  if (what === "leave") process.kill(process.pid, "SIGKILL");
  return { said: what };
});
