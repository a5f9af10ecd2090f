// A plugin's text that shows which wgpt it was given: the exports that it imports lie in a family of its own, and a rule says
// of each matmul whether that is the one it knows. There is one for each kind of file.
const PASS = `{
  name: "look-around", summary: "says what it sees", role: "simplify",
  run: (graph, report) => passes.applyRules(graph, [{
    name: "known-op", summary: "never fires", replace: () => undefined,
    sites: (node) => node.op.name === "matmul" ? node.results : [],
    predicates: [passes.predicate("is-another", (m) => \`it is \${m.node.op === ir.matmul ? "the op" : "another op"}\`)],
  }], report),
}`;
const plugin = (definition: string): string => `${definition}({
  name: "probe",
  families: [{ ...ir.gpt2, name: "probe", presets: {}, seen: { wgpt, ir, passes, codegen, template, runtime, helper } }],
  passes: [{ after: "canonicalize", pass: ${PASS} }],
})`;
const MODULES = {
  wgpt: "wgpt",
  ir: "wgpt/ir",
  passes: "wgpt/passes",
  codegen: "wgpt/codegen",
  template: "wgpt/template",
  runtime: "wgpt/runtime",
};
const imports = Object.entries(MODULES).map(([name, from]) => `import * as ${name} from "${from}";\n`);
const requires = Object.entries(MODULES).map(([name, from]) => `const ${name} = require("${from}");\n`);

/** The plugin's file by its name's end, and the file beside it that it imports: ES modules; the one in CommonJS stands alone. */
export const PROBES: Readonly<Record<string, readonly [text: string, helper: string]>> = {
  ...Object.fromEntries(
    ["ts", "mts", "js", "mjs"].map((end) => {
      const typed = end.endsWith("ts") ? "const text: string = '';\nexport type Text = typeof text;\n" : "";
      const head = `${imports.join("")}import * as helper from "./helper.${end}";\n${typed}`;
      const text = `${head}export default ${plugin("codegen.definePlugin")};\n`;
      return [end, [text, 'export { matmul } from "wgpt/ir";\n']];
    }),
  ),
  cjs: [`${requires.join("")}const helper = ir;\nmodule.exports = ${plugin("wgpt.definePlugin")};\n`, ""],
};
