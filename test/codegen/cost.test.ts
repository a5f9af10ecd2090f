// Predicted times: what a dispatch asks for, what bounds it, and how near that is to what was measured on a GPU.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, definePlugin, extend, standard } from "../../codegen/compile.ts";
import { type Demand, demandOf, predict } from "../../codegen/cost.ts";
import type { Kernel } from "../../codegen/kernel.ts";
import { MACHINES } from "../../codegen/machines.ts";
import { rankKernels } from "../../codegen/rank-kernels.ts";
import { renderShader } from "../../codegen/render-shader.ts";
import { candidates } from "../../codegen/select-kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import type { Node } from "../../ir/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { matmul, transposed } from "./kernel-texts.ts";

const test = suite("cost");
const h100 = targetByName("h100");
const plain = targetByName("webgpu-default");

/** The last node of what the passes make of a graph. */
function nodeOf(text: string, maxima: SymbolValues = {}): Node {
  const compiled = compileEntries("g", [{ name: "run", graph: parseGraph(text), maxima }], { target: h100 });
  return at(at(compiled.entries, 0).fused.nodes, -1);
}

const NOTHING: Demand = {
  groups: 1000,
  size: 256,
  sharedBytes: 0,
  memoryBytes: 0,
  cacheBytes: 0,
  accesses: 0,
  accessBytes: 0,
  unpacked: 0,
  waits: 0,
  nearWaits: 0,
  multiplyAdds: 0,
  shared: 0,
  barriers: 0,
};

test("a pointwise node asks for what it loads and stores, once", () => {
  const node = nodeOf("graph g(x: f32[T, 64], y: f32[T, 64]) { z = add(x, y) return z }", { T: 1000 });
  const chosen = at(rankKernels(node, plain, { T: 100 }), 0);
  const demand = demandOf(renderShader(chosen, node, plain), { T: 100 });
  assert.is(demand.memoryBytes, 3 * 4 * 6400);
  assert.is(demand.cacheBytes, 3 * 4 * 6400);
  assert.is(demand.accesses, 3 * 6400);
  assert.is(demand.unpacked, 0);
  assert.is(demand.nearWaits, 0);
  assert.ok(demand.waits > 1.9 && demand.waits <= 2);
});

test("a row that every column reads comes out of memory once, and a matrix as a whole", () => {
  const node = nodeOf(matmul("1", 512, 1024));
  for (const chosen of rankKernels(node, h100, {})) {
    const { memoryBytes, cacheBytes } = demandOf(renderShader(chosen, node, h100), {});
    assert.is(memoryBytes, 4 * (512 + 512 * 1024 + 1024), chosen.kernel.name);
    assert.ok(cacheBytes >= memoryBytes, chosen.kernel.name);
  }
});

test("each bound is reached by what it counts", () => {
  const { h100: machine } = MACHINES;
  const bounds: readonly (readonly [Partial<Demand>, string, number])[] = [
    [{ memoryBytes: machine.bandwidth }, "memory", 1],
    [{ cacheBytes: machine.cacheBandwidth }, "cache", 1],
    [{ multiplyAdds: machine.multiplyAdds.f32 }, "arithmetic", 1],
    [{ shared: machine.sharedBandwidth / 4 }, "shared", 1],
    [{ waits: 1e6 }, "latency", 1e6 * machine.latency],
    [{}, "launch", 0],
  ];
  for (const [part, bound, seconds] of bounds) {
    const made = predict({ ...NOTHING, ...part }, machine);
    assert.is(made.bound, bound);
    assert.ok(Math.abs(made.seconds - machine.launch - seconds) < 1e-9 * seconds + 1e-15, `${bound} ${made.seconds}`);
  }
});

test("fewer workgroups than units leave units idle, and one subgroup a scheduler waits for its own results", () => {
  const { h100: machine } = MACHINES;
  const work = { ...NOTHING, multiplyAdds: machine.multiplyAdds.f32 };
  const whole = predict({ ...work, groups: machine.units }, machine).parts.arithmetic;
  const half = predict({ ...work, groups: machine.units / 2 }, machine).parts.arithmetic;
  assert.ok(Math.abs(half / whole - 2) < 1e-9);
  const alone = predict({ ...work, groups: machine.units, size: 32 }, machine).parts.arithmetic;
  assert.ok(alone > 4 * whole);
});

