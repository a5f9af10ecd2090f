// What every layer may import, and what imports none of them.
export { type AdapterReport, adapterFamily, PLAIN_TARGET } from "./adapter.ts";
export * from "./bundle.ts";
export * from "./dim.ts";
export * from "./dtype.ts";
export { detailsOf, type ErrorCode, type ErrorDetails, type Fix, INTERNAL, unreachable, WgptError } from "./errors.ts";
export type { Address, Known } from "./host-type.ts";
export * from "./plan.ts";
export * from "./random.ts";
