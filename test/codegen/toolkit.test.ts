// The compiler as a value: what a plugin may get wrong is refused in one line, and what no kernel takes is computed as what
// it is made of.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, definePlugin, extend, type PluginSpec, standard } from "../../codegen/compile.ts";
import { count, defineKernel, type Kernel } from "../../codegen/kernel.ts";
import { template } from "../../codegen/template.ts";
import { attr } from "../../ir/attr.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { defineOp, type Emit, type Op, type Traits } from "../../ir/op.ts";
import { add, gather, mul, reduceSum, slice, tanh } from "../../ir/ops/index.ts";
import { parseGraph, parseType } from "../../ir/parse.ts";
import type { Value } from "../../ir/value.ts";
import { Explainer } from "../../passes/observers.ts";
import type { Pass } from "../../passes/pass.ts";
import { mergeRegion } from "../../passes/region.ts";
import { applyRules, type Rule } from "../../passes/rule.ts";
import { onGpu } from "../support/gpu.ts";
import { checkKernels } from "./kernel-check.ts";

const test = suite("toolkit");
const gpuTest = onGpu(test);

const opOf = (name: string, members: Partial<Op> = {}): Op => ({
  ...defineOp({ name, summary: "mine", operands: ["x"], cases: [], infer: ([x]) => x, reference: ([x]) => x }),
  ...members,
});
const decompose = (emit: Emit, [x]: readonly Value[]): readonly Value[] => emit(tanh, [x ?? 0]);
const made = (name: string, traits: Traits = {}): Op => {
  const { reference: _, ...op } = opOf(name, { decompose, traits });
  return op;
};
const text = template("mine", "{{title}}{{bindings}}{{functions}}", ["title", "bindings", "functions"]);
const kernelOf = (name: string, kind: string, members: Partial<Kernel> = {}): Kernel => ({
  ...defineKernel<never>({
    name,
    summary: "mine",
    kind,
    template: text,
    refuses: () => undefined,
    lower: () => ({ params: {}, functions: [], workgroups: [count(), count(), count()] }),
  }),
  ...members,
});
const passOf = (name: string, members: Partial<Pass> = {}): Pass => ({
  name,
  summary: "mine",
  role: "simplify",
  run: (graph) => graph,
  ...members,
});
const rule = (replace: Rule["replace"]): Rule => ({
  name: "mine",
  summary: "mine",
  sites: (node) => (node.op === mul ? node.results : []),
  predicates: [],
  replace,
});

const TEXT = "graph g(x: f32[4]) { a = mul(x, x) y = mine(a) return y }";
function compile(spec: PluginSpec | readonly PluginSpec[], source = TEXT) {
  const toolkit = [spec].flat().reduce((t, s) => extend(t, definePlugin(s)), standard);
  const explainer = new Explainer();
  const entries = [{ name: "run", graph: parseGraph(source, toolkit) }];
  const { plan } = compileEntries("g", entries, { T: 3 }, { toolkit, observe: () => [explainer] });
  return { kernels: plan.kernels.map((k) => k.name), reports: explainer.reports };
}

