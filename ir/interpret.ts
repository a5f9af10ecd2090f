// Runs a graph on the CPU with the ops' references, all in f64: slow, obviously right, and the oracle of every test.
import { type Attr, bindAttrs, printAttr } from "./attr.ts";
import { GraphBuilder } from "./builder.ts";
import { at, CompileError, unreachable } from "./errors.ts";
import type { Graph, Node, Part } from "./graph.ts";
import { slice } from "./ops/slice.ts";
import { type HostTensor, hostTensor } from "./tensor.ts";
import { bindDim, printDim, printType, type SymbolValues } from "./type.ts";
import { isLiteral, type Value } from "./value.ts";

/**
 * The graph's results for inputs given by name. Every symbol of the shapes needs a number; each input must have the
 * shape that its type has then.
 * @throws CompileError for an input that is missing, or has another shape or dtype.
 */
export function interpret(
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  symbols: SymbolValues = {},
): HostTensor[] {
  const env = new Map<Value, HostTensor>();
  for (const { value, part } of graph.inputs) {
    const whole = part && inputs.get(part.whole.name);
    const tensor = inputs.get(value.name) ?? (whole && takePart(whole, part, value));
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
    isLiteral(v) ? hostTensor(v.type.dtype, [], [v.literal]) : (env.get(v) ?? unreachable(`${v.name} has no value`));
  for (const node of graph.nodes) {
    const results = runNode(node, node.operands.map(read), symbols);
    node.results.forEach((r, i) => {
      env.set(r, at(results, i));
    });
  }
  return graph.results.map(read);
}

/** What a part of a weight holds, for a caller who has the whole. */
function takePart(whole: HostTensor, { axis, start }: Part, { type }: Value): HostTensor {
  const length = Number(at(type.shape, axis));
  return at(slice.reference?.([whole], { axis, start, length }) ?? [], 0);
}

function runNode(node: Node, args: readonly HostTensor[], symbols: SymbolValues): readonly HostTensor[] {
  if (node.body) {
    return interpret(node.body, new Map(node.body.inputs.map(({ value }, i) => [value.name, at(args, i)])), symbols);
  }
  const { op } = node;
  const attrs = bindAttrs(node.attrs, symbols);
  const unbound = Object.entries(attrs).find(([, value]) => isSymbolic(value));
  if (unbound)
    throw new CompileError(
      `interpret ${op.name} ${node.results[0]?.name ?? ""}`,
      `attribute ${unbound[0]} is ${printAttr(unbound[1])}, which has no value`,
      "interpret takes the symbols' values",
    );
  if (op.reference) return op.reference(args, attrs);
  if (!op.decompose) return unreachable(`${op.name} has neither reference nor decompose`);
  const builder = new GraphBuilder(op.name);
  const values = args.map((t, i) => builder.input(`x${i}`, t));
  const results = op.decompose(builder.emit, values, attrs);
  return interpret(builder.build(results), new Map(args.map((t, i) => [`x${i}`, t])), symbols);
}

const isSymbolic = (value: Attr): boolean =>
  typeof value === "object" && (Array.isArray(value) ? value.some(isSymbolic) : true);
