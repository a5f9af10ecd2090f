// ONNX's own single-node cases through the compiler and Dawn, to ONNX's tolerance.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { onGpu } from "../support/gpu.ts";
import { ONNX_FILE, ONNX_TOLERANCE, onnxCases, translate } from "../support/onnx.ts";
import { runOnGpu } from "../support/run-plan.ts";
import { skipUnless } from "../support/skip.ts";
import { assertClose } from "../support/tensors.ts";

const test = suite("onnx on dawn");

/** As many as there were when this was written last: fewer would be a loss that nobody notices. */
const COVERED = 150;

/** What a GPU has no place for, though the references have. */
function unfit(graph: Graph): string | undefined {
  const values = [...graph.inputs.map((i) => i.value), ...graph.nodes.flatMap((n) => n.results)];
  if (values.some((v) => v.type.dtype === "f16")) return "f16 outside of weights";
  if (graph.results.some((r) => r.literal !== undefined)) return "a constant result";
  if (graph.nodes.length === 0) return "nothing is computed";
  return undefined;
}

const reasons = new Map<string, string[]>();
const skip = (reason: string, name: string) => reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
let covered = 0;

for (const given of onnxCases()) {
  const translation = translate(given);
  // Said already where the references are tested.
  if ("unsupported" in translation) continue;
  const { graph, inputs, expected } = translation;
  const reason = unfit(graph);
  if (reason !== undefined) {
    skip(reason, given.name);
    continue;
  }
  covered++;
  onGpu(test)(`${given.name.replace(/^test_/, "").replaceAll("_", " ")}: ${given.op}`, async () => {
    const results = await runOnGpu(graph, inputs);
    assert.is(results.length, expected.length);
    expected.forEach((tensor, i) => {
      assertClose(at(results, i), tensor, ONNX_TOLERANCE, given.name);
    });
  });
}

for (const [reason, names] of reasons)
  skipUnless(test, undefined, reason)(`${names.length} cases: ${names.join(", ")}`, () => {});

skipUnless(
  test,
  ONNX_FILE,
  "no ../shared/data/onnx-node/cases.json",
)(`covers ${COVERED} of ONNX's cases or more`, () => {
  console.log(`${covered} ONNX cases on the GPU`);
  assert.ok(covered >= COVERED, `${covered}`);
});

test.run();
