// What the emitted module's types say, checked when this file is compiled; when it runs, only that it can be imported.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Tensor } from "../../../runtime/index.ts";
import { facts, type load, type Tiny } from "../../golden/bundle/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Does not compile unless it is given `true`. */
const holds = <T extends true>(..._: T[]): void => undefined;
type Row = Promise<Tensor<"f32", readonly [rows: 1, n_vocab: 61]>>;

const test = suite("module types");

test("entry points have the model's own shapes and dtypes in their types", () => {
  holds<Same<ReturnType<Tiny["prefill"]>, Row>>();
  holds<Same<ReturnType<Tiny["decode"]>, Row>>();
  holds<Same<ReturnType<Tiny["logits"]>, Promise<Tensor<"f32", readonly [rows: number, n_vocab: 61]>>>>();
  holds<Same<Parameters<Tiny["decode"]>, [token: number]>>();
  holds<Same<ReturnType<typeof load>, Promise<Tiny>>>();
  holds<Same<Awaited<Row>["data"], Float32Array>>();
});

test("facts are literals, and a model without tokenizer takes token ids only", () => {
  holds<Same<typeof facts.n_layer, 2>>();
  holds<Same<Tiny["variant"], "base" | "subgroups">>();
  holds<Same<Parameters<Tiny["generate"]>[0], readonly number[]>>();
  assert.is(facts.n_vocab, 61);
  assert.equal(facts.variants, ["base", "subgroups"]);
});

test.run();
