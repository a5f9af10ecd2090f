// Who may import whom. ARCHITECTURE.md tells the reasons; this file makes them hold, in `npm run check`.
//
//   base <── ir <── passes <── codegen     runtime ──> base     cli, bench, examples, test ──> anything

const OURS = "^(base|ir|passes|codegen|runtime|cli|bench|examples|test|tools)/";
const SHIPPED = "^(base|ir|passes|codegen|runtime|cli)/";

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
    packagesStayIn(
      "device-packages-stay-in-runtime",
      "^(runtime|cli)/",
      ["webgpu", "@huggingface/tokenizers"],
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
      comment: "A path that leads nowhere hides from every rule above. (@webgpu/types has declarations and no module.)",
      from: {},
      to: { couldNotResolve: true, pathNot: "^@webgpu/types$" },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/" },
    tsConfig: { fileName: "tsconfig.json" },
  },
};
