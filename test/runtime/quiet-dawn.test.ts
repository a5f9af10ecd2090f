// Dawn's own warnings stay off stderr, whatever it is, and nothing else is lost or overwritten there. That every command
// is quiet, the tests of the commands say: they take its stderr as it is.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adapter } from "../support/gpu.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("quiet dawn");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");
const root = mkdtempSync(join(tmpdir(), "wgpt-quiet-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

const PROGRAM = `
  import { openDawn } from ${JSON.stringify(new URL("../../runtime/dawn.ts", import.meta.url).href)};
  process.stderr.write("before\\n");
  (await openDawn({ quiet: true })).close();
  process.stdout.write("out\\n");
  process.stderr.write("after\\n");`;

/** What a shell gives whose `command` runs the program as `$program`; `$file` is a new one. */
function shell(name: string, command: string): { readonly printed: string; readonly file: string } {
  const file = join(root, name);
  const program = `"${process.execPath}" --import "${import.meta.resolve("tsx")}" --input-type=module -e "$source"`;
  const env = { ...process.env, source: PROGRAM, file };
  const printed = execFileSync("sh", ["-c", `program() { ${program}; }; ${command}`], { env, encoding: "utf8" });
  return { printed, file: readFileSync(file, "utf8") };
}

const ERRORS = "first\nbefore\nafter\nlast\n";

gpuTest("in a file, which its neighbours write to as well", () => {
  const { file } = shell("file", '{ echo first >&2; program; echo last >&2; } 2> "$file"');
  assert.is(file, ERRORS);
});

gpuTest("in a file that stdout goes to, too, or that is appended to", () => {
  const both = shell("both", '{ echo first; program; echo last; } > "$file" 2>&1');
  assert.is(both.file, "first\nbefore\nout\nafter\nlast\n");
  const appended = shell("appended", 'echo first > "$file"; program 2>> "$file"; echo last >> "$file"');
  assert.is(appended.file, ERRORS);
});

gpuTest("in a pipe", () => {
  const { file } = shell("pipe", '{ echo first >&2; program; echo last >&2; } 2>&1 > /dev/null | cat > "$file"');
  assert.is(file, ERRORS);
});

gpuTest("in a socket, as Node's own pipes are", () => {
  const { printed } = shell("socket", 'exec 2>&1; echo first >&2; program > "$file"; echo last >&2');
  assert.is(printed, ERRORS);
});

test.run();
