// The typed module of a bundle, printed with ts-morph: `load`, and an interface with the names, shapes and facts of what it loads
// in its types: a language model's here, that of graphs of any kind from graph-module.ts. It imports wgpt/runtime and nothing else.
import {
  type FunctionDeclarationStructure,
  IndentationText,
  type MethodSignatureStructure,
  type OptionalKind,
  Project,
  type StatementStructures,
  StructureKind,
  ts,
  VariableDeclarationKind,
} from "ts-morph";
import type { BundleWeights, UnhashedPlan } from "../../base/bundle.ts";
import { chunkOf, type PlanModel } from "../../base/plan.ts";
import { graphParts } from "./graph-module.ts";
import { type ModuleParts, matrixDType, reader } from "./module-parts.ts";

/** What the module is printed from. */
export interface ModuleSource {
  readonly plan: UnhashedPlan;
  readonly weights: BundleWeights;
  /** A tokenizer's files by name; none when empty. */
  readonly tokenizer: ReadonlyMap<string, string>;
}

/** The module in TypeScript, and what becomes of it for those who run JavaScript. */
export interface ModuleTexts {
  readonly ts: string;
  readonly js: string;
  readonly dts: string;
}

export function printModule(bundle: ModuleSource): ModuleTexts {
  const project = new Project({
    useInMemoryFileSystem: true,
    manipulationSettings: { indentationText: IndentationText.TwoSpaces },
  });
  const file = project.createSourceFile("index.ts", { statements: statementsOf(bundle) });
  file.insertText(0, HEADER(bundle));
  file.formatText({ indentSize: 2 });
  const text = file.getFullText();
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    isolatedDeclarations: true,
    declaration: true,
    strict: true,
  };
  const js = ts.transpileModule(text, { compilerOptions: options, fileName: "index.ts" }).outputText;
  const dts = ts.transpileDeclaration(text, { compilerOptions: options, fileName: "index.ts" }).outputText;
  return { ts: text, js: indentByTwo(js), dts: indentByTwo(dts) };
}

/** TypeScript prints four spaces, and knows no other way. */
const indentByTwo = (text: string): string => text.replace(/^( {4})+/gm, (spaces) => " ".repeat(spaces.length / 2));

const HEADER = ({ plan }: ModuleSource): string =>
  `// ${plan.name} for ${plan.target}, compiled by wgpt. Generated: change the model or the compiler's options, not this file.\n`;

/** Types that every module imports. */
const LOADING_TYPES = ["AdapterReport", "GpuChoice", "GpuOptions", "ModuleOptions", "WeightsChoice"];
/** Types of wgpt/runtime, and of the language, that no interface may be called. */
const TAKEN = new Set([
  ...[
    ...LOADING_TYPES,
    "GenerateOptions",
    "GenerateResult",
    "GenerateStep",
    "Session",
    "Tensor",
    "Tokenizer",
    "TurnOptions",
  ],
  ...["Promise", "AsyncGenerator"],
]);

/** `gpt2` → `Gpt2`, `my-model` → `MyModel`, `tensor` → `TensorModel`. */
function typeName(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((part) => part !== "");
  const joined = words.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
  const type = joined.replace(/^(\d)/, "_$1") || "Model";
  return TAKEN.has(type) ? `${type}Model` : type;
}

function statementsOf({ plan, weights, tokenizer }: ModuleSource): (StatementStructures | string)[] {
  const parts = plan.model
    ? modelParts({ ...plan, model: plan.model, readsText: tokenizer.size > 0 }, weights)
    : graphParts(plan, weights);
  const name = typeName(plan.name);
  // A literal, one fact a line.
  const facts = Object.entries(parts.facts).map(([key, value]) => `${key}: ${JSON.stringify(value)},`);
  return [
    {
      kind: StructureKind.ImportDeclaration,
      moduleSpecifier: "wgpt/runtime",
      namedImports: [...LOADING_TYPES, ...parts.types]
        .sort()
        .map((type) => ({ name: type, isTypeOnly: true }))
        .concat(["folderOf", parts.loader].map((value) => ({ name: value, isTypeOnly: false }))),
    },
    {
      kind: StructureKind.VariableStatement,
      isExported: true,
      declarationKind: VariableDeclarationKind.Const,
      docs: ["What is known of the model before it is loaded."],
      declarations: [{ name: "facts", initializer: `{\n${facts.join("\n")}\n} as const` }],
      leadingTrivia: "\n",
    },
    {
      kind: StructureKind.Interface,
      name,
      isExported: true,
      docs: [parts.docs],
      properties: [...parts.properties],
      methods: [...parts.methods],
    },
    { kind: StructureKind.Function, ...loadFunction(parts, name) },
  ];
}

const chunkOfBundle = ({ symbols, variants: [variant] }: ModelPlan): number =>
  chunkOf({ symbols, entries: variant?.entries ?? [] });

type ModelPlan = UnhashedPlan & {
  readonly model: PlanModel;
  /** Whether the bundle has a tokenizer. */
  readonly readsText: boolean;
};

const modelParts = (plan: ModelPlan, weights: BundleWeights): ModuleParts => ({
  types: [
    "GenerateOptions",
    "GenerateResult",
    "GenerateStep",
    "Session",
    "Tensor",
    "TurnOptions",
    ...(plan.readsText ? ["Tokenizer"] : []),
  ],
  loader: "loadBundle",
  facts: modelFacts(plan, weights),
  ...modelInterface(plan),
  members: modelMembers(plan),
});

