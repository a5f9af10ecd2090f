// The shader of a kernel for one node: its template, filled with what kernel and region give, and what is wrong with the text.
import { evalPlanCount } from "../base/plan.ts";
import { listNames, shortName } from "../base/short-json.ts";
import {
  CompileError,
  callMember,
  causedBy,
  type Dim,
  evalDim,
  graphSymbols,
  type Node,
  type SymbolValues,
} from "../ir/index.ts";
import type { ElementShare } from "./epilogue.ts";
import {
  type ConfiguredKernel,
  isOfKind,
  type Kernel,
  kindName,
  placeOf,
  printConfig,
  takesWith,
  takingOf,
} from "./kernel.ts";
import { checkLowered, checkVectors, checkWork, type Lowered } from "./lowered.ts";
import type { PrintedFunctions } from "./printed-functions.ts";
import { Region } from "./region.ts";
import type { Config } from "./space.ts";
import type { Target } from "./target.ts";
import type { Param } from "./template.ts";
import { standard, type Toolkit } from "./toolkit.ts";
import { declaredTwice, strangeSymbol, uncalledFunction } from "./wgsl/names.ts";
import { symbolMember } from "./wgsl-index.ts";
import { type Account, accessesOf, accountOf, functionNames, type WorkOf } from "./work.ts";

/** A kernel's shader for one region. */
export interface Shader {
  readonly kernel: Kernel;
  readonly config: Config;
  readonly region: Region;
  readonly title: string;
  readonly wgsl: string;
  readonly usesSymbols: boolean;
  /** What an adapter must offer to run it. */
  readonly features: readonly string[];
  readonly workgroups: Lowered["workgroups"];
  /** Workgroups of one dispatch at these lengths. */
  groups(symbols: SymbolValues): number;
  /** What one dispatch does at these lengths; undefined where its kernel does not say. */
  readonly account?: (symbols: SymbolValues) => Account;
}

/**
 * The shader of a kernel for one node; with the first configuration that it takes the node with where it is given none. `symbols`
 * are the plan's, in the order of the uniform; the node's own when absent. Tensors may lie as the toolkit's storages say. `printed` is shared
 * by the configurations of one kernel where they are only compared; see `RegionOptions`.
 * @throws CompileError when the kernel does not take the node, fails, or gives its template what that does not read.
 */
export function renderShader(
  chosen: Kernel | ConfiguredKernel,
  node: Node,
  target: Target,
  symbols: readonly string[] = symbolsOfNode(node),
  { storages }: Pick<Toolkit, "storages"> = standard,
  printed?: PrintedFunctions,
): Shader {
  const { kernel, config: given } = configured(chosen);
  const plain = new Region(node, { storages, target });
  const place = placeOf(kernel, node);
  const sameName = kindName(kernel.kind) === kindName(plain.kind);
  if (!isOfKind(kernel, plain))
    throw new CompileError(
      place,
      `computes ${kindName(kernel.kind)}, but the region's anchor is ${sameName ? "another op of that name" : kindName(plain.kind)}`,
      "choose one of `candidates`",
    );
  const config = given ?? takingOf(kernel, plain, target).configs[0];
  if (!config || (given && !takesWith(kernel, plain, target, given))) {
    const { refusal } = takingOf(kernel, plain, target);
    throw new CompileError(
      place,
      refusal === undefined
        ? `is configured with ${printConfig(given ?? {}) || "nothing"}, but is not in that way for it`
        : `does not take it: ${refusal}`,
      "choose one of `candidates`, with one of its configurations",
    );
  }
  const vectors = callMember(place, "vectors", () => kernel.vectors?.(plain));
  checkVectors(vectors, plain, place);
  const asking = `${place}, template ${kernel.template.file}`;
  const region = new Region(node, {
    vectors: vectors ?? new Map(),
    storages,
    target,
    place: asking,
    ...(printed && { printed }),
  });
  const lowered = callMember(place, "lower", () => kernel.lower(region, target, config));
  checkLowered(lowered, symbols, place);
  const title = titleOf(region);
  // All that the template is given has been printed by now.
  const usesSymbols = region.print.symbols.size > 0;
  const params: Readonly<Record<string, Param>> = {
    title,
    bindings: region.declarations(usesSymbols ? symbols : []),
    functions: [region.helpers, ...lowered.functions].filter((f) => f !== "").join("\n\n"),
    ...lowered.params,
  };
  const wgsl = renderAt(asking, () => kernel.template.render(params));
  // What is only compared is checked when it is chosen.
  if (!printed) checkText(wgsl, region, place, asking);
  return {
    kernel,
    config,
    region,
    title,
    wgsl,
    usesSymbols,
    features: [...new Set([...(kernel.features ?? []), ...region.features])],
    workgroups: lowered.workgroups,
    groups: (symbols) => lowered.workgroups.reduce((n, count) => n * evalPlanCount(count, symbols), 1),
    ...(lowered.work && { account: accounting(lowered.work, region, lowered, place) }),
  };
}

