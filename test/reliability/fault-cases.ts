// The commands that are ended in the middle, and the faults of disks and streams, each with what must be left of it.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EMBEDDED } from "../support/models.ts";
import {
  type Command,
  type Ending,
  ending,
  inNewFolder,
  list,
  type Moment,
  onMount,
  openFull,
  runOn,
  start,
} from "./faults.ts";

const CLI = "cli/main.ts";
const SERVE = "examples/browser/serve.ts";

/** What the commands of the page work on: checkpoints of GPT-2's shape with random weights. */
export interface Inputs {
  /** 124M parameters as f16. */
  readonly large: string;
}

const MIB = 2 ** 20;

/** The commands that write, and how much. */
export const writers = ({ large }: Inputs): readonly Command[] => [
  {
    name: "make-checkpoint",
    file: CLI,
    args: ["make-checkpoint", "gpt2", "--dtype", "f16", "--seed", "1", "--shards", "2", "--out", "{out}/made"],
    bytes: 237 * MIB,
  },
  {
    name: "compile --pack-weights",
    file: CLI,
    args: ["compile", large, "--pack-weights", "--out", "{out}/bundle"],
    bytes: 237 * MIB,
  },
  {
    name: "compile --dump",
    file: CLI,
    args: ["compile", "gpt2-medium", "--out", "{out}/bundle", "--dump", "{out}/dump"],
    bytes: 0.5 * MIB,
  },
  {
    name: "score --logits",
    file: CLI,
    args: ["score", "--model", large, "--tokens", tokens(512), "--logits", "{out}/logits.safetensors"],
    bytes: 98 * MIB,
  },
  { name: "serve.ts --out", file: SERVE, args: ["--model", EMBEDDED, "--out", "{out}/site"], bytes: 5 * MIB },
  { name: "serve.ts", file: SERVE, args: ["--model", EMBEDDED, "--port", "0"], bytes: 5 * MIB, temporary: true },
];

/** The commands that write nothing. */
export const printers = ({ large }: Inputs): readonly Command[] => [
  { name: "generate", file: CLI, args: ["generate", "--model", large, "--tokens", "1,2,3", "--max-new-tokens", "500"] },
  { name: "score", file: CLI, args: ["score", "--model", large, "--tokens", tokens(900)] },
  { name: "bench", file: CLI, args: ["bench", large, "--runs", "3", "--max-new-tokens", "16", "--prefill", "32"] },
  { name: "inspect", file: CLI, args: ["inspect", "gpt2-xl", "--explain"] },
  { name: "doctor", file: CLI, args: ["doctor"] },
];

function tokens(count: number): string {
  return Array.from({ length: count }, (_, i) => (i * 37) % 50257).join();
}

/** Three moments of each: at the first file, half through, and when nearly all is there. */
export const MOMENTS: readonly (readonly [name: string, writer: Moment, printer: Moment])[] = [
  ["at its beginning", { share: 0 }, { ms: 500 }],
  ["half through", { share: 0.5 }, { ms: 1500 }],
  ["near its end", { share: 0.95 }, { ms: 3000 }],
];

/** What an ending left, in words; undefined where that is as it must be. */
export function faultOf({ ended, left, kept }: Ending, signal: string): string | undefined {
  if (left.length > 0) return `left ${left.join(", ")}`;
  if (!kept) return "changed what was there";
  return ended === signal ? undefined : `ended with ${ended}`;
}

/** A fault of the disk or of a stream: what is done, and what became of it. */
export interface Trial {
  readonly name: string;
  /** What the user sees, and what is there afterwards. */
  run(): Promise<{ readonly seen: string; readonly left: string; readonly well: boolean }>;
}

const firstLine = (text: string, ...folders: readonly string[]): string =>
  folders
    .reduce((line, folder) => line.replaceAll(folder, "…"), text.trim().split("\n").at(-1) ?? "")
    .replaceAll(/\[\d+\.\d s\]/g, "")
    .replaceAll(/process \d+/g, "process N");

const leftIn = (folder: string): string => list(folder).join(", ") || "nothing";

/** Writes where there is no room, or where nothing can be written. */
const refusing = (command: Command, what: string, options: string, says: RegExp): Trial => ({
  name: `${command.name}, ${what}`,
  run: () =>
    onMount(options, async (volume) => {
      const { ended, stderr } = await runOn({ ...command, args: command.args }, volume, {});
      const left = leftIn(volume);
      return {
        seen: firstLine(stderr, volume),
        left,
        well: ended === "exit code 1" && left === "nothing" && says.test(stderr),
      };
    }),
});

/** Onto a folder that a file system is mounted on, twice. */
const mounted = (command: Command, at: string): Trial => ({
  name: `${command.name} into a mount point, twice`,
  run: () =>
    onMount("size=600m", async (volume) => {
      const onto = { ...command, args: command.args.map((arg) => arg.replace(`{out}/${at}`, "{out}")) };
      const force = command.name === "make-checkpoint" ? ["--force"] : [];
      const first = await runOn(onto, volume);
      const names = leftIn(volume);
      const second = await runOn({ ...onto, args: [...onto.args, ...force] }, volume);
      const after = leftIn(volume);
      return {
        seen: [first, second].map(({ ended }) => ended).join(", "),
        left: after === names && names !== "nothing" ? "the whole of it" : after,
        well: first.ended === "exit code 0" && second.ended === "exit code 0" && after === names && names !== "nothing",
      };
    }),
});

