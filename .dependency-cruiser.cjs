// Who may import whom. ARCHITECTURE.md tells the reasons; this file makes them hold, in `npm run check`.
//
//   base <── ir <── passes <── codegen     runtime ──> base     engine ──> all of them     cli, bench, examples, test ──> anything

const OURS = "^(base|ir|passes|codegen|runtime|engine|cli|bench|examples|test|tools)/";
const SHIPPED = "^(base|ir|passes|codegen|runtime|engine|cli)/";

/** `layer` sees itself and what is listed; of our own folders, nothing else. */
const layerImportsOnly = (layer, allowed, comment) => ({
  name: `${layer}-imports-${allowed.length > 0 ? `only-${allowed.join("-")}` : "nothing-of-ours"}`,
  severity: "error",
  comment,
  from: { path: `^${layer}/` },
  to: { path: OURS, pathNot: `^(${[layer, ...allowed].join("|")})/` },
});

/** npm packages that only `home` may load. */
const packagesStayIn = (name, home, packages, comment) => ({
  name,
  severity: "error",
  comment,
  from: { path: SHIPPED, pathNot: home },
  to: { path: `(^|/)node_modules/(${packages.join("|")})/` },
});

module.exports = {
  forbidden: [
    layerImportsOnly("base", [], "What every layer may import can import none of them."),
    layerImportsOnly("ir", ["base"], "The language stands alone: every other layer is written in its words."),
    layerImportsOnly("passes", ["base", "ir"], "A pass is graph to graph. It knows no kernel and no device."),
    layerImportsOnly("codegen", ["base", "ir", "passes"], "Compiling must not need what runs the result."),
    layerImportsOnly("runtime", ["base"], "A server that runs a bundle never loads the compiler."),
    layerImportsOnly(
      "engine",
      ["base", "ir", "passes", "codegen", "runtime"],
      "What opens models must not need a terminal.",
    ),
    {
      name: "cli-imports-indexes",
      severity: "error",
      comment:
        "The command is a thin caller: what it needs of another folder, that folder's index offers to everybody.",
      from: { path: "^cli/" },
      to: {
        path: "^(base|ir|passes|codegen|runtime|engine)/",
        pathNot: "^((base|ir|passes|codegen|runtime|engine)/index|codegen/(wgpt|template-compiler))\\.ts$",
      },
    },
    {
      name: "ir-imports-no-package",
      severity: "error",
      comment: "The IR is plain data and plain functions, so that it runs wherever JavaScript does.",
      from: { path: "^(base|ir)/" },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown", "core"] },
    },
    packagesStayIn(
      "compiler-packages-stay-in-codegen",
      "^codegen/",
      ["handlebars", "ts-morph"],
      "Printing kernels and host modules is codegen's work; no other layer needs, or may load, these packages.",
    ),
    {
      name: "compiling-needs-no-eval",
      severity: "error",
      comment:
        "Handlebars' compiler makes code from text. Only wgpt/template and what writes templates.ts may load it.",
      from: { path: "^codegen/", pathNot: "^codegen/(precompile|template-compiler)\\.ts$" },
      to: {
        path: "(^codegen/(precompile|template-compiler)\\.ts|(^|/)node_modules/handlebars/)",
        pathNot: "node_modules/handlebars/runtime",
      },
    },
    {
      name: "compiling-needs-no-node",
      severity: "error",
      comment: "A model compiles in a browser: nothing on its way reads files or asks the process.",
      from: { path: "^(passes|codegen)/" },
      to: { dependencyTypes: ["core"] },
    },
    packagesStayIn(
      "device-packages-stay-in-runtime",
      "^(runtime|engine|cli)/",
      ["webgpu", "koffi", "@huggingface/tokenizers", "@cfworker/json-schema", "re2js"],
      "Kernels are made without a GPU: what talks to one lives in runtime.",
    ),
    packagesStayIn(
      "plugin-loader-stays-in-cli",
      "^cli/",
      ["jiti"],
      "Loading a file of a user's is the command's work; a program imports its plugin by itself.",
    ),
    {
      name: "shipped-code-needs-no-dev-package",
      severity: "error",
      comment: "A user's install leaves devDependencies out. Move the package to dependencies, or the code to tools.",
      from: { path: SHIPPED },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "shipped-code-imports-only-shipped-code",
      severity: "error",
      comment: "Tests, examples, benches and tools are not in the package.",
      from: { path: SHIPPED },
      to: { path: "^(bench|examples|test|tools)/" },
    },
    {
      name: "no-circular",
      severity: "error",
      comment: "Two files that need each other are one file, or miss a third.",
      from: {},
      to: { circular: true },
    },
    {
      name: "imports-resolve",
      severity: "error",
      comment:
        "A path that leads nowhere hides from every rule above. (@webgpu/types has declarations and no module; example 07's bundle is compiled by whoever runs it.)",
      from: {},
      to: { couldNotResolve: true, pathNot: ["^@webgpu/types$", "^\\./shakespeare/index\\.js$"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/" },
    tsConfig: { fileName: "tsconfig.json" },
  },
};
