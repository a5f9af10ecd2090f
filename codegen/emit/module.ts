// The typed module of a bundle, printed with ts-morph: `load` and the model's entry points, with its own names, shapes and
// facts in their types. It imports wgpt/runtime and nothing else.
import {
  type FunctionDeclarationStructure,
  IndentationText,
  type InterfaceDeclarationStructure,
  type MethodSignatureStructure,
  type OptionalKind,
  Project,
  type StatementStructures,
  StructureKind,
  ts,
  VariableDeclarationKind,
} from "ts-morph";
import type { BundlePlan, BundleWeights } from "../../base/bundle.ts";
import { symbolMaxima } from "../../base/plan.ts";

/** What the module is printed from. */
export interface ModuleSource {
  readonly plan: BundlePlan;
  readonly weights: BundleWeights;
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

/** Types that the module imports. */
const IMPORTED_TYPES = [
  ...["AdapterReport", "GenerateOptions", "GenerateResult", "GenerateStep", "GpuChoice", "GpuOptions"],
  ...["ModuleOptions", "Tensor", "Tokenizer", "WeightsChoice"],
];
/** Types that mean something else in the module. */
const TAKEN = new Set([...IMPORTED_TYPES, "Promise", "AsyncGenerator"]);

/** `gpt2` → `Gpt2`, `my-model` → `MyModel`, `tensor` → `TensorModel`. */
function typeName(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((part) => part !== "");
  const joined = words.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
  const type = joined.replace(/^(\d)/, "_$1") || "Model";
  return TAKEN.has(type) ? `${type}Model` : type;
}

function statementsOf(bundle: ModuleSource): (StatementStructures | string)[] {
  const { plan } = bundle;
  const model = typeName(plan.name);
  return [
    {
      kind: StructureKind.ImportDeclaration,
      moduleSpecifier: "wgpt/runtime",
      namedImports: IMPORTED_TYPES.filter((name) => name !== "Tokenizer" || plan.tokenizer)
        .map((name) => ({ name, isTypeOnly: true }))
        .concat(["folderOf", "loadBundle"].map((name) => ({ name, isTypeOnly: false }))),
    },
    {
      kind: StructureKind.VariableStatement,
      isExported: true,
      declarationKind: VariableDeclarationKind.Const,
      docs: ["What is known of the model before it is loaded."],
      declarations: [{ name: "facts", initializer: `${factsOf(bundle)} as const` }],
      leadingTrivia: "\n",
    },
    { kind: StructureKind.Interface, ...interfaceOf(bundle, model) },
    { kind: StructureKind.Function, ...loadFunction(bundle, model) },
  ];
}

/** A literal, one fact a line. */
function factsOf({ plan, weights }: ModuleSource): string {
  const { n_layer, n_ctx, n_vocab, eos_token_ids } = plan.model;
  const { n_head, n_embd } = plan.source.config as Readonly<Record<string, number>>;
  const matrices = weights.tensors.filter((t) => t.shape.length > 1);
  const facts: Readonly<Record<string, unknown>> = {
    name: plan.name,
    target: plan.target,
    n_layer,
    n_head,
    n_embd,
    n_ctx,
    n_vocab,
    eos_token_ids,
    weights: matrices.every((t) => t.dtype === "f16") ? "f16" : "f32",
    chunk: symbolMaxima(plan)["T"] ?? 1,
    variants: plan.variants.map((v) => v.name),
  };
  const lines = Object.entries(facts).map(([key, value]) => `${key}: ${JSON.stringify(value)},`);
  return `{\n${lines.join("\n")}\n}`;
}

function interfaceOf({ plan }: ModuleSource, model: string): OptionalKind<InterfaceDeclarationStructure> {
  const { n_vocab, n_ctx } = plan.model;
  const row = `Promise<Tensor<"f32", readonly [rows: 1, n_vocab: ${n_vocab}]>>`;
  const tokens = { name: "tokens", type: "readonly number[]" };
  const reader = (name: string, type: string, doc: string) => ({ name, type, isReadonly: true, docs: [doc] });
  const methods: OptionalKind<MethodSignatureStructure>[] = [
    {
      name: "prefill",
      parameters: [tokens],
      returnType: row,
      docs: [
        `Appends tokens, in chunks of ${symbolMaxima(plan)["T"]}: ids from 0 to ${n_vocab - 1}, with those before them ${n_ctx} at most.\nReturns the logits after the last one, f32[1, ${n_vocab}], before any softmax.\n@throws RuntimeError for an id that is none, and a context that is full.`,
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
        { name: "prompt", type: plan.tokenizer ? "string | readonly number[]" : "readonly number[]" },
        { name: "options", type: "GenerateOptions" },
      ],
      returnType: "AsyncGenerator<GenerateStep, GenerateResult>",
      docs: [
        `Forgets all tokens and continues \`prompt\`: yields each new token, and returns them all with the reason of the end.\n@throws RuntimeError for options out of range, and a prompt of more than ${n_ctx} tokens.`,
      ],
    },
    { name: "reset", returnType: "Promise<void>", docs: ["Forgets all tokens."] },
    {
      name: "close",
      returnType: "Promise<void>",
      docs: [
        "Frees what the model holds on the GPU, and the device unless it was given to `load`.\nCalls that run, wait or come later say that the model is closed.",
      ],
    },
  ];
  return {
    name: model,
    isExported: true,
    docs: [
      `The model, loaded: one sequence of up to ${n_ctx} tokens.\nA call waits until those before it have ended. \`generate\` ends when the loop over it is left, so that a call that is\nawaited inside that loop waits for ever.`,
    ],
    properties: [
      reader("facts", "typeof facts", "What is known of the model before it is loaded."),
      reader("variant", "(typeof facts.variants)[number]", "Which of the bundle's variants runs."),
      reader("adapter", "AdapterReport", "What it runs on."),
      reader(
        "tokenizer",
        plan.tokenizer ? "Tokenizer" : "undefined",
        plan.tokenizer ? "From text to ids and back." : "The bundle holds none.",
      ),
      reader("past", "number", "How many tokens it holds."),
      reader("bufferBytes", "number", "Bytes of all its GPU buffers."),
    ],
    methods,
  };
}

function loadFunction({ plan }: ModuleSource, model: string): OptionalKind<FunctionDeclarationStructure> {
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
      "const model = await loadBundle(options?.base ?? folderOf(import.meta.url), gpu, weights, options);",
      `return {\n${membersOf(plan)
        .map((member) => `${member},`)
        .join("\n")}\n};`,
    ],
  };
}

/** What `load` returns, member by member: shapes are written out, so that the compiler checks them against the interface. */
function membersOf(plan: BundlePlan): readonly string[] {
  const { n_vocab } = plan.model;
  const members = [
    "facts",
    "variant: model.variantIn(facts.variants)",
    "adapter: model.adapter",
    plan.tokenizer ? "tokenizer: model.needTokenizer()" : "tokenizer: undefined",
    "get past() { return model.past; }",
    "get bufferBytes() { return model.bufferBytes; }",
    `prefill: (tokens) => model.append(tokens, [1, ${n_vocab}])`,
    `decode: (token) => model.append([token], [1, ${n_vocab}])`,
    `logits: (tokens) => model.appendAll(tokens, ${n_vocab})`,
    "generate: (prompt, options) => model.generate(prompt, options)",
    "reset: () => model.reset()",
    "close: () => model.close()",
  ];
  return members;
}