/** Two that write to one folder at once, of which the second is refused or the result is the second's. */
const twoWriters: Trial = {
  name: "two make-checkpoint --force with other shards into one folder",
  run: () =>
    inNewFolder(async (out) => {
      const make = (shards: number): Command => ({
        name: "make-checkpoint",
        file: CLI,
        args: [
          "make-checkpoint",
          "gpt2",
          "--dtype",
          "f16",
          "--seed",
          "1",
          "--force",
          "--shards",
          `${shards}`,
          "--out",
          "{out}/made",
        ],
      });
      const both = await Promise.all([2, 3].map((shards) => runOn(make(shards), out)));
      const names = readdirSync(join(out, "made")).sort();
      const shards = names.filter((name) => name.endsWith(".safetensors"));
      const index = JSON.parse(readFileSync(join(out, "made", "model.safetensors.index.json"), "utf8"));
      const listed = [...new Set<unknown>(Object.values(index.weight_map))].sort();
      const whole = JSON.stringify(listed) === JSON.stringify(shards) && names.length === shards.length + 2;
      const endings = both.map(({ ended }) => ended);
      return {
        seen: `${endings.join(", ")}${both.map(({ stderr }) => (stderr === "" ? "" : `; ${firstLine(stderr, out)}`)).join("")}`,
        left: whole ? `one whole checkpoint of ${shards.length} shards` : names.join(", "),
        well: whole && endings.includes("exit code 0"),
      };
    }),
};

/** stdout that takes nothing, and streams that nobody reads. */
function streamTrials(inputs: Inputs): readonly Trial[] {
  const commands: readonly Command[] = [
    { name: "--help", file: CLI, args: ["--help"] },
    ...printers(inputs).map((c) => ({ ...c, args: c.args.map((arg) => (arg === "500" ? "20" : arg)) })),
    { name: "compile", file: CLI, args: ["compile", "gpt2", "--out", "{out}/bundle"] },
  ];
  return commands.flatMap((command): Trial[] => [
    {
      name: `${command.name}, stdout on a full disk`,
      run: () =>
        inNewFolder(async (out) => {
          const { ended, stderr } = await runOn(command, out, { stdout: openFull() });
          const line = firstLine(stderr);
          return {
            seen: `${ended}; ${line}`,
            left: lefts(out),
            well: ended === "exit code 1" && line.startsWith("wgpt: stdout: can't be written"),
          };
        }),
    },
    ...(["stdout", "stderr"] as const).map(
      (stream): Trial => ({
        name: `${command.name}, ${stream} closed by its reader`,
        run: () =>
          inNewFolder(async (out) => {
            const child = start(command, out, { stdout: "pipe" });
            child[stream]?.destroy();
            if (stream === "stderr") child.stdout?.resume();
            const { ended, stderr } = await ending(child);
            return { seen: ended, left: lefts(out), well: ended === "exit code 0" && !/Error|\n\s+at /.test(stderr) };
          }),
      }),
    ),
  ]);
}

const lefts = (out: string): string => (leftIn(out) === "nothing" ? "nothing" : "the whole of it");

/** Files that the user who runs it may not read. The user is nobody. */
const unreadable = (what: string, file: string, args: (folder: string) => readonly string[]): Trial => ({
  name: `a ${what} that may not be read`,
  run: () =>
    inNewFolder(async (root) => {
      chmodSync(root, 0o755);
      const folder = join(root, "model");
      cpSync(EMBEDDED, folder, { recursive: true });
      writeFileSync(join(folder, "g.graph"), "graph g(x: f32[2]) {\n  y = add(x, x)\n  return y\n}\n");
      writeFileSync(join(folder, "plugin.mjs"), "export default {};\n");
      writeFileSync(join(folder, "text.txt"), "a");
      chmodSync(join(folder, file), 0);
      const out = join(root, "out");
      mkdirSync(out);
      chmodSync(out, 0o777);
      const child = start({ name: what, file: CLI, args: args(folder) }, out, { user: 65534 });
      const { ended, stderr } = await ending(child);
      const line = firstLine(stderr, root);
      return {
        seen: line,
        left: leftIn(out),
        well: ended === "exit code 1" && line.includes(`…/${join("model", file)}:`) && /permission denied/.test(line),
      };
    }),
});

export function trials(inputs: Inputs): readonly Trial[] {
  const [make, pack, dump, logits, site] = writers(inputs);
  if (!make || !pack || !dump || !logits || !site) throw new Error("five writers are wanted");
  const full = /no space left on device|but this disk has/;
  return [
    ...[make, pack, dump, logits, site].flatMap((command) => [
      refusing(command, "the disk is full", "size=256k", full),
      refusing(command, "the disk is only read", "ro", /read-only file system/),
    ]),
    mounted(make, "made"),
    mounted(pack, "bundle"),
    mounted(site, "site"),
    twoWriters,
    ...streamTrials(inputs),
    unreadable("checkpoint's folder", "", (f) => ["inspect", f]),
    unreadable("config.json", "config.json", (f) => ["inspect", f]),
    unreadable("checkpoint", "model.safetensors", (f) => ["generate", "--model", f, "a"]),
    unreadable("tokenizer", "tokenizer.json", (f) => ["generate", "--model", f, "a"]),
    unreadable("graph", "g.graph", (f) => ["compile", join(f, "g.graph"), "--out", join(f, "..", "out", "b")]),
    unreadable("plugin", "plugin.mjs", (f) => ["inspect", "gpt2", "--plugin", join(f, "plugin.mjs")]),
    unreadable("text", "text.txt", (f) => ["score", "--file", join(f, "text.txt")]),
  ];
}