/** @throws CompileError for a shader's text that is not what the region and its kernel have agreed on. */
function checkText(wgsl: string, region: Region, place: string, asking: string): void {
  const twice = declaredTwice(wgsl);
  if (twice !== undefined)
    throw new CompileError(
      place,
      `its WGSL declares ${twice} twice`,
      "ops of your own need helpers and operands of other names",
    );
  const strange = strangeSymbol(wgsl, new Set([...region.print.symbols].map(symbolMember)));
  if (strange !== undefined)
    throw new CompileError(
      asking,
      `its WGSL reads the symbol ${strange}, which nothing binds`,
      "a kernel gets its lengths as text by `region.print.dim`, and its template gets them as parameters",
    );
  const left = region.unstored;
  if (left)
    throw new CompileError(
      place,
      `asks for no function that stores ${left.name}`,
      "a kernel has a `storeFunction` for each result of its anchor, and its template calls it",
    );
  const uncalled = uncalledFunction(wgsl, region.storeFunctions);
  if (uncalled !== undefined)
    throw new CompileError(asking, `never calls ${uncalled}`, "nothing would be stored: its template calls it");
}

/** @throws CompileError, when it is asked, for an account that is none, or that counts calls of what the kernel does not have. */
const accounting =
  (workOf: WorkOf, region: Region, { functions, params }: Lowered, place: string) =>
  (symbols: SymbolValues): Account => {
    const work = callMember(place, "work", () => workOf((d) => evalDim(d, symbols) ?? Number.NaN));
    checkWork(work, place);
    const names = Object.keys(work.calls);
    const texts = [region.helpers, ...functions];
    const share = (condition: string) => partOf(region.guards.get(condition), symbols);
    const accesses = accessesOf(names, region.bindings, texts, params, share);
    const unknown = names.find((name) => !accesses.has(name));
    if (unknown !== undefined)
      throw new CompileError(
        place,
        `its work counts calls of ${shortName(unknown)}, but its functions are ${listNames(functionNames(texts)) || "none"}`,
        "`calls` are by the names of functions, of parameters with statements, and of bindings",
      );
    return accountOf(work, region.bindings, accesses);
  };

/** Of all elements, those that a guard lets through; undefined where nothing is known of it. */
function partOf(share: ElementShare | undefined, symbols: SymbolValues): number | undefined {
  if (!share) return undefined;
  const value = (d: Dim): number => evalDim(d, symbols) ?? Number.NaN;
  const [lo, hi, of] = [value(share.lo), value(share.hi), value(share.of)];
  return of > 0 ? (Math.min(hi, of) - Math.max(0, lo)) / of : undefined;
}

const configured = (chosen: Kernel | ConfiguredKernel): { readonly kernel: Kernel; readonly config?: Config } =>
  "kernel" in chosen ? chosen : { kernel: chosen };

/** The symbols that a node's types and attributes name. */
const symbolsOfNode = (node: Node): readonly string[] =>
  graphSymbols({
    name: "node",
    inputs: node.operands.map((value) => ({ kind: "input", value })),
    nodes: [node],
    results: node.results,
  }).map((s) => s.name);

/** What the template says of its parameters is said of the kernel that gives them. */
function renderAt(place: string, render: () => string): string {
  try {
    return callMember(place, "template", render);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const { facts, code, hint, fix } = error;
    throw causedBy(new CompileError(place, facts, { code, hint, fix }), error);
  }
}

/** The ops of a region in the order of its body: `layer_norm + matmul + add + gelu`. */
export const titleOf = (region: Region): string => region.body.nodes.map((n) => n.op.name).join(" + ");