const named = { name: "p" };
const any = (value: unknown): never => value as never;
const MISTAKES: readonly (readonly [what: string, spec: PluginSpec | readonly PluginSpec[], message: RegExp])[] = [
  ["no name", any({}), /^plugin: its name is missing$/],
  ["two plugins of a name", [named, named], /^plugin p: two plugins have this name$/],
  ["two ops of a name", { ...named, ops: [made("mine"), made("mine")] }, /^plugin p: two of its ops are called mine$/],
  ["an op that is called like one of ours", { ...named, ops: [made("add")] }, /^plugin p: op add is there already$/],
  [
    "an op that is called like another plugin's",
    [
      { name: "o", ops: [made("mine")] },
      { ...named, ops: [made("mine")] },
    ],
    /^plugin p: op mine is there already$/,
  ],
  ["an op that is none", { ...named, ops: [any({ name: "mine" })] }, /^plugin p: op mine has no infer$/],
  ["an op that is nothing", { ...named, ops: [any(undefined)] }, /^plugin p: op 0 is undefined$/],
  [
    "an op without a meaning",
    { ...named, ops: [any({ ...opOf("mine"), reference: undefined })] },
    /^plugin p: op mine has neither reference nor decompose$/,
  ],
  [
    "an op that nothing computes",
    { ...named, ops: [opOf("mine")] },
    /^plugin p: op mine has no kernel, no decompose, and no trait that a kernel computes$/,
  ],
  [
    "an op that is called like a trait",
    { ...named, ops: [made("normalizes")] },
    /^plugin p: "normalizes" is no name of an op$/,
  ],
  ["an op whose name is no word", { ...named, ops: [made("my-op")] }, /^plugin p: "my-op" is no name of an op$/],
  [
    "a kernel that is none",
    { ...named, kernels: [any({ name: "k", kind: "matmul" })] },
    /^plugin p: kernel k has no template$/,
  ],
  [
    "a kernel for an op that is in no toolkit",
    { ...named, kernels: [kernelOf("k", "mine")] },
    /^plugin p: kernel k computes mine, which is no op of the toolkit$/,
  ],
  [
    "a kernel for a kind that is never asked",
    { ...named, kernels: [kernelOf("k", gather.name)] },
    /^plugin p: kernel k computes gather, but an op with the trait reads is computed by kernels of the kind pointwise$/,
  ],
  [
    "two kernels of a name",
    { ...named, kernels: [kernelOf("k", "matmul"), kernelOf("k", "argmax")] },
    /^plugin p: two of its kernels are called k$/,
  ],
  [
    "a kernel that is called like one of ours",
    { ...named, kernels: [kernelOf("matmul_gemv", "matmul")] },
    /^plugin p: kernel matmul_gemv is there already$/,
  ],
  [
    "a pass that does nothing",
    { ...named, passes: [{ pass: any({ name: "a" }), after: "fuse-gelu" }] },
    /^plugin p: pass a has neither run nor make$/,
  ],
  [
    "a pass without a role",
    { ...named, passes: [{ pass: passOf("a", any({ role: "magic" })), after: "fuse-gelu" }] },
    /^plugin p: pass a has the role magic, but roles are required, simplify, fuse$/,
  ],
  ["a pass without a place", { ...named, passes: [any({ pass: passOf("a") })] }, /^plugin p: pass a stands nowhere$/],
  [
    "a pass with two places",
    { ...named, passes: [any({ pass: passOf("a"), before: "canonicalize", after: "canonicalize" })] },
    /^plugin p: pass a stands both before and after a pass$/,
  ],
  [
    "a pass after an unknown one",
    { ...named, passes: [{ pass: passOf("a"), after: "fuse-all" }] },
    /^plugin p: pass a stands after fuse-all, which is no pass$/,
  ],
  [
    "a pass before an unknown one",
    { ...named, passes: [{ pass: passOf("a"), before: "fuse-all" }] },
    /^plugin p: pass a stands before fuse-all, which is no pass$/,
  ],
  [
    "two passes of a name",
    {
      ...named,
      passes: [
        { pass: passOf("a"), after: "fuse-gelu" },
        { pass: passOf("a"), before: "fuse-gelu" },
      ],
    },
    /^plugin p: two of its passes are called a$/,
  ],
  [
    "a pass that is called like one of ours",
    { ...named, passes: [{ pass: passOf("fuse-gelu"), after: "fuse-gelu" }] },
    /^plugin p: pass fuse-gelu is there already$/,
  ],
  [
    "two families of a name",
    { ...named, families: [{ name: "f" }, { name: "f" }] },
    /^plugin p: two of its families are called f$/,
  ],
  [
    "a pass that yields an invalid graph",
    {
      ...named,
      ops: [made("mine")],
      passes: [{ pass: passOf("a", { run: (g): Graph => ({ ...g, nodes: g.nodes.slice(1) }) }), after: "fuse-gelu" }],
    },
    /^pass a, mine y: reads a, which is not defined before it \[V2\]$/,
  ],
  [
    "a rule that yields an invalid graph",
    {
      ...named,
      ops: [made("mine")],
      passes: [
        {
          pass: passOf("a", {
            run: (graph, report) =>
              applyRules(
                graph,
                [
                  rule((m) => ({
                    remove: [m.node],
                    insert: [{ ...m.node, op: add, attrs: { speed: 1 } }],
                    values: new Map(),
                  })),
                ],
                report,
              ),
          }),
          after: "fuse-gelu",
        },
      ],
    },
    /^pass a, rule mine at a, add a: attribute speed is not one of add's \[V4\]$/,
  ],
  [
    "a region around an op that does not work on elements",
    {
      ...named,
      ops: [made("mine")],
      passes: [
        {
          pass: passOf("a", {
            run: (graph, report) =>
              applyRules(
                graph,
                [rule((m) => mergeRegion(m.index, "mul", [m.node, at(m.index.users(m.site), 0)]))],
                report,
              ),
          }),
          after: "fuse-gelu",
        },
      ],
    },
    /^pass a, rule mine at a, fused y: its body holds mine, which works on more than one element \[V8\]$/,
  ],
  [
    "a kernel that gives its template too little",
    {
      ...named,
      ops: [made("mine")],
      kernels: [kernelOf("k", "mine", { template: template("t", "{{title}} {{size}}", ["title", "size"]) })],
    },
    /^t: its kernel gives no size$/,
  ],
  [
    "a kernel that gives its template too much",
    {
      ...named,
      ops: [made("mine")],
      kernels: [
        kernelOf("k", "mine", { lower: () => ({ params: { size: 1 }, functions: [], workgroups: [[], [], []] }) }),
      ],
    },
    /^mine: its kernel gives size, which it never reads$/,
  ],
  [
    "a kernel that stores nothing",
    { ...named, ops: [made("mine")], kernels: [kernelOf("k", "mine")] },
    /^kernel k for mine y: its WGSL never stores y$/,
  ],
  [
    "a kernel that refuses without a reason",
    { ...named, ops: [made("mine")], kernels: [kernelOf("k", "mine", { refuses: any(() => false) })] },
    /kernel k for mine y: its refuses gives false$/,
  ],
  ["an op that is made of itself", { ...named, ops: [loop()] }, /mine y: its decompose is made of the op itself$/],
  [
    "an op that is made of something else than it says",
    {
      ...named,
      ops: [{ ...made("mine"), decompose: (emit: Emit, [x]: readonly Value[]) => emit(reduceSum, [x ?? 0]) }],
    },
    /mine y: its decompose gives f32\[1\], but its infer says f32\[4\]$/,
  ],
];

