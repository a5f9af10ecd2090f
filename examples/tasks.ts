// The tasks of 06-zero-shot.ts. GPT-2 was trained to continue text and nothing else; a task is put to it as the beginning of
// a text whose likeliest continuation is the answer. TL;DR, translation and questions are asked as its authors did
// (Radford et al. 2019, sections 3.6 to 3.8).

export interface Task {
  readonly about: string;
  /** Stands before and after the given text. */
  readonly before: string;
  readonly after: string;
  /** The answer ends where the model goes on to the next item. */
  readonly stop: readonly string[];
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  /** Given when the caller gives no text. */
  readonly sample: string;
}

const ARTICLE =
  "The harbour was closed on Tuesday after a storm tore two fishing boats from their moorings. Nobody was hurt. " +
  "The town council said that the damage to the pier would take at least three weeks to repair, and asked visitors " +
  "to use the ferry from the northern bay until then.";

/** The paper takes the best of two tokens at each step, which repeats less than always the best. */
const SUMMARY = { stop: ["\n\n"], maxNewTokens: 100, temperature: 1, topK: 2, sample: ARTICLE };
const GREEDY = { stop: ["\n"], maxNewTokens: 30, temperature: 0 };

export const TASKS: Readonly<Record<string, Task>> = {
  summarize: {
    about: "a summary, asked for in words",
    before: "Summarize the following article:\n\n",
    after: "\n\nSummary:",
    ...SUMMARY,
  },
  tldr: { about: "a summary, as the web asks for one", before: "", after: "\n\nTL;DR:", ...SUMMARY },
  translate: {
    about: "English to French, after three examples",
    before: "Good morning. = Bonjour.\nWhere is the station? = Où est la gare ?\nI am cold. = J'ai froid.\n",
    after: " =",
    ...GREEDY,
    sample: "The book is on the table.",
  },
  answer: {
    about: "the answer to a question",
    before: "Q: What is the capital of France?\nA: Paris\n\nQ: How many legs has a spider?\nA: Eight\n\nQ: ",
    after: "\nA:",
    ...GREEDY,
    sample: "Who wrote Romeo and Juliet?",
  },
  "few-shot": {
    about: "a pattern learnt from examples: the mood of a review",
    before: "Review: I loved every minute.\nMood: good\n\nReview: A dull mess.\nMood: bad\n\nReview: ",
    after: "\nMood:",
    ...GREEDY,
    sample: "The best film of the year.",
  },
};
