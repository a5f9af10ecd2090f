// An op of your own, softsign(x) = x / (1 + |x|). It is pointwise, so it joins the kernel of the matmul before it: no pass,
// kernel or template knows its name.
//
//   npx tsx examples/05-your-own-op.ts
import { compileEntries, definePlugin, extend, standard, targetForAdapter } from "wgpt/codegen";
import { countElements, definePointwise, hostTensor, interpret, parseGraph } from "wgpt/ir";
import { createRng, Executor, openDawn, printAdapter } from "wgpt/runtime";

const softsign = definePointwise({
  name: "softsign",
  summary: "x over one plus its size",
  operands: ["x"],
  accepts: ["f32"],
  scalar: ([x]) => x / (1 + Math.abs(x)), // what it means, for the interpreter
  wgsl: ([x]) => `${x} / (1.0 + abs(${x}))`, // the same for kernels; x comes as a name or a literal
});

const text = `graph layer(x: f32[1, 64], weight w: f32[64, 256], weight b: f32[256]) {
  product = matmul(x, w)
  sum = add(product, b)
  y = softsign(sum)
  return y
}`;
const toolkit = extend(standard, definePlugin({ name: "softsign", ops: [softsign] }));
const graph = parseGraph(text, toolkit);

const gpu = await openDawn();
const target = targetForAdapter(gpu.adapter);
const compile = (disable: readonly string[]) =>
  compileEntries("layer", [{ name: "main", graph }], { target, toolkit, disable }).plan;
const fusing = toolkit.passes.filter((pass) => pass.role === "fuse").map((pass) => pass.name);
const plan = compile([]);
const count = ({ entries }: typeof plan) => entries.flatMap((e) => e.steps).length;
console.log(`dispatches: ${count(compile(fusing))} without fusion, ${count(plan)} with it`);
for (const { name, wgsl } of plan.kernels)
  console.log(`${name}.wgsl has\n\n${wgsl.match(/fn store_result[^}]*\n}/)?.[0]}\n`);

const rng = createRng(1);
const inputs = new Map(
  graph.inputs.map(({ value: { name, type } }) => {
    const shape = type.shape.map(Number);
    const data = Float32Array.from({ length: countElements(shape) }, () => 2 * rng.next() - 1);
    return [name, hostTensor("f32", shape, data)] as const;
  }),
);
const executor = await Executor.create(gpu, plan);
for (const [name, { data }] of inputs) executor.write(name, Float32Array.from(data));
executor.run("main", {});
const [actual] = await Promise.all(executor.entry("main").outputs.map((output) => executor.read(output, {})));
const [expected] = interpret(graph, inputs);
const off = actual?.map((v, i) => Math.abs(v - (expected?.data[i] ?? Number.NaN))) ?? [];
console.log(`largest difference from the interpreter: ${Math.max(...off).toExponential(1)}`);
console.log(`on ${printAdapter(gpu.adapter)}`);

executor.destroy();
gpu.close();