function loop(): Op {
  const op: Op = { ...made("mine"), decompose: (emit: Emit, [x]: readonly Value[]) => emit(op, [x ?? 0]) };
  return op;
}

for (const [what, spec, message] of MISTAKES)
  test(`refuses ${what}, in one line with a way out`, () => {
    let error: unknown;
    try {
      compile(spec);
    } catch (thrown) {
      error = thrown;
    }
    assert.instance(error, CompileError, String(error));
    const { place, facts } = error as CompileError;
    assert.match(`${place}: ${facts}`, message, `${place}: ${facts}`);
    assert.not.match(`${place}: ${facts}`, /\n|internal error/);
  });

test("refuses a template that reads what it does not declare, or declares what it does not read", () => {
  assert.throws(() => template("mine", "{{size}}", []), /^mine: reads size, which its kernel does not declare/);
  assert.throws(() => template("mine", "", ["size"]), /^mine: never reads size/);
});

test("places passes before and after others, those of one place in the order of the plugin", () => {
  const passes = [
    { pass: passOf("a"), after: "fuse-gelu" },
    { pass: passOf("b"), after: "fuse-gelu" },
    { pass: passOf("c"), before: "fuse-gelu" },
    { pass: passOf("d"), after: "a" },
  ];
  const names = extend(standard, definePlugin({ ...named, passes })).passes.map((p) => p.name);
  assert.equal(names.slice(names.indexOf("c"), names.indexOf("fuse-linear")), ["c", "fuse-gelu", "a", "d", "b"]);
});

