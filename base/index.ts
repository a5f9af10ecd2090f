// What every layer may import, and what imports none of them.
export { type Fix, unreachable, WgptError } from "./errors.ts";
