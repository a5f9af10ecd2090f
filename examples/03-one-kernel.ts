// One kernel: a layer norm compiled to WGSL, run on the GPU, and held against the op's own reference.
//
//   npx tsx examples/03-one-kernel.ts
import { compileEntries, targetForAdapter } from "wgpt/codegen";
import { countElements, evalDim, hostTensor, interpret, parseGraph } from "wgpt/ir";
import { createRng, Executor, openDawn, printAdapter } from "wgpt/runtime";

const graph = parseGraph(`
graph norm(x: f32[T, 96], weight gain: f32[96], weight shift: f32[96]) {
  y = layer_norm(x, gain, shift)
  return y
}`);

// Compiling needs no GPU; the adapter only says for which limits. T may be anything up to 8 in one call.
const gpu = await openDawn();
const { plan } = compileEntries("norm", [{ name: "main", graph, maxima: { T: 8 } }], {
  target: targetForAdapter(gpu.adapter),
});
for (const kernel of plan.kernels) console.log(`// ${kernel.name}.wgsl\n${kernel.wgsl}`);

// Random operands in [−2, 2), with T = 5 rows.
const symbols = { T: 5 };
const rng = createRng(1);
const inputs = new Map(
  graph.inputs.map(({ value: { name, type } }) => {
    const shape = type.shape.map((d) => evalDim(d, symbols) ?? 1);
    const data = Float32Array.from({ length: countElements(shape) }, () => 4 * rng.next() - 2);
    return [name, hostTensor(type.dtype, shape, data)] as const;
  }),
);

const executor = await Executor.create(gpu, plan);
for (const [name, { data }] of inputs) executor.write(name, Float32Array.from(data));
executor.run("main", symbols);
const { outputs } = executor.entry("main");
const [actual] = await Promise.all(outputs.map((output) => executor.read(output, symbols)));

const [expected] = interpret(graph, inputs, symbols);
const off = actual?.map((v, i) => Math.abs(v - (expected?.data[i] ?? Number.NaN))) ?? [];
console.log(
  `largest difference from the f64 reference: ${Math.max(...off).toExponential(1)}, of ${off.length} elements`,
);
console.log(`on ${printAdapter(gpu.adapter)}`);

executor.destroy();
gpu.close();