test("leaves the toolkit that it extends as it was", () => {
  const before = standard.kernels.length;
  const extended = extend(standard, definePlugin({ ...named, kernels: [kernelOf("k", "matmul")] }));
  assert.is(standard.kernels.length, before);
  assert.equal(extended.plugins, ["p"]);
  assert.equal(standard.plugins, []);
});

test("an op that no kernel takes is computed as what it is made of, and its pieces join the kernels beside them", () => {
  const { kernels, reports } = compile({ ...named, ops: [made("mine")] });
  assert.equal(kernels, ["pointwise.mul.tanh.4"]);
  assert.equal(
    reports.filter((r) => r.pass === "expand-untaken"),
    [{ pass: "expand-untaken", rule: "expand", site: "y" }],
  );
});

test("an op that a kernel takes is left to it, and expanded where that refuses", () => {
  const store = template("mine", "{{title}}{{bindings}}{{functions}} y[0] = 1.0;", ["title", "bindings", "functions"]);
  const kernel = kernelOf("k", "mine", {
    template: store,
    refuses: ({ anchor }) => (anchor?.results[0]?.type.shape[0] === 4 ? undefined : "it computes four"),
  });
  const plugin = { ...named, ops: [made("mine")], kernels: [kernel] };
  assert.equal(compile(plugin).kernels, ["pointwise.mul.4", "k.mine.4"]);
  assert.equal(compile(plugin, TEXT.replace("[4]", "[5]")).kernels, ["pointwise.mul.tanh.5"]);
});

const pair = defineOp({
  name: "pair",
  summary: "twice of one, in two halves, by ops that are made of others themselves",
  operands: ["x"],
  attrs: { start: attr.dim(0) },
  cases: [],
  infer: ([x]) => [
    { ...x, shape: [2, 4] },
    { ...x, shape: [2, 4] },
  ],
  decompose(emit, [x], { start }) {
    const double = at(emit(twice, [x]), 0);
    return [0, 2].map((from) => at(emit(slice, [double], { axis: 0, start: from === 0 ? start : from, length: 2 }), 0));
  },
});
const twice: Op = { ...made("twice"), decompose: (emit: Emit, [x]: readonly Value[]) => emit(add, [x ?? 0, x ?? 0]) };
const around: Rule = {
  ...rule((m) => mergeRegion(m.index, "twice", [m.node, at(m.index.users(m.site), 0)])),
  sites: (node, index) => (node.op === mul && index.users(at(node.results, 0))[0]?.op === twice ? node.results : []),
};
const toolkit = extend(
  standard,
  definePlugin({
    ...named,
    ops: [pair, twice],
    passes: [
      { pass: passOf("a", { role: "fuse", run: (g, report) => applyRules(g, [around], report) }), after: "fuse-gelu" },
    ],
  }),
);
gpuTest(
  "several results, ops that are made of such ops, and regions that no kernel takes give the same numbers",
  async (gpu) => {
    for (const source of [
      "graph g(x: f32[4, 4]) { a, b = pair(x) c = mul(a, b) return a, c }",
      "graph g(x: f32[4, 4]) { a = mul(x, x) y = twice(a) z = tanh(y) return z }",
      "graph g(x: f32[T, 8], w: f32[8, 4]) { m = matmul(x, w) y = twice(m) z = tanh(y) return y, z }",
    ])
      await checkKernels(gpu, source, { toolkit, runs: [{ T: 3 }], terms: 8, ulps: 32 });
  },
);

test("a graph's text may name the toolkit's ops", () => {
  assert.is(at(parseGraph("graph g(x: f32[4]) { y = twice(x) return y }", toolkit).nodes, 0).op, twice);
  assert.throws(() => parseGraph("graph g(x: f32[4]) { y = twice(x) return y }", standard), /twice is no op/);
  assert.equal(parseType("f32[4]").shape, [4]);
});

test.run();