function modelFacts(plan: ModelPlan, weights: BundleWeights): Readonly<Record<string, unknown>> {
  const config = "config" in plan.source ? plan.source.config : {};
  return {
    name: plan.name,
    target: plan.target,
    // What every family says first, under the same names.
    ...plan.model,
    ...config,
    weights: matrixDType(weights),
    chunk: chunkOfBundle(plan),
    variants: plan.variants.map((v) => v.name),
  };
}

function modelInterface(plan: ModelPlan): Pick<ModuleParts, "docs" | "properties" | "methods"> {
  const { n_vocab, n_ctx } = plan.model;
  const row = `Promise<Tensor<"f32", readonly [rows: 1, n_vocab: ${n_vocab}]>>`;
  const tokens = { name: "tokens", type: "readonly number[]" };
  const methods: OptionalKind<MethodSignatureStructure>[] = [
    {
      name: "prefill",
      parameters: [tokens],
      returnType: row,
      docs: [
        `Appends tokens, in chunks of ${chunkOfBundle(plan)}: ids from 0 to ${n_vocab - 1}, with those before them ${n_ctx} at most.\nReturns the logits after the last one, f32[1, ${n_vocab}], before any softmax.\n@throws RuntimeError for an id that is none, and a context that is full.`,
      ],
    },
    {
      name: "decode",
      parameters: [{ name: "token", type: "number" }],
      returnType: row,
      docs: [
        `Appends one token, an id from 0 to ${n_vocab - 1}, and returns the logits after it, f32[1, ${n_vocab}].\n@throws RuntimeError for an id that is none, and a context that is full.`,
      ],
    },
    {
      name: "logits",
      parameters: [tokens],
      returnType: `Promise<Tensor<"f32", readonly [rows: number, n_vocab: ${n_vocab}]>>`,
      docs: [
        `Appends tokens and returns the logits after each of them, f32[tokens, ${n_vocab}].\n@throws RuntimeError for an id that is none, and a context that is full.`,
      ],
    },
    {
      name: "generate",
      parameters: [
        { name: "prompt", type: plan.readsText ? "string | readonly number[]" : "readonly number[]" },
        { name: "options", type: "GenerateOptions" },
      ],
      returnType: "AsyncGenerator<GenerateStep, GenerateResult>",
      docs: [
        `Forgets all tokens and continues \`prompt\`: yields each new token, and returns them all with the reason of the end.\n@throws RuntimeError for options out of range, and a prompt of more than ${n_ctx} tokens.`,
      ],
    },
    { name: "reset", returnType: "Promise<void>", docs: ["Forgets all tokens."] },
    {
      name: "session",
      parameters: [{ name: "options?", type: "TurnOptions" }],
      returnType: "Promise<Session>",
      docs: [
        "Opens one more sequence, which shares the weights, waits for no other, and has `generate`, `score`, `rewind` and more.",
      ],
    },
    {
      name: "close",
      returnType: "Promise<void>",
      docs: [
        "Frees what the model holds on the GPU, and the device unless it was given to `load`.\nCalls that run, wait or come later say that the session is closed.",
      ],
    },
  ];
  return {
    docs: `The model, loaded: one sequence of up to ${n_ctx} tokens, and as many others as \`session\` opens.\nA call waits until those before it have ended. \`generate\` ends when the loop over it is left, so that a call that is\nawaited inside that loop waits for ever.`,
    properties: [
      reader("facts", "typeof facts", "What is known of the model before it is loaded."),
      reader("variant", "(typeof facts.variants)[number]", "Which of the bundle's variants runs."),
      reader("adapter", "AdapterReport", "What it runs on."),
      reader(
        "tokenizer",
        plan.readsText ? "Tokenizer" : "undefined",
        plan.readsText ? "From text to ids and back." : "The bundle holds none.",
      ),
      reader("past", "number", "How many tokens its own session holds."),
      reader("bufferBytes", "number", "Bytes of all its GPU buffers."),
    ],
    methods,
  };
}

function loadFunction({ loader, members }: ModuleParts, model: string): OptionalKind<FunctionDeclarationStructure> {
  return {
    name: "load",
    isExported: true,
    isAsync: true,
    parameters: [
      { name: "gpu?", type: "GpuChoice<GpuOptions>" },
      { name: "weights?", type: "WeightsChoice" },
      { name: "options?", type: "ModuleOptions" },
    ],
    returnType: `Promise<${model}>`,
    docs: [
      "Loads the model onto a GPU.\n@param gpu - a device that is open, or how to choose one; the best adapter when absent.\n@param weights - a checkpoint's folder or address, or any source; the packed weights when absent.\n@param options - which variant, and where the bundle's files lie if a bundler moved this module.\n@throws RuntimeError when no adapter can run it, or the weights are missing or do not fit.",
    ],
    statements: [
      `const model = await ${loader}(options?.base ?? folderOf(import.meta.url), gpu, weights, options);`,
      `return {\n${members.map((member) => `${member},`).join("\n")}\n};`,
    ],
  };
}

function modelMembers(plan: ModelPlan): readonly string[] {
  const { n_vocab } = plan.model;
  return [
    "facts",
    "variant: model.variantIn(facts.variants)",
    "adapter: model.adapter",
    plan.readsText ? "tokenizer: model.needTokenizer()" : "tokenizer: undefined",
    "get past() { return model.past; }",
    "get bufferBytes() { return model.bufferBytes; }",
    `prefill: (tokens) => model.append(tokens, [1, ${n_vocab}])`,
    `decode: (token) => model.append([token], [1, ${n_vocab}])`,
    `logits: (tokens) => model.appendAll(tokens, ${n_vocab})`,
    "generate: (prompt, options) => model.generate(prompt, options)",
    "reset: () => model.reset()",
    "session: (options) => model.session(options)",
    "close: () => model.close()",
  ];
}
