// A graph built by hand: printed, read back from its own text, and run on the CPU by the interpreter. Needs no GPU.
//
//   npx tsx examples/01-build-a-graph.ts
import {
  add,
  GraphBuilder,
  hostTensor,
  interpret,
  matmul,
  maximum,
  parseGraph,
  printGraph,
  symbol,
  tensorType,
  verify,
} from "wgpt/ir";

// y = relu(x · w + b). T, the number of rows, stays a symbol; the op files infer every other shape.
const T = symbol("T");
const b = new GraphBuilder("layer");
const x = b.input("x", tensorType("f32", [T, 3]));
const w = b.input("w", tensorType("f32", [3, 2]), "weight");
const bias = b.input("b", tensorType("f32", [2]), "weight");
const product = b.op(matmul, [x, w], {}, "product");
const y = b.op(maximum, [b.op(add, [product, bias], {}, "sum"), 0], {}, "y");
const graph = b.build([y]);
verify(graph);

// The text is the graph: tests, dumps and bug reports are written in it.
const text = printGraph(graph);
console.log(text);
const again = parseGraph(text);
console.log(`parsed and printed again, the text is ${printGraph(again) === text ? "the same" : "another"}\n`);

// The interpreter runs the ops' own references in f64. It is slow, and what everything else is checked against.
const inputs = new Map([
  ["x", hostTensor("f32", [2, 3], [1, 2, 3, -1, -2, -3])],
  ["w", hostTensor("f32", [3, 2], [1, 0, 0, 1, 1, 1])],
  ["b", hostTensor("f32", [2], [0.5, -0.5])],
]);
for (const { shape, data } of interpret(again, inputs, { T: 2 }))
  console.log(`y is [${shape.join(", ")}]: ${[...data].join(", ")}`);