test("workgroup memory limits how many workgroups are resident", () => {
  const { h100: machine } = MACHINES;
  const waiting = { ...NOTHING, groups: machine.units * 8, waits: 1000 };
  const free = predict(waiting, machine).parts.latency;
  const held = predict({ ...waiting, sharedBytes: machine.sharedBytes / 2 }, machine).parts.latency;
  assert.ok(Math.abs(held / free - 4) < 1e-9, `${held / free}`);
});

test("software adds its costs up, and reads no faster than memory gives", () => {
  const { lavapipe } = MACHINES;
  const one = predict({ ...NOTHING, multiplyAdds: 1e9 }, lavapipe);
  const two = predict({ ...NOTHING, multiplyAdds: 1e9, shared: 1e9 }, lavapipe);
  assert.ok(Math.abs(two.seconds - one.seconds - 1e9 * lavapipe.software.shared) < 1e-6);
  assert.is(predict({ ...NOTHING, memoryBytes: lavapipe.bandwidth }, lavapipe).seconds, 1);
});

/** Microseconds of the kernel for one row, 8 × 8 invocations with one vector each, on an H200 (bench/results/README.md). */
const MEASURED: readonly (readonly [inner: number, columns: number, halves: number, floats: number])[] = [
  [1600, 4800, 116, 138],
  [1600, 1600, 39, 47],
  [1600, 6400, 96, 125],
  [6400, 1600, 147, 342],
  [768, 2304, 20, 20],
  [768, 768, 21, 20],
  [3072, 768, 86, 104],
];

test("what was measured of seven matrices on an H200 is predicted within a factor of three, and on average within a third", () => {
  const ratios: number[] = [];
  for (const [inner, columns, halves, floats] of MEASURED)
    for (const [dtype, measured] of [
      ["f16", halves],
      ["f32", floats],
    ] as const) {
      const cast = dtype === "f16" ? "c = cast(b, to=f32) y = matmul(a, c)" : "y = matmul(a, b)";
      const text = `graph g(a: f32[1, ${inner}], weight b: ${dtype}[${inner}, ${columns}]) { ${cast} return y }`;
      const node = nodeOf(text);
      const ranked = rankKernels(node, h100, {}).find(
        ({ kernel, config: { vectors, lanes, split } }) =>
          kernel.name === "matmul_gemv_vectorized" && vectors === 1 && lanes === 8 && split === 8,
      );
      assert.ok(ranked, text);
      ratios.push(((ranked?.prediction.seconds ?? 0) * 1e6) / measured);
    }
  for (const ratio of ratios) assert.ok(ratio > 1 / 3 && ratio < 3, ratios.join(" "));
  const mean = Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / ratios.length);
  assert.ok(mean > 3 / 4 && mean < 4 / 3, `${mean}`);
});

test("the first has the least time, and all that take the node are there", () => {
  const node = nodeOf(transposed("1", 256, 512));
  const ranked = rankKernels(node, h100, {});
  const seconds = ranked.map((r) => r.prediction.seconds);
  assert.ok(at(seconds, 0) <= 1.01 * Math.min(...seconds));
  assert.equal(
    seconds.slice(1),
    seconds.slice(1).toSorted((a, b) => a - b),
  );
  assert.is(
    ranked.length,
    candidates(node, h100).reduce((n, c) => n + c.configs.length, 0),
  );
  assert.is(rankKernels(node, h100, {}), ranked, "found once");
});

test("a kernel that does not account for its work is taken to touch each buffer once", () => {
  const [pointwise] = standard.kernels.filter((k) => k.name === "pointwise");
  assert.ok(pointwise);
  const silent: Kernel = {
    ...(pointwise as Kernel),
    name: "silent",
    lower(...args) {
      const { work: _work, ...lowered } = (pointwise as Kernel).lower(...args);
      return lowered;
    },
  };
  const toolkit = extend(standard, definePlugin({ name: "quiet", kernels: [silent] }));
  const node = nodeOf("graph g(x: f32[4096]) { y = tanh(x) return y }");
  const ranked = rankKernels(node, plain, {}, toolkit);
  const [ours, theirs] = ["pointwise", "silent"].map((name) => ranked.find((r) => r.kernel.name === name));
  assert.is(theirs?.prediction.parts.memory, (2 * 4 * 4096) / plain.machine.bandwidth);
  assert.is(theirs?.prediction.parts.memory, ours?.prediction.parts.memory);
});

test.run();
