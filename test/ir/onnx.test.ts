// The references against ONNX's own test cases, through the interpreter.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { printType, typeEquals } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";
import { ONNX_FILE, ONNX_TOLERANCE, onnxCases, translate } from "../support/onnx.ts";
import { skipUnless } from "../support/skip.ts";
import { assertClose } from "../support/tensors.ts";

const test = suite("onnx");

/** As many as there were when this was written last: fewer would be a loss that nobody notices. */
const COVERED = 201;

const cases = onnxCases();
const reasons = new Map<string, string[]>();
let covered = 0;

for (const given of cases) {
  const translation = translate(given);
  if ("unsupported" in translation) {
    reasons.set(translation.unsupported, [...(reasons.get(translation.unsupported) ?? []), given.name]);
    continue;
  }
  covered++;
  const { graph, inputs, expected } = translation;
  test(`${given.name.replace(/^test_/, "").replaceAll("_", " ")}: ${given.op}`, () => {
    verify(graph);
    const results = interpret(graph, inputs);
    assert.is(results.length, expected.length);
    assert.ok(expected.length > 0, "nothing is compared");
    expected.forEach((tensor, i) => {
      const found = at(results, i);
      assert.ok(typeEquals(found, tensor), `${printType(found)} instead of ${printType(tensor)}`);
      assertClose(found, tensor, ONNX_TOLERANCE, given.name);
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
  console.log(`${covered} of ${cases.length} ONNX cases covered`);
  assert.ok(covered >= COVERED, `${covered}`);
});

test.run();
