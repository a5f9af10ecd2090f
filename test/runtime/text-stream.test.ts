import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { StopMatcher, TextStream } from "../../runtime/text-stream.ts";
import type { Tokenizer } from "../../runtime/tokenizer.ts";
import { loadTokenizer } from "../../runtime/tokenizer-files.ts";

const test = suite("text-stream");

const tokenizer = await loadTokenizer(fileURLToPath(new URL("../../models/shakespeare", import.meta.url)));
if (!tokenizer) throw new Error("models/shakespeare has no tokenizer");

/** Every byte is a token. */
const BYTES = { tokenBytes: (id: number) => Uint8Array.of(id) };
const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];

/** What each push lets through, and the end last. */
function stream(ids: readonly number[], source: Pick<Tokenizer, "tokenBytes"> = BYTES): string[] {
  const text = new TextStream(source);
  return [...ids.map((id) => text.push(id)), text.end()];
}

function match(stops: readonly string[], pieces: readonly string[]): string[] {
  const matcher = new StopMatcher(stops);
  return [...pieces.map((piece) => matcher.push(piece)), matcher.end()];
}

test("holds a character back until its last byte", () => {
  assert.equal(stream(utf8("aé🚀b")), ["a", "", "é", "", "", "", "🚀", "b", ""]);
});

test("gives an unfinished character as U+FFFD at the end", () => {
  assert.equal(stream(utf8("a🚀").slice(0, 4)), ["a", "", "", "", "\ufffd"]);
});

test("gives invalid bytes as U+FFFD as soon as they are known to be invalid", () => {
  assert.equal(stream([0xff, 0xf0, 0x9f, 0x61, 0x80]), ["\ufffd", "", "", "\ufffda", "\ufffd", ""]);
});

test("keeps a byte order mark, at the start and later", () => {
  assert.is(stream(utf8("\ufeffa\ufeff")).join(""), "\ufeffa\ufeff");
});

test("begins anew after the end", () => {
  const text = new TextStream(BYTES);
  text.push(0xf0);
  text.end();
  assert.is(text.push(0x61), "a");
});

test("together gives exactly what decode gives, for any ids", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 40 }), (ids) => {
      assert.is(stream(ids, tokenizer).join(""), tokenizer.decode(ids));
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test("together gives exactly what a whole decode gives, for any bytes", () => {
  // Bytes that matter to UTF-8 more often than chance would have them.
  const telling = fc.constantFrom(
    0x41,
    0x80,
    0xbf,
    0xc2,
    0xe0,
    0xa0,
    0xed,
    0xef,
    0xbb,
    0xf0,
    0x90,
    0xf4,
    0x8f,
    0xf5,
    0xff,
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(telling, fc.nat(255)), { maxLength: 24 }), (bytes) => {
      const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
      assert.is(stream(bytes).join(""), whole);
    }),
    { seed: 1, numRuns: 3000 },
  );
});

test("cuts at a stop string within a piece", () => {
  assert.equal(match(["\n\n"], ["one\n\ntwo", "three"]), ["one", "", ""]);
});

test("cuts at a stop string that spans pieces, and lets none of it out", () => {
  assert.equal(match(["END"], ["a", "bE", "N", "Dc"]), ["a", "b", "", "", ""]);
});

test("lets held text out once it can no longer be a stop string", () => {
  assert.equal(match(["END"], ["E", "N", "E", "x"]), ["", "", "EN", "Ex", ""]);
});

test("lets held text out at the end", () => {
  assert.equal(match(["END"], ["aEN"]), ["a", "EN"]);
});

test("says which stop string it was", () => {
  const matcher = new StopMatcher(["xyz", "\nROMEO:"]);
  assert.is(matcher.matched, undefined);
  assert.is(matcher.push("so\nROMEO: ay"), "so");
  assert.is(matcher.matched, "\nROMEO:");
});

test("cuts at the stop string that ends first, and at the longest of those that end together", () => {
  assert.equal(match(["bcd", "c"], ["abcd"]), ["ab", ""]);
  assert.equal(match(["c", "bc", "xbc"], ["abcd"]), ["a", ""]);
});

test("lets everything through when there is no stop string", () => {
  assert.equal(match([], ["a", "b"]), ["a", "b", ""]);
});

test("refuses an empty stop string", () => {
  assert.throws(() => new StopMatcher(["a", ""]), /stop strings: one is empty/);
});

test("cuts the same text at the same place however it is pieced, and holds back no more than it must", () => {
  // Few letters, so that stop strings begin, fail, overlap and nest.
  const word = (minLength: number, maxLength: number) =>
    fc.array(fc.constantFrom("a", "b", "c"), { minLength, maxLength }).map((letters) => letters.join(""));
  fc.assert(
    fc.property(fc.array(word(1, 4), { maxLength: 3 }), fc.array(word(0, 4), { maxLength: 10 }), (stops, pieces) => {
      const matcher = new StopMatcher(stops);
      let given = "";
      let taken = "";
      for (const piece of pieces) {
        given += piece;
        taken += matcher.push(piece);
        const [text, stop] = cutSlowly(given, stops);
        assert.is(matcher.matched, stop);
        if (stop !== undefined) assert.is(taken, text);
        else {
          // What is held back is the beginning of a stop string: the next piece could make it one.
          const held = given.slice(taken.length);
          assert.is(taken + held, given);
          assert.ok(held === "" || stops.some((s) => s.startsWith(held)));
        }
      }
      assert.is(taken + matcher.end(), cutSlowly(given, stops)[0]);
    }),
    { seed: 1, numRuns: 3000 },
  );
});

/** The definition: at the first end of a stop string, cut off the longest one that ends there. */
function cutSlowly(text: string, stops: readonly string[]): [text: string, stop: string | undefined] {
  for (let end = 0; end <= text.length; end++) {
    const [stop] = stops.filter((s) => text.slice(0, end).endsWith(s)).sort((a, b) => b.length - a.length);
    if (stop !== undefined) return [text.slice(0, end - stop.length), stop];
  }
  return [text, undefined];
}

test.run();
