// Bytes in flight and multiply-adds, on code that is small enough to count by hand.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countCode, loadedBytes, multiplyAddsOf } from "../../../cli/isa/count-code.ts";
import { parseDisassembly } from "../../../cli/isa/disassembly.ts";

const test = suite("count-code");

const count = (...lines: readonly string[]) =>
  countCode(parseDisassembly(lines.map((line) => (/^BB/.test(line) ? line : `\t${line}`)).join("\n")));

test("loads of 16 bytes add up until a wait, which leaves the newest", () => {
  const load = "buffer_load_b128 v[0:3], v9, s[0:3], 0 offen";
  const end = ["s_endpgm"];
  assert.is(count("BB0:", load, load, load, "s_waitcnt vmcnt(0)", load, ...end).bytesInFlight, 48);
  assert.is(count("BB0:", load, "s_waitcnt vmcnt(0)", load, "s_waitcnt vmcnt(0)", ...end).bytesInFlight, 16);
  // Two are on their way when two more are asked for.
  assert.is(count("BB0:", load, load, load, "s_waitcnt vmcnt(2) lgkmcnt(0)", load, load, ...end).bytesInFlight, 64);
  assert.is(count("BB0:", load, load, "s_waitcnt lgkmcnt(0)", load, ...end).bytesInFlight, 48, "that waits for others");
});

test("waits of the newest GPUs are read in each of their spellings", () => {
  const load = "global_load_b128 v[0:3], v[8:9], off";
  for (const wait of [
    "s_wait_loadcnt imm:1",
    "s_wait_loadcnt 0x1",
    "s_wait_loadcnt_dscnt dscnt(0) loadcnt(1)",
    "s_wait_loadcnt_dscnt 0x100",
  ])
    assert.is(count("BB0", load, load, wait, load, "s_endpgm").bytesInFlight, 32, wait);
  assert.is(count("BB0", load, load, "s_wait_kmcnt imm:0", load, "s_endpgm").bytesInFlight, 48);
});

test("what one turn of a loop leaves on its way counts in the next", () => {
  const pipelined = [
    "BB0:",
    "s_mov_b32 s0, 0",
    "BB1:",
    "buffer_load_dwordx4 v[0:3], v9, s[0:3], 0 offen",
    "s_waitcnt vmcnt(1)",
    "s_cbranch_scc1 BB1",
    "BB2:",
    "s_endpgm",
  ];
  assert.is(count(...pipelined).bytesInFlight, 32);
});

test("small loads count only where there are no others", () => {
  const [small, large] = [
    "buffer_load_ubyte v1, v2, s[0:3], 0 offen",
    "buffer_load_dwordx2 v[0:1], v2, s[0:3], 0 offen",
  ];
  assert.is(count("BB0:", small, small, small, "s_endpgm").bytesInFlight, 3);
  assert.is(count("BB0:", small, large, small, "s_endpgm").bytesInFlight, 8);
  assert.is(count("BB0:", "s_endpgm").bytesInFlight, 0);
});

test("every spelling of a load has its bytes, and what reads no buffer has none", () => {
  const bytes = {
    buffer_load_b128: 16,
    buffer_load_b96: 12,
    global_load_b64: 8,
    buffer_load_d16_b16: 2,
    buffer_load_d16_hi_u8: 1,
    buffer_load_u16: 2,
    buffer_load_dword: 4,
    buffer_load_dwordx3: 12,
    buffer_load_ushort: 2,
    buffer_load_short_d16_hi: 2,
    global_load_sbyte: 1,
    buffer_load_format_xyzw: 16,
    buffer_load_format_d16_xy: 4,
    s_load_b128: 0,
    ds_load_b128: 0,
    buffer_store_b128: 0,
    scratch_load_b128: 0,
  };
  for (const [name, expected] of Object.entries(bytes)) assert.is(loadedBytes({ name, operands: "" }), expected, name);
});

test("multiply-adds are those of floats, packed and paired ones as many as they are", () => {
  for (const [text, expected] of [
    ["v_fmac_f32_e32 v8, v12, v6", 1],
    ["v_mac_f32_dpp v8, v12, v6", 1],
    ["v_fma_mix_f32 v0, v1, v2, v3", 1],
    ["v_fma_f16 v0, v1, v2, v3", 1],
    ["v_pk_fma_f16 v0, v1, v2, v3", 2],
    ["v_pk_fma_f32 v[0:1], v[2:3], v[4:5], v[6:7]", 2],
    ["v_dot2_f32_f16 v0, v1, v2, v3", 2],
    ["v_dot4c_i32_i8 v0, v1, v2", 4],
    ["v_dual_fmac_f32 v0, v1, v2 :: v_dual_fmac_f32 v3, v4, v5", 2],
    ["v_dual_mov_b32 v0, v1 :: v_dual_fmac_f32 v3, v4, v5", 1],
    ["v_mad_u32_u24 v0, v1, v2, v3", 0],
    ["v_mul_f32_e32 v0, v1, v2", 0],
    ["s_fmac_f32 s0, s1, s2", 0],
  ] as const) {
    const [name = "", ...operands] = text.split(" ");
    assert.is(multiplyAddsOf({ name, operands: operands.join(" ") }), expected, text);
  }
});

test("the hot loop is the one that multiplies most itself, without what is in it", () => {
  const { hot } = count(
    "BB0:",
    "v_fma_f32 v0, v1, v2, v3",
    "BB1:",
    "v_fma_f32 v0, v1, v2, v3",
    "BB2:",
    "v_fma_f32 v0, v1, v2, v3",
    "v_fma_f32 v0, v1, v2, v3",
    "s_cbranch_scc1 BB2",
    "BB3:",
    "s_branch BB1",
    "BB4:",
    "s_endpgm",
  );
  assert.equal(hot, { loop: ["BB2", "BB2"], multiplyAdds: 2, instructions: 3 });
});

test("code without a loop that multiplies is hot as a whole", () => {
  assert.equal(count("BB0:", "v_fma_f32 v0, v1, v2, v3", "s_endpgm").hot, { multiplyAdds: 1, instructions: 2 });
});

test("a matrix times a vector, as Mesa compiled it: one load of 16 bytes at a time, four multiply-adds", () => {
  const counted = ["navi31", "mi200", "gfx1201"].map((family) => {
    const file = `disassemblies/matmul_gemv_vectorized.add.768.${family}.txt`;
    return countCode(parseDisassembly(readFileSync(new URL(file, import.meta.url), "utf8")));
  });
  const loop = ["BB1", "BB9"] as const;
  assert.equal(counted, [
    { bytesInFlight: 16, hot: { loop, multiplyAdds: 4, instructions: 36 } },
    { bytesInFlight: 16, hot: { loop, multiplyAdds: 4, instructions: 31 } },
    { bytesInFlight: 16, hot: { loop, multiplyAdds: 4, instructions: 36 } },
  ]);
});

test.run();
