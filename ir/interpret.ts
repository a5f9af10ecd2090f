// Runs a graph on the CPU with the ops' references, all in f64: slow, obviously right, and the oracle of every test.
import { brokenConstraint } from "../base/plan.ts";
import { type Attr, type Attrs, bindAttrs, printAttr } from "./attr.ts";
import { GraphBuilder } from "./builder.ts";
import { graphConstraints } from "./constraints.ts";
import { at, CompileError } from "./errors.ts";
import { bindType } from "./fused.ts";
import type { Graph, Node } from "./graph.ts";
import { callMember } from "./member.ts";
import type { Op } from "./op.ts";
import { inputTensor } from "./recipe.ts";
import { countElements, type HostTensor, hostTensor } from "./tensor.ts";
import { bindDim, printDim, printType, type SymbolValues } from "./type.ts";
import { isLiteral, type Value } from "./value.ts";

/**
 * The graph's results for inputs given by name. Every symbol of the shapes needs a number; each input must have the
 * shape that its type has then. A weight with a recipe is made of the checkpoint's tensors, where they are given; see
 * `inputTensor`.
 * @throws CompileError for an input that is missing, or has another shape or dtype; and for symbols that break one of
 * `graphConstraints`.
 */
export function interpret(
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  symbols: SymbolValues = {},
): HostTensor[] {
  const broken = brokenConstraint(graphConstraints(graph), symbols);
  if (broken)
    throw new CompileError(`interpret ${graph.name}`, broken, "a call's symbols must keep within what they index");
  const env = new Map<Value, HostTensor>();
  for (const input of graph.inputs) {
    const { value } = input;
    const tensor = inputTensor(input, inputs);
    const wanted = value.type.shape.map((d) => printDim(bindDim(d, symbols))).join();
    if (!tensor)
      throw new CompileError(
        `interpret ${graph.name}`,
        `input ${value.name} is missing`,
        `it is ${printType(value.type)}`,
      );
    if (tensor.shape.join() !== wanted)
      throw new CompileError(
        `interpret ${graph.name}`,
        `input ${value.name} has shape [${tensor.shape.join(", ")}], but wants [${wanted.replaceAll(",", ", ")}]`,
        `it is ${printType(value.type)}`,
      );
    if (tensor.dtype !== value.type.dtype)
      throw new CompileError(
        `interpret ${graph.name}`,
        `input ${value.name} is ${tensor.dtype}, but wants ${value.type.dtype}`,
        "dtypes are never converted on the way in",
      );
    env.set(value, tensor);
  }
  const read = (v: Value): HostTensor =>
    isLiteral(v) ? hostTensor(v.type.dtype, [], [v.literal]) : (env.get(v) ?? undefinedValue(graph, v));
  for (const node of graph.nodes) {
    const results = runNode(node, node.operands.map(read), symbols);
    node.results.forEach((r, i) => {
      env.set(r, at(results, i));
    });
  }
  return graph.results.map(read);
}

function undefinedValue(graph: Graph, v: Value): never {
  throw new CompileError(
    `interpret ${graph.name}`,
    `${v.name} is read, but no input or node before makes it`,
    "`verify` says where",
  );
}

function runNode(node: Node, args: readonly HostTensor[], symbols: SymbolValues): readonly HostTensor[] {
  if (node.body) {
    return interpret(node.body, new Map(node.body.inputs.map(({ value }, i) => [value.name, at(args, i)])), symbols);
  }
  const { op } = node;
  const place = `interpret ${op.name} ${node.results[0]?.name ?? ""}`;
  const attrs = bindAttrs(node.attrs, symbols);
  const unbound = Object.entries(attrs).find(([, value]) => isSymbolic(value));
  if (unbound)
    throw new CompileError(
      place,
      `attribute ${unbound[0]} is ${printAttr(unbound[1])}, which has no value`,
      "interpret takes the symbols' values",
    );
  const member = op.reference ? "reference" : "decompose";
  const results = callMember(place, member, () => runOp(op, args, attrs, symbols, place));
  const wanted = node.results.map((r) => printType(bindType(r.type, symbols)));
  const given = Array.isArray(results) ? results.map(printTensor) : [String(results)];
  if (given.join() !== wanted.join())
    throw new CompileError(
      place,
      `its ${member} gives ${given.join(", ") || "nothing"}, but its infer says ${wanted.join(", ")}`,
      `mend ${member} or infer`,
    );
  return results;
}

function runOp(
  op: Op,
  args: readonly HostTensor[],
  attrs: Attrs,
  symbols: SymbolValues,
  place: string,
): readonly HostTensor[] {
  if (op.reference) return op.reference(args, attrs);
  if (!op.decompose)
    throw new CompileError(place, "has neither reference nor decompose", "one of them gives an op its meaning");
  const builder = new GraphBuilder(op.name);
  const values = args.map((t, i) => builder.input(`x${i}`, t));
  const results = op.decompose(builder.emit, values, attrs);
  return interpret(builder.build(results), new Map(args.map((t, i) => [`x${i}`, t])), symbols);
}

/** The type of what a reference made, which may be anything. */
function printTensor(t: Partial<HostTensor> | undefined): string {
  if (!t?.dtype || !t.shape || !t.data) return String(t);
  const elements = countElements(t.shape);
  const short = t.data.length === elements ? "" : ` with ${t.data.length} elements`;
  return `${printType({ dtype: t.dtype, shape: t.shape })}${short}`;
}

const isSymbolic = (value: Attr): boolean =>
  typeof value === "object" && (Array.isArray(value) ? value.some(isSymbolic) : true);
