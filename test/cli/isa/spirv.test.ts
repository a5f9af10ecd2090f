// What is read of SPIR-V, on modules of a few words.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readSpirv } from "../../../cli/isa/spirv.ts";

const test = suite("spirv");

const HEADER = [0x07230203, 0x00010300, 0, 100, 0];
const op = (code: number, ...operands: readonly number[]): readonly number[] => [
  ((operands.length + 1) << 16) | code,
  ...operands,
];
const bytes = (...words: readonly (readonly number[])[]): Uint8Array =>
  new Uint8Array(Uint32Array.from([...HEADER, ...words.flat()]).buffer);

/** `main_1`, in words of four characters. */
const NAME = [0x6e69616d, 0x0000315f];
const ENTRY = op(15, 5, 1, ...NAME, 20, 21);
const SIZE = op(16, 1, 17, 8, 4, 2);
const decorate = (id: number, set: number, binding: number) => [...op(71, id, 34, set), ...op(71, id, 33, binding)];
const variable = (id: number, storageClass: number) => op(59, 9, id, storageClass);

test("reads the entry point, the workgroup and the buffers in order", () => {
  const module = bytes(
    ENTRY,
    SIZE,
    decorate(20, 1, 0),
    decorate(21, 0, 3),
    decorate(22, 0, 1),
    variable(20, 2),
    variable(21, 12),
    variable(22, 12),
    // Workgroup memory is no buffer.
    variable(23, 4),
  );
  assert.equal(readSpirv(module, "k"), {
    entryPoint: "main_1",
    workgroup: [8, 4, 2],
    bindings: [
      { set: 0, binding: 1, kind: "storage" },
      { set: 0, binding: 3, kind: "storage" },
      { set: 1, binding: 0, kind: "uniform" },
    ],
  });
});

test("says what is no SPIR-V, is cut off, or has no entry point", () => {
  const whole = bytes(ENTRY, SIZE);
  const says = (module: Uint8Array, message: RegExp) => assert.throws(() => readSpirv(module, "k"), message);
  says(new Uint8Array(), /^k: Mesa wrote SPIR-V that does not begin with SPIR-V's number/);
  says(whole.subarray(0, whole.length - 4), /ends within an instruction, at word 12/);
  says(bytes([0]), /ends within an instruction, at word 5/);
  says(bytes(SIZE), /has no entry point with a workgroup/);
});

test.run();
