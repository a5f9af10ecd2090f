// What every layer may import, and what imports none of them.
export { type AdapterReport, nearestMachine, PLAIN_TARGET } from "./adapter.ts";
export * from "./bundle.ts";
export type {
  CheckpointNames,
  Initialisation,
  InitialRule,
  RefusedTensor,
  TensorPattern,
  TiedHead,
} from "./checkpoint-names.ts";
export type { Count, Integer, PositiveCount } from "./counts.ts";
export * from "./dim.ts";
export * from "./dtype.ts";
export { detailsOf, type ErrorCode, type ErrorDetails, type Fix, INTERNAL, unreachable, WgptError } from "./errors.ts";
export { sealOf, sealText, sha256 } from "./hash.ts";
export type { Address, Known } from "./host-type.ts";
export { own } from "./own.ts";
export * from "./plan.ts";
export { printable, printableLines, withoutControls } from "./printable.ts";
export * from "./random.ts";
export * from "./recipe.ts";
export { listNames, shortJson, shortName, shortValue } from "./short-json.ts";
