// What a plugin may get wrong is refused in one line that says which part is wrong and what to do.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PluginSpec } from "../../codegen/compile.ts";
import { count, type Lowered } from "../../codegen/kernel.ts";
import { template } from "../../codegen/template-compiler.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Family } from "../../ir/family.ts";
import type { Graph } from "../../ir/graph.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import type { Emit, Op } from "../../ir/op.ts";
import { add, argmax, gather, matmul, mul, reduceSum } from "../../ir/ops/index.ts";
import { symbol } from "../../ir/type.ts";
import type { Value } from "../../ir/value.ts";
import { Emitter } from "../../passes/emit.ts";
import { mergeRegion } from "../../passes/region.ts";
import { applyRules, type Rule } from "../../passes/rule.ts";
import { compileWith, kernelOf, made, opOf, passOf, productRule, storing } from "../support/plugin-parts.ts";

const test = suite("plugin mistakes");

const named = { name: "p" };
const mine = made("mine");
const familyOf = (name: string): Family => ({ ...gpt2, name });
const any = (value: unknown): never => value as never;
const gives =
  (lowered: object): (() => Lowered) =>
  () => ({ params: {}, functions: [], workgroups: [count(), count(), count()], ...lowered });
const MAKES: readonly (readonly [what: string, make: () => unknown, message: RegExp])[] = [
  ["throws", () => at([], 1), /^pass a: its make throws Error: index 1 of 0$/],
  ["gives a pass", () => passOf("a"), /^pass a: its make gives \{"name":"a",/],
  ["is async", async () => undefined, /^pass a: its make gives a promise$/],
];
const GRAPHS: readonly (readonly [what: string, run: (g: Graph) => unknown, message: RegExp])[] = [
  ["returns less", (g) => ({ ...g, results: [] }), /^pass a, graph g: returns nothing, but returned f32\[4\] before$/],
  [
    "returns something more",
    (g) => ({ ...g, results: [...g.results, ...g.results] }),
    /^pass a, graph g: returns f32\[4\], f32\[4\], but returned f32\[4\] before$/,
  ],
  ["gives nodes that are none", (g) => ({ ...g, nodes: [{}] }), /^pass a: gives no graph: TypeError: /],
  [
    "empties the graph that it is given",
    (g) => {
      (g.nodes as unknown[]).length = 0;
      return g;
    },
    /^pass a, graph g: returns y, which it does not define \[V6\]$/,
  ],
];
const twin: Rule["replace"] = ({ index, node, site }) => {
  const emitter = new Emitter(index, site);
  const product = emitter.op(mul, node.operands);
  return emitter.replace([node], emitter.op(mul, [product, emitter.op(mul, [product, product])]));
};
const RULES: readonly (readonly [what: string, rules: unknown, message: RegExp])[] = [
  ["in no list", productRule(twin), /^pass a, rules: are \{"name":"mine",/],
  [
    "without predicates",
    [{ ...productRule(twin), predicates: undefined }],
    /^pass a, rule mine: has undefined for predicates$/,
  ],
  ["without sites", [{ ...productRule(twin), sites: undefined }], /^pass a, rule mine: has no function sites$/],
  [
    "whose sites are numbers",
    [{ ...productRule(twin), sites: () => [3] }],
    /^pass a, rule mine at a: its sites throws TypeError: \[3\] is no list of values$/,
  ],
  [
    "that gives no replacement",
    [productRule(any(() => ({ remove: [1], insert: [], values: new Map() })))],
    /^pass a, rule mine at a: its replace throws TypeError: a replacement is \{ remove, insert, values \}, not \{"remove":\[1\],/,
  ],
  ["that makes a graph larger and larger", [productRule(twin)], /^pass a, rules mine: mine never settle on g$/],
];
const WORKS: readonly (readonly [what: string, work: () => unknown, message: RegExp])[] = [
  [
    "counts calls of what is no function of its",
    () => ({ calls: { store_0: 4, load_z: 4 } }),
    /^kernel k for mine y: its work counts calls of load_z, but its functions are store_0$/,
  ],
  [
    "asks ahead for what it does not count",
    () => ({ calls: { store_0: 4 }, ahead: { load_x: 4 } }),
    /^kernel k for mine y: its work has load_x in ahead, but counts calls of store_0$/,
  ],
  [
    "shares what it does not count",
    () => ({ calls: {}, alike: { toString: 4 } }),
    /^kernel k for mine y: its work has toString in alike, but counts calls of nothing$/,
  ],
  ["is nothing", () => undefined, /^kernel k for mine y: its work gives undefined$/],
  ["has no calls", () => ({ multiplyAdds: 4 }), /^kernel k for mine y: its work gives \{"multiplyAdds":4\}$/],
  ["throws", () => at([], 1), /^kernel k for mine y: its work throws Error: index 1 of 0$/],
];
const MISTAKES: readonly (readonly [what: string, spec: PluginSpec | readonly PluginSpec[], message: RegExp])[] = [
  ["no name", any({}), /^plugin: its name is missing$/],
  ["no definition", any(undefined), /^plugin: its definition is undefined$/],
  ["a name that is none", any({ name: 3n }), /^plugin: its name is 3$/],
  ["ops that are no list", any({ ...named, ops: made("mine") }), /^plugin p: its ops are \{"name":"mine",/],
  ["what is no part of a plugin", any({ ...named, op: [] }), /^plugin p: has op, which is no part of one$/],
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
    "an op whose member is of another kind",
    { ...named, ops: [{ ...made("mine"), operands: any("x") }] },
    /^plugin p: op mine has "x" for operands, which must be a list of names, each once$/,
  ],
  [
    "an op whose attribute is none",
    { ...named, ops: [{ ...made("mine"), attrs: any({ speed: 3 }) }] },
    /^plugin p: op mine has \{"speed":3\} for attrs, which must be an object of attributes such as `attr.int\(0\)`$/,
  ],
  [
    "an op without traits",
    { ...named, ops: [{ ...made("mine"), traits: any(null) }] },
    /^plugin p: op mine has null for traits, /,
  ],
  [
    "a trait that is called something else",
    { ...named, ops: [made("mine", any({ pointWise: {} }))] },
    /^plugin p: op mine has traits.pointWise, but traits are commutative, element, writes, /,
  ],
  [
    "a trait that lacks something",
    { ...named, ops: [made("mine", any({ writes: { operand: 0 } }))] },
    /^plugin p: op mine has no traits.writes.targets$/,
  ],
  [
    "ranges that are none",
    { ...named, ops: [made("mine", { ranges: any(() => [{ operand: 1, axis: 0, start: 0, length: 1 }]) })] },
    /^mine y: its ranges gives \[\{"operand":1,/,
  ],
  [
    "an op that nothing computes",
    { ...named, ops: [opOf("mine")] },
    /^plugin p: op mine has no kernel, no decompose, and no trait that a kernel computes$/,
  ],
  [
    "an op that is called like a region without anchor",
    { ...named, ops: [made("pointwise")] },
    /^plugin p: "pointwise" is no name of an op$/,
  ],
  ["an op that is called like a number", { ...named, ops: [made("inf")] }, /^plugin p: "inf" is no name of an op$/],
  ["an op whose name is no word", { ...named, ops: [made("my-op")] }, /^plugin p: "my-op" is no name of an op$/],
  [
    "a kernel that is none",
    { ...named, kernels: [any({ name: "k", kind: "matmul" })] },
    /^plugin p: kernel k has no template$/,
  ],
  [
    "a kernel for an op that is in no toolkit",
    { ...named, kernels: [kernelOf("k", mine)] },
    /^plugin p: kernel k computes mine, which is no op of the toolkit$/,
  ],
  [
    "a kernel for an op that only bears the name of the toolkit's",
    { ...named, ops: [mine], kernels: [kernelOf("k", made("mine"))] },
    /^plugin p: kernel k computes another op called mine than the toolkit's$/,
  ],
  [
    "a kernel whose kind is a name",
    { ...named, kernels: [kernelOf("k", any("matmul"))] },
    /^plugin p: kernel k has the kind "matmul", but a kind is an op itself, or pointwise, writes, reduces, normalizes$/,
  ],
  [
    "a kernel without a kind",
    { ...named, kernels: [kernelOf("k", any(undefined))] },
    /^plugin p: kernel k has the kind undefined, but a kind is an op itself, or /,
  ],
  [
    "a region around a name",
    {
      ...named,
      ops: [mine],
      passes: [
        {
          pass: passOf("a", {
            run: (graph, report) =>
              applyRules(
                graph,
                [productRule((m) => mergeRegion(m.index, any("mul"), [m.node, at(m.index.users(m.site), 0)]))],
                report,
              ),
          }),
          after: "fuse-gelu",
        },
      ],
    },
    /^pass a, rule mine at a, fused y: has the anchor "mul", which is a word \[V8\]$/,
  ],
  [
    "a kernel for a kind that is never asked",
    { ...named, kernels: [kernelOf("k", gather)] },
    /^plugin p: kernel k computes gather, but an op with the trait element is computed by kernels of the kind pointwise$/,
  ],
  [
    "two kernels of a name",
    { ...named, kernels: [kernelOf("k", matmul), kernelOf("k", argmax)] },
    /^plugin p: two of its kernels are called k$/,
  ],
  [
    "a kernel that is called like one of ours",
    { ...named, kernels: [kernelOf("matmul_gemv", matmul)] },
    /^plugin p: kernel matmul_gemv is there already$/,
  ],
  [
    "a kernel whose name is no word",
    { ...named, kernels: [kernelOf("../k", matmul)] },
    /^plugin p: kernel ..\/k has "..\/k" for name, which must be a word such as matmul_rows$/,
  ],
  [
    "a kernel whose template is none",
    { ...named, kernels: [kernelOf("k", matmul, { template: any(null) })] },
    /^plugin p: kernel k has null for template, which must be an object with file, render$/,
  ],
  [
    "a kernel that binds vectors of three",
    { ...named, ops: [mine], kernels: [kernelOf("k", mine, { vectors: (r) => new Map([[r.operand("x"), any(3)]]) })] },
    /^kernel k for mine y: its vectors gives 3 elements of a$/,
  ],
  [
    "a kernel that gives its template what is none of WGSL's numbers",
    { ...named, ops: [mine], kernels: [kernelOf("k", mine, { lower: gives({ params: { size: Number.NaN } }) })] },
    /^kernel k for mine y: its lower gives the parameter size as NaN, which is no number of WGSL$/,
  ],
  [
    "a kernel that gives its template the bindings",
    { ...named, ops: [mine], kernels: [kernelOf("k", mine, { lower: gives({ params: { bindings: "" } }) })] },
    /^kernel k for mine y: its lower gives the parameter bindings, which every template is given already$/,
  ],
  ...[any(Number.NaN), symbol("Q")].map((dim): (typeof MISTAKES)[number] => [
    "a kernel that counts workgroups by what is no length",
    {
      ...named,
      ops: [mine],
      kernels: [kernelOf("k", mine, { lower: gives({ workgroups: [count(dim), count(), count()] }) })],
    },
    /^kernel k for mine y: its lower gives no three counts of workgroups$/,
  ]),
  [
    "a kernel that reads at an index too many",
    {
      ...named,
      ops: [mine],
      kernels: [
        kernelOf("k", mine, {
          lower: (region) => ({
            ...gives({})(),
            functions: [region.loadFunction("l", region.operand("x"), ["i", "j"])],
          }),
        }),
      ],
    },
    /^kernel k for mine y, template mine: asks for l of 2 indices, but a is f32\[4\]$/,
  ],
  [
    "a pass with two ways to run",
    { ...named, passes: [{ pass: any({ ...passOf("a"), make: () => undefined }), after: "fuse-gelu" }] },
    /^plugin p: pass a has both run and make$/,
  ],
  ["a pass without its place", { ...named, passes: [any(passOf("a"))] }, /^plugin p: pass 0 is \{"name":"a",/],
  [
    "a pass after a number",
    { ...named, passes: [{ pass: passOf("a"), after: any(3) }] },
    /^plugin p: pass a stands after 3$/,
  ],
  ...MAKES.map(([what, make, facts]): (typeof MISTAKES)[number] => [
    `a make that ${what}`,
    {
      ...named,
      ops: [mine],
      passes: [{ pass: { name: "a", summary: "", role: "fuse", make: any(make) }, after: "fuse-gelu" }],
    },
    facts,
  ]),
  ...GRAPHS.map(([what, run, facts]): (typeof MISTAKES)[number] => [
    `a pass that ${what}`,
    { ...named, ops: [mine], passes: [{ pass: passOf("a", { run: any(run) }), after: "fuse-gelu" }] },
    facts,
  ]),
  ...RULES.map(([what, rule, facts]): (typeof MISTAKES)[number] => [
    `a rule ${what}`,
    {
      ...named,
      ops: [mine],
      passes: [{ pass: passOf("a", { run: (g, report) => applyRules(g, any(rule), report) }), after: "fuse-gelu" }],
    },
    facts,
  ]),
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
    { ...named, families: [familyOf("f"), familyOf("f")] },
    /^plugin p: two of its families are called f$/,
  ],
  [
    "a family that is called like one of ours",
    { ...named, families: [familyOf("gpt2")] },
    /^plugin p: family gpt2 is there already$/,
  ],
  [
    "a family that reads no config",
    { ...named, families: [{ ...familyOf("f"), readConfig: undefined } as unknown as Family] },
    /^plugin p: family f has no readConfig$/,
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
                  productRule((m) => ({
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
                [productRule((m) => mergeRegion(m.index, mul, [m.node, at(m.index.users(m.site), 0)]))],
                report,
              ),
          }),
          after: "fuse-gelu",
        },
      ],
    },
    /^pass a, rule mine at a, fused y: its body holds mine, which works on more than one element \[V8\]$/,
  ],
  ...WORKS.map(([what, work, message]): (typeof MISTAKES)[number] => [
    `a kernel whose account ${what}`,
    {
      ...named,
      ops: [mine],
      kernels: [kernelOf("k", mine, { lower: (region) => ({ ...storing(region), work: any(work) }) })],
    },
    message,
  ]),
  [
    "a kernel that gives its template too little",
    {
      ...named,
      ops: [mine],
      kernels: [kernelOf("k", mine, { template: template("t", "{{title}} {{size}}", ["title", "size"]) })],
    },
    /^kernel k for mine y, template t: its kernel gives no size$/,
  ],
  [
    "a kernel that gives its template too much",
    {
      ...named,
      ops: [mine],
      kernels: [
        kernelOf("k", mine, { lower: () => ({ params: { size: 1 }, functions: [], workgroups: [[], [], []] }) }),
      ],
    },
    /^kernel k for mine y, template mine: its kernel gives size, which it never reads$/,
  ],
  [
    "a kernel whose template stores nothing",
    {
      ...named,
      ops: [mine],
      kernels: [
        kernelOf("k", mine, {
          lower: (region) => ({
            ...gives({})(),
            functions: [region.storeFunction("store_y", at(region.anchor?.results ?? [], 0), ["i"])],
          }),
        }),
      ],
    },
    /^kernel k for mine y, template mine: never calls store_y$/,
  ],
  [
    "a kernel that stores nothing",
    { ...named, ops: [mine], kernels: [kernelOf("k", mine)] },
    /^kernel k for mine y: asks for no function that stores y$/,
  ],
  [
    "a kernel that refuses without a reason",
    { ...named, ops: [mine], kernels: [kernelOf("k", mine, { refuses: any(() => false) })] },
    /kernel k for mine y: its refuses gives false$/,
  ],
  [
    "an op that is made of an op's name",
    { ...named, ops: [{ ...mine, decompose: (emit: Emit, [x]) => emit(any("tanh"), [x ?? 0]) }] },
    /mine y: its decompose is made of "tanh", which is no op$/,
  ],
  [
    "an op that is made of no values",
    { ...named, ops: [{ ...mine, decompose: any(() => [3]) }] },
    /mine y: its decompose gives \[3\], but its infer says f32\[4\]$/,
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
      compileWith(spec);
    } catch (thrown) {
      error = thrown;
    }
    assert.instance(error, CompileError, String(error));
    const { place, facts } = error as CompileError;
    assert.match(`${place}: ${facts}`, message, `${place}: ${facts}`);
    assert.not.match(`${place}: ${facts}`, /\n|internal error/);
  });

test("two values that stand for each other leave no graph, and the rule waits", () => {
  const both = productRule(({ index, node, site }) => {
    const next = at(at(index.graph.nodes, 1).results, 0);
    return {
      remove: [node],
      insert: [],
      values: new Map([
        [site, next],
        [next, site],
      ]),
    };
  });
  const pass = passOf("a", { run: (graph, report) => applyRules(graph, [both], report) });
  const { reports } = compileWith({ ...named, ops: [mine], passes: [{ pass, after: "fuse-gelu" }] });
  const facts = reports.find((r) => r.pass === "a")?.refusal;
  assert.equal(facts, { predicate: "leaves-a-valid-graph", facts: "y would stand for itself" });
});

test("refuses a template whose text, or whose parameters, are none", () => {
  assert.throws(() => template("mine", any(3), []), /^mine: its text is 3/);
  assert.throws(() => template("mine", "{{size}}", any(undefined)), /^mine: declares undefined/);
});

test("refuses a template that reads what it does not declare, or declares what it does not read", () => {
  assert.throws(() => template("mine", "{{size}}", []), /^mine: reads size, which its kernel does not declare/);
  assert.throws(() => template("mine", "", ["size"]), /^mine: never reads size/);
});

test.run();
