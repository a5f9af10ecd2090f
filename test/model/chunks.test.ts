// A text gives the same logits however it is fed: at once, token by token, or in chunks, up to the whole context.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import type { Session } from "../../runtime/session.ts";
import { onGpu } from "../support/gpu.ts";
import { allLogits, assertWithin, EMBEDDED, F32_BOUND, readReference, withSession } from "../support/models.ts";

const test = suite("chunks");
const gpuTest = onGpu(test);

const LENGTHS = [1, 2, 127, 128, 129, 200, 256];
const full = at(
  readReference(EMBEDDED).cases.filter((c) => c.ids.length === 256),
  0,
);

/** The logits after every token, when each is fed by itself: the decode path, which never sees two tokens at once. */
let decoded: readonly Float32Array[] = [];

async function feedOneByOne(session: Session): Promise<Float32Array[]> {
  await session.reset();
  const rows: Float32Array[] = [];
  for (const id of full.ids) rows.push((await session.feed([id])).slice());
  return rows;
}

async function feedWhole(session: Session, lengths: readonly number[]): Promise<void> {
  for (const n of lengths) {
    await session.reset();
    const logits = await session.feed(full.ids.slice(0, n));
    assert.is(session.past, n);
    assertWithin(logits, at(decoded, n - 1), F32_BOUND, `${n} tokens in chunks of ${session.chunk}`);
  }
}

gpuTest("token by token, the last place of the context is right", (gpu) =>
  withSession(gpu, EMBEDDED, { chunk: 1 }, async (session) => {
    decoded = await feedOneByOne(session);
    assert.is(decoded.length, 256);
    assertWithin(at(decoded, 255), at(full.logits, 0), F32_BOUND, "the last of 256 tokens");
  }),
);

// 128 is what a model is compiled with; 256 takes every length at once.
for (const chunk of [3, 7, 128, 256])
  gpuTest(`a prompt in chunks of ${chunk} gives what token by token gives`, (gpu) =>
    withSession(gpu, EMBEDDED, { chunk }, (session) => feedWhole(session, LENGTHS)),
  );

gpuTest("every position has the same logits, in calls of 1, 3, 7 and 128 tokens", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    for (const step of [1, 3, 7, 128]) {
      const logits = await allLogits(session, full.ids, step);
      decoded.forEach((row, i) => {
        const got = logits.subarray(i * row.length, (i + 1) * row.length);
        assertWithin(got, row, F32_BOUND, `position ${i} in calls of ${step}`);
      });
    }
  }),
);

gpuTest("a conversation that goes on in pieces is one text", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    await session.reset();
    let end = 0;
    for (const length of [5, 1, 130, 1, 63]) {
      const logits = await session.feed(full.ids.slice(end, end + length));
      end += length;
      assertWithin(logits, at(decoded, end - 1), F32_BOUND, `after ${end} tokens`);
    }
  }),
);

test.run();
