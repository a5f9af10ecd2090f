// Both forms in which Mesa prints a disassembly, as blocks, loops and instructions.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countUnreadable, findLoops, parseDisassembly } from "../../../cli/isa/disassembly.ts";

const test = suite("disassembly");

/** As Mesa 25.0.7 printed it of `wgpt inspect gpt2 --stage isa --only h.0.attn.residual`. */
const stored = (family: string) =>
  parseDisassembly(
    readFileSync(new URL(`disassemblies/matmul_gemv_vectorized.add.768.${family}.txt`, import.meta.url), "utf8"),
  );

const BLOCKS = ["BB0", "BB1", "BB2", "BB9", "BB10", "BB11", "BB12", "BB19", "BB20"];

for (const [family, count, loads] of [
  // Mesa's own statistics say 168, 144 and 170: of RDNA 3, it counts before it aligns and prefetches loops.
  ["navi31", 175, ["buffer_load_b32", "buffer_load_b128"]],
  ["mi200", 144, ["buffer_load_dword", "buffer_load_dwordx4"]],
  ["gfx1201", 170, ["buffer_load_dword", "buffer_load_dwordx4"]],
] as const)
  test(`reads the disassembly of ${family}`, () => {
    const blocks = stored(family);
    assert.equal(
      blocks.map((b) => b.name),
      BLOCKS,
    );
    const code = blocks.flatMap((b) => b.instructions);
    assert.is(code.length, count);
    assert.is(code.at(-1)?.name, "s_endpgm");
    assert.equal(
      blocks[3]?.instructions.map((i) => i.name).filter((name) => name.startsWith("buffer_load")),
      loads,
    );
    assert.equal(
      findLoops(blocks).map(({ first, last }) => [blocks[first]?.name, blocks[last]?.name]),
      [
        ["BB1", "BB9"],
        ["BB11", "BB19"],
      ],
    );
  });

test("takes away results and encodings, repeats what is repeated, and leaves out what is no code", () => {
  const blocks = parseDisassembly(`After lowering:
	s_nop 7
BB0:
/* logical preds: */
	v_add_f32_e32 v1, v2, v3                                    ; 06020702
	 v1: %4:v[1],  s2: %5:vcc = v_add_co_u32 %1:v[0], 4
	s_nop 0                                                     ; bf800000
	(then repeated 2 times)
BB1
	s_endpgm
`);
  assert.equal(blocks, [
    {
      name: "BB0",
      instructions: [
        { name: "v_add_f32_e32", operands: "v1, v2, v3" },
        { name: "v_add_co_u32", operands: "%1:v[0], 4" },
        { name: "s_nop", operands: "0" },
        { name: "s_nop", operands: "0" },
        { name: "s_nop", operands: "0" },
      ],
    },
    { name: "BB1", instructions: [{ name: "s_endpgm", operands: "" }] },
  ]);
});

test("a loop goes to the last branch back to its begin; branches forward make none", () => {
  const blocks = parseDisassembly(
    [
      "BB0:",
      "\ts_cbranch_scc0 BB3",
      "BB1:",
      "\ts_cbranch_vccnz BB1",
      "BB2:",
      "\ts_branch block:BB0",
      "BB3:",
      "\ts_endpgm",
    ].join("\n"),
  );
  assert.equal(findLoops(blocks), [
    { first: 0, last: 2 },
    { first: 1, last: 1 },
  ]);
});

test("counts what the disassembler could not read", () => {
  const known = "\ts_nop 0                                                     ; bf800000\n";
  const unknown = "(invalid instruction)                                        ; 2c1a8a18\n";
  assert.is(countUnreadable(`BB0:\n${known}`), 0);
  assert.is(countUnreadable(`BB0:\n${unknown}${known}${unknown}`), 2);
});

test.run();
