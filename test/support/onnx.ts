// ONNX's own single-node test cases as graphs of ours: what somebody else says that an op means.
import { readFileSync } from "node:fs";
import { CompileError } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { castNumber, type HostTensor, hostTensor } from "../../ir/tensor.ts";
import type { DType } from "../../ir/type.ts";
import { attention } from "./onnx/attention.ts";
import { MOVES } from "./onnx/moves.ts";
import { type OnnxCase, OnnxNode, type Translator, Unsupported } from "./onnx/node.ts";
import { POINTWISE } from "./onnx/pointwise.ts";
import { ROWS } from "./onnx/rows.ts";
import { shared } from "./shared.ts";
import { decodeF16 } from "./tensors.ts";

export type { OnnxCase } from "./onnx/node.ts";

/** Where the cases are, or undefined on a machine that does not have them. */
export const ONNX_FILE = shared("data/onnx-node/cases.json");

/** ONNX's tolerance for its backend tests. */
export const ONNX_TOLERANCE = { rtol: 1e-3, atol: 1e-7 };

export type Translation =
  | {
      readonly graph: Graph;
      readonly inputs: ReadonlyMap<string, HostTensor>;
      readonly expected: readonly HostTensor[];
    }
  | { readonly unsupported: string };

interface TensorText {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly b64: string;
}
interface CaseText {
  readonly name: string;
  readonly nodes: readonly { op: string; inputs: string[]; outputs: string[]; attrs: Record<string, unknown> }[];
  readonly inputs: readonly TensorText[];
  readonly outputs: readonly TensorText[];
}

/** How each of ONNX's dtypes is read, and what it is here: 64 bits become 32, where the values fit. */
const DTYPES: Readonly<Record<string, readonly [DType, number, (view: DataView, offset: number) => number]>> = {
  float16: ["f16", 2, (view, offset) => decodeF16(view.getUint16(offset, true))],
  float32: ["f32", 4, (view, offset) => view.getFloat32(offset, true)],
  float64: ["f32", 8, (view, offset) => Math.fround(view.getFloat64(offset, true))],
  int32: ["i32", 4, (view, offset) => view.getInt32(offset, true)],
  int64: ["i32", 8, (view, offset) => Number(view.getBigInt64(offset, true))],
  uint32: ["u32", 4, (view, offset) => view.getUint32(offset, true)],
  uint64: ["u32", 8, (view, offset) => Number(view.getBigUint64(offset, true))],
  bool: ["bool", 1, (view, offset) => view.getUint8(offset)],
};

function decode({ name, dtype, shape, b64 }: TensorText): [string, HostTensor] {
  const known = DTYPES[dtype];
  if (!known) throw new CompileError(`onnx ${name}`, `its dtype is ${dtype}, which is none of ${Object.keys(DTYPES)}`);
  const [own, size, read] = known;
  const bytes = Buffer.from(b64, "base64");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [
    name,
    hostTensor(
      own,
      shape,
      Array.from({ length: bytes.byteLength / size }, (_, i) => read(view, i * size)),
    ),
  ];
}

/** All cases of the file, decoded; none where the file is not. */
export function onnxCases(): OnnxCase[] {
  if (ONNX_FILE === undefined) return [];
  const cases = JSON.parse(readFileSync(ONNX_FILE, "utf8")) as readonly CaseText[];
  return cases.flatMap(({ name, nodes, inputs, outputs }) =>
    nodes.map((node) => ({
      name,
      op: node.op,
      attrs: node.attrs,
      operands: node.inputs,
      results: node.outputs,
      inputs: new Map(inputs.map(decode)),
      outputs: new Map(outputs.map(decode)),
    })),
  );
}

const notOurs =
  (reason: string): Translator =>
  () => {
    throw new Unsupported(reason);
  };

const TRANSLATORS: Readonly<Record<string, Translator>> = {
  ...POINTWISE,
  ...ROWS,
  ...MOVES,
  Attention: attention,
  Shape: notOurs("a shape is known when the graph is made, and no value of it"),
  TensorScatter: notOurs("cache_update writes where the step begins, not where the data says"),
  TopK: notOurs("no op sorts"),
};

/**
 * The case as a graph whose inputs are the operands that carry data; axes, shapes and the like become attributes. Or why
 * not: the reasons are few, and the same for all the cases they hold for.
 */
export function translate(given: OnnxCase): Translation {
  const translator = TRANSLATORS[given.op];
  if (!translator) return { unsupported: `no ${given.op} among our ops` };
  const tensors = [...given.inputs.values(), ...given.outputs.values()];
  const fits = ({ dtype, data }: HostTensor) =>
    (dtype !== "i32" && dtype !== "u32") || data.every((x) => castNumber(x, dtype) === x);
  if (!tensors.every(fits)) return { unsupported: "integers of more than 32 bits" };
  const node = new OnnxNode(given);
  try {
    const made = [translator(node)].flat();
    const named = given.results.flatMap((name, i) => {
      const [value, expected] = [made[i], given.outputs.get(name)];
      return value && expected ? [{ value, expected }] : [];
    });
    const graph = node.builder.build(named.map(({ value }) => value));
    const inputs = new Map(
      [...given.inputs].filter(([name]) => graph.inputs.some((input) => input.value.name === name)),
    );
    return { graph, inputs, expected: named.map(({ expected }) => expected) };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: error.message };
    throw error;
  }
}
