// The documents hold what the program prints today, and name nothing that is gone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findProblems, refresh } from "../../tools/docs.ts";
import { capture } from "../../tools/run-command.mjs";

const test = suite("docs");

const block = (command: string, content: string) => `<!-- generated: ${command} -->\n${content}<!-- end -->`;
const fence = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\`\n`;

test("renews a block, keeps its fence's language, and shows the command of a `wgpt` block", async () => {
  const text = `a\n${block("cat x.wgsl", fence("wgsl", "old"))}\nb\n${block("wgpt inspect gpt2 | head -1", "")}\nc\n`;
  const fresh = await refresh(text, async (command) => `what ${command} prints\n\n`);
  assert.is(
    fresh,
    `a\n${block("cat x.wgsl", fence("wgsl", "what cat x.wgsl prints"))}\nb\n${block(
      "wgpt inspect gpt2 | head -1",
      fence("text", "$ wgpt inspect gpt2 | head -1\nwhat wgpt inspect gpt2 | head -1 prints"),
    )}\nc\n`,
  );
  assert.is(await refresh(fresh, async (command) => `what ${command} prints`), fresh, "a second time changes nothing");
});

test("finds a block without end, and links, paths, commands and flags that are not there", () => {
  const text = `<!-- generated: wgpt inspect x -->
[here](ir/op.ts) [there](ir/gone.ts#part) [web](https://example.org/gone.ts) \`ir/op.ts\` \`passes/gone.ts\` \`ir/ops/<op>.ts\`
$ wgpt inspect gpt2 --stage fused --only=h.0 | head -3
$ wgpt inspect gpt2 --colour
$ wgpt sing`;
  assert.equal(
    findProblems(text, (path) => path === "ir/op.ts"),
    [
      "1 generated blocks begin, but 0 end with <!-- end -->",
      "links to ir/gone.ts, which does not exist",
      "names passes/gone.ts, which does not exist",
      "runs wgpt inspect with --colour, which it does not have",
      "runs wgpt sing, which is no command",
    ],
  );
});

test("README, ARCHITECTURE, CONTRIBUTING and CHANGELOG are up to date", async () => {
  const { ok, output } = await capture([process.execPath, "--import", "tsx", "tools/docs.ts", "--check"]);
  assert.ok(ok, output);
});

test.run();
