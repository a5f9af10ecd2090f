// What every layer may import, and what imports none of them.
export { adapterFamily, PLAIN_TARGET } from "./adapter-family.ts";
export { type Fix, INTERNAL, unreachable, WgptError } from "./errors.ts";
